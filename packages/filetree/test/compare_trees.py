"""Compares two trees by what os.lstat says of every name. Prints the differences, a line each; sockets are left out.

usage: compare_trees.py SOURCE COPY [ids]     ids: owners are compared too
"""

import hashlib
import os
import stat
import sys


def describe(path, ids):
    facts = os.lstat(path)
    found = [stat.S_IFMT(facts.st_mode), stat.S_IMODE(facts.st_mode), facts.st_mtime_ns // 10**9]
    if ids:
        found += [facts.st_uid, facts.st_gid]
    if stat.S_ISLNK(facts.st_mode):
        found.append(os.readlink(path))
    elif stat.S_ISREG(facts.st_mode):
        with open(path, "rb") as file:
            found += [facts.st_size, hashlib.sha256(file.read()).hexdigest()]
    elif stat.S_ISCHR(facts.st_mode) or stat.S_ISBLK(facts.st_mode):
        found += [os.major(facts.st_rdev), os.minor(facts.st_rdev)]
    return found


def tree(top, ids):
    found = {b"": describe(top, ids)}
    for folder, folders, files in os.walk(top, onerror=lambda error: sys.exit(str(error))):
        for name in folders + files:
            path = os.path.join(folder, name)
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                found[os.path.relpath(path, top)] = describe(path, ids)
    return found


def main():
    source, copy = (os.fsencode(path) for path in sys.argv[1:3])
    ids = sys.argv[3:] == ["ids"]
    wanted, actual = tree(source, ids), tree(copy, ids)
    for path in sorted(wanted.keys() | actual.keys()):
        if wanted.get(path) != actual.get(path):
            print(repr(path), wanted.get(path), actual.get(path))
    print(len(wanted), "compared")


main()
