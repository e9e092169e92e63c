# Answers one JSON line for each JSON line: what Python's tarfile writes and reads. Bytes travel as latin1 text.
import base64
import io
import json
import sys
import tarfile

FORMATS = {"gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT, "pax": tarfile.PAX_FORMAT}


def to_text(raw):
    return raw.encode("latin1").decode("utf-8", "surrogateescape")


def to_raw(text):
    return text.encode("utf-8", "surrogateescape").decode("latin1")


def tarinfo(fields):
    info = tarfile.TarInfo()
    info.name = to_text(fields["name"])
    info.type = fields["typeflag"].encode("latin1")
    info.mode = fields["mode"]
    info.uid = fields["uid"]
    info.gid = fields["gid"]
    info.size = fields["size"]
    info.mtime = fields["mtime"]
    info.linkname = to_text(fields["linkName"])
    info.uname = to_text(fields["userName"])
    info.gname = to_text(fields["groupName"])
    info.devmajor = fields["devMajor"]
    info.devminor = fields["devMinor"]
    info.pax_headers = {to_text(k): to_text(v) for k, v in fields.get("pax", {}).items()}
    return info


def encode(request):
    return tarinfo(request["header"]).tobuf(FORMATS[request["format"]], "utf-8", "surrogateescape").hex()


def write(request):
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out,
        mode="w",
        format=FORMATS[request["format"]],
        encoding="utf-8",
        errors="surrogateescape",
        pax_headers={to_text(k): to_text(v) for k, v in request.get("pax", {}).items()},
    ) as archive:
        for fields in request["members"]:
            info = tarinfo(fields)
            archive.addfile(info, io.BytesIO(fields["body"].encode("latin1")))
    return base64.b64encode(out.getvalue()).decode()


def read(request):
    data = io.BytesIO(base64.b64decode(request["archive"]))
    members = []
    with tarfile.open(fileobj=data, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            body = archive.extractfile(info).read() if info.isreg() else b""
            members.append(
                {
                    "name": to_raw(info.name),
                    "typeflag": info.type.decode("latin1"),
                    "mode": info.mode,
                    "uid": info.uid,
                    "gid": info.gid,
                    "size": info.size,
                    "mtime": info.mtime,
                    "linkName": to_raw(info.linkname),
                    "userName": to_raw(info.uname),
                    "groupName": to_raw(info.gname),
                    "devMajor": info.devmajor,
                    "devMinor": info.devminor,
                    "offset": info.offset,
                    "body": body.decode("latin1"),
                }
            )
    return members


OPERATIONS = {"encode": encode, "write": write, "read": read}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[request["op"]](request)}
    except (tarfile.TarError, ValueError) as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
