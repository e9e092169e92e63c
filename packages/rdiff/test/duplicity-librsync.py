"""What duplicity's own calls of librsync make of some contents: signatures, deltas, patched contents.

    duplicity-librsync.py IN OUT

IN: cases of four fields, basis, block length as text, next content, a delta. OUT: three fields for each, the signature of the basis,
the delta of the next content against it, and the basis patched by the given delta. A field is eight bytes of length, big-endian, and
the bytes.
"""

import io
import sys
import tempfile

from duplicity import librsync


def fields(path):
    with open(path, "rb") as stream:
        while True:
            head = stream.read(8)
            if not head:
                return
            yield stream.read(int.from_bytes(head, "big"))


def put(stream, data):
    stream.write(len(data).to_bytes(8, "big"))
    stream.write(data)


source = fields(sys.argv[1])
with open(sys.argv[2], "wb") as target:
    for basis in source:
        block = int(next(source))
        content = next(source)
        delta = next(source)
        signer = librsync.SigGenerator(block)
        signer.update(basis)
        signature = signer.getsig()
        put(target, signature)
        put(target, librsync.DeltaFile(signature, io.BytesIO(content)).read())
        with tempfile.TemporaryFile() as old:
            old.write(basis)
            old.flush()
            put(target, librsync.PatchedFile(old, io.BytesIO(delta)).read())
