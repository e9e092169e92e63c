"""Asks duplicity's own selection module, many cases in one process.

Standard input: one JSON object per line: root, tree, options, lists, nullSeparator. All strings are bytes, one character
each. The tree is given, not on disk: [path, kind, device, mtime] per entry, the root first. Standard output: per case one
JSON object: {"version"} first, then {"paths": [...]} in the order of selection, or {"exit": code} where duplicity ends with
a message, or {"crash": name} where it ends with a traceback.
"""

import io
import json
import os
import stat
import sys

answers = os.fdopen(os.dup(1), "w")
sys.stdout = open(os.devnull, "w", errors="surrogateescape")
sys.stderr = open(os.devnull, "w", errors="surrogateescape")

import duplicity
from duplicity import config, log, path, selection

log.setup()
log.setverbosity(0)

KINDS = {
    "file": stat.S_IFREG,
    "directory": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
    "character-device": stat.S_IFCHR,
    "block-device": stat.S_IFBLK,
}


class Facts:
    def __init__(self, kind, device, mtime):
        self.st_mode = KINDS[kind] | 0o755
        self.st_dev = device
        self.st_mtime = mtime
        self.st_rdev = 0


class GivenTree:
    entries = {}
    children = {}


class GivenPath(path.Path):
    """A path whose facts come from the given tree."""

    def setdata(self):
        # "./x" and "x/" name x.
        facts = GivenTree.entries.get(b"/".join(each for each in self.index if each not in (b"", b".")))
        if facts is None:
            self.stat, self.type, self.mode = None, None, None
        else:
            self.stat = facts
            self.set_from_stat()

    def listdir(self):
        return list(GivenTree.children.get(b"/".join(self.index), []))


class GivenOs:
    """The os module as the selection sees it: everything can be read."""

    class path:
        @staticmethod
        def getmtime(name):
            return GivenTree.mtimes[name]

    def __getattr__(self, name):
        return getattr(os, name)

    @staticmethod
    def access(name, mode):
        return True


for name in dir(os.path):
    if not name.startswith("_") and name != "getmtime":
        value = getattr(os.path, name)
        setattr(GivenOs.path, name, staticmethod(value) if callable(value) else value)
selection.os = GivenOs()


def raw(text):
    return text.encode("latin1")


def plant(case, root):
    GivenTree.entries = {}
    GivenTree.children = {}
    GivenTree.mtimes = {}
    for name, kind, device, mtime in case["tree"]:
        name = raw(name)
        GivenTree.entries[name] = Facts(kind, device, mtime)
        GivenTree.mtimes[os.path.join(root, name) if name else root] = mtime
        if name:
            parent, _, last = name.rpartition(b"/")
            GivenTree.children.setdefault(parent, []).append(last)


def ask(case):
    config.null_separator = bool(case.get("nullSeparator"))
    root = GivenPath(raw(case["root"])).get_canonical()
    plant(case, root)
    select = selection.Select(GivenPath(root))
    options, lists = [], []
    for option, value, content in case["options"]:
        if option == "--exclude-older-than":
            options.append((option, int(value)))
        else:
            options.append((option, None if value is None else os.fsdecode(raw(value))))
        if content is not None:
            lists.append(io.TextIOWrapper(io.BytesIO(raw(content)), encoding="UTF-8"))
    select.ParseArgs(options, lists)
    # What does not exist comes out here, and is dropped later.
    return [b"/".join(each.index).decode("latin1") for each in select.set_iter() if each.type]


def answer(case):
    try:
        return {"paths": ask(case)}
    except SystemExit as end:
        return {"exit": end.code}
    except BaseException as trouble:
        return {"crash": type(trouble).__name__}


config_version = getattr(duplicity, "__version__", "")
print(json.dumps({"version": config_version}), file=answers)
for line in sys.stdin.buffer:
    print(json.dumps(answer(json.loads(line))), file=answers)
answers.flush()
