#!/usr/bin/python3
"""Runs the installed duplicity with one change: it writes tar headers in GNU's dialect, names as raw bytes.

    duplicity-gnu.py full --no-encryption --no-compression SOURCE file://TARGET

All arguments, the environment, the output and the exit code are duplicity's own. So its volumes and signature files
can be compared byte by byte with ours, which are in that dialect: Python up to 3.7 wrote it, later ones write pax.
Names that are not UTF-8 stay what they are; duplicity itself replaces the odd bytes in volumes by question marks when
it runs under Python 3 with GNU headers.

Run it with the interpreter that has duplicity, which is the first line of `which duplicity`; the one above is Debian's.
A restart of an unfinished backup replaces the process and with it the change: keep to backups that run through.
"""

import runpy
import shutil
import sys
import tarfile

encode = tarfile.TarInfo.tobuf


def encode_gnu(self, format=None, encoding=tarfile.ENCODING, errors=None):
    return encode(self, tarfile.GNU_FORMAT, encoding, "surrogateescape")


tarfile.TarInfo.tobuf = encode_gnu

program = shutil.which("duplicity")
if program is None:
    sys.exit("duplicity-gnu.py: duplicity is not installed")
runpy.run_path(program, run_name="__main__")
