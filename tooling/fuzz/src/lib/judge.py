"""Answers a line of JSON with a line of JSON: what Python's standard library makes of an input.

A question is [operation, input in base64]. An answer is {"ok": ...} or {"refused": "why"}. Bytes travel as text with
one char per byte, large ones as {"sha256", "bytes"}.
"""

import base64
import bz2
import hashlib
import io
import json
import shlex
import sys
import tarfile
import zlib

LIMIT = 64 << 20


def raw(text):
    return text.encode("utf-8", "surrogateescape").decode("latin1")


def digest(data):
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def tar(data):
    members = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            body = archive.extractfile(info).read() if info.isreg() else b""
            members.append(
                {
                    "name": raw(info.name),
                    "type": info.type.decode("latin1"),
                    "mode": info.mode,
                    "uid": info.uid,
                    "gid": info.gid,
                    "size": info.size,
                    "mtime": info.mtime,
                    "linkName": raw(info.linkname),
                    "userName": raw(info.uname),
                    "groupName": raw(info.gname),
                    "sparse": info.sparse is not None,
                    "offset": info.offset,
                    "body": digest(body),
                }
            )
    return members


def inflated(data, wbits):
    """All members for gzip; what follows is told."""
    out = b""
    while True:
        engine = zlib.decompressobj(wbits)
        out += engine.decompress(data, LIMIT - len(out) + 1)
        if len(out) > LIMIT:
            raise ValueError("too much")
        if not engine.eof:
            raise EOFError("it ends too early")
        data = engine.unused_data
        if wbits != 31 or data[:2] != b"\x1f\x8b":
            return {**digest(out), "trailing": len(data.strip(b"\0")) if wbits == 31 else len(data)}


def bunzip2(data):
    engine = bz2.BZ2Decompressor()
    out = engine.decompress(data, LIMIT)
    if not engine.eof:
        raise EOFError("it ends too early, or is too much")
    return {**digest(out), "trailing": len(engine.unused_data)}


OPERATIONS = {
    "tar": tar,
    "raw": lambda data: inflated(data, -15),
    "zlib": lambda data: inflated(data, 15),
    "gzip": lambda data: inflated(data, 31),
    "bzip2": bunzip2,
    "words": lambda data: shlex.split(data.decode("utf-8")),
}

for line in sys.stdin:
    operation, given = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[operation](base64.b64decode(given))}
    except (tarfile.TarError, ValueError, EOFError, OSError, zlib.error) as error:
        answer = {"refused": repr(error)}
    print(json.dumps(answer), flush=True)
