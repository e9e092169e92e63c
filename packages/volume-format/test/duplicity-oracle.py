#!/usr/bin/python3
"""Asks the installed duplicity's own code what it makes of names, times, listings and manifests.

    duplicity-oracle.py QUESTION < question.json > answer.json

Bytes travel as text with one char per byte. Nothing is read or written but standard input and output.
"""

import json
import sys
import time

from duplicity import config, dup_collections, dup_time, file_naming, log, manifest

log.setup()
log.setverbosity(log.ERROR)


def raw(text):
    return text.encode("latin-1")


def text(data):
    return None if data is None else data.decode("latin-1")


def configure(options):
    prefixes = options.get("prefixes", {})
    config.file_prefix = raw(prefixes.get("file", ""))
    config.file_prefix_archive = raw(prefixes.get("archive", ""))
    config.file_prefix_manifest = raw(prefixes.get("manifest", ""))
    config.file_prefix_signature = raw(prefixes.get("signature", ""))
    config.time_separator = options.get("timeSeparator", ":")
    file_naming.prepare_regex(force=True)
    dup_time.setcurtime(options.get("now", 1700000000))


def parsed(name):
    try:
        result = file_naming.parse(raw(name))
    except Exception as error:
        return {"dies": type(error).__name__}
    if result is None:
        return None
    return {
        "type": result.type,
        "time": result.time,
        "start": result.start_time,
        "end": result.end_time,
        "manifest": bool(result.manifest),
        "volume": result.volume_number,
        "partial": bool(result.partial),
        "encrypted": bool(result.encrypted),
        "compressed": bool(result.compressed),
    }


def names(question):
    answers = []
    for batch in question["batches"]:
        configure(batch)
        answers.append([parsed(name) for name in batch["names"]])
    return answers


def format_names(question):
    answers = []
    for case in question["cases"]:
        configure(case)
        dup_time.setcurtime(case["end"])
        dup_time.setprevtime(case["start"])
        answers.append(
            text(
                file_naming.get(
                    case["type"],
                    volume_number=case.get("volume"),
                    manifest=case.get("manifest", False),
                    encrypted=case["encrypted"],
                    gzipped=case["gzipped"],
                    partial=case["partial"],
                )
            )
        )
    return answers


def times(question):
    """Local times, too: of the zone in the environment."""
    configure(question)
    answers = []
    for string in question["strings"]:
        try:
            answers.append(dup_time.genstrtotime(string, question["now"]))
        except dup_time.TimeException:
            answers.append(None)
        except Exception as error:
            answers.append({"dies": type(error).__name__})
    return answers


def format_times(question):
    """Names and prints of moments, and the moments of local clocks."""
    configure(question)
    return {
        "names": [dup_time.timetostring(t) for t in question["seconds"]],
        "pretty": [dup_time.timetopretty(t) for t in question["seconds"]],
        "clocks": [int(time.mktime(tuple(c) + (0, 0, -1))) for c in question.get("clocks", [])],
    }


class Listing:
    def __init__(self, keys):
        self.keys = [raw(key) for key in keys]

    def list(self):
        return list(self.keys)

    def listdir(self):
        return list(self.keys)

    def append(self, name):
        return name


def a_set(backup_set):
    return {
        "type": backup_set.type,
        "start": backup_set.start_time,
        "end": backup_set.get_time(),
        "encrypted": bool(backup_set.encrypted),
        "partial": bool(backup_set.partial),
        "manifest": text(backup_set.remote_manifest_name),
        "volumes": {str(n): text(name) for n, name in backup_set.volume_name_dict.items()},
    }


def a_chain(chain):
    return [a_set(s) for s in chain.get_all_sets()]


def a_signature_chain(chain):
    return [text(name) for name in chain.get_filenames()]


def collection(case):
    remote = Listing(case["keys"])
    config.archive_dir_path = Listing([])
    status = dup_collections.CollectionsStatus(remote, Listing([]), "collection-status")
    try:
        status.set_values(sig_chain_warning=None)
    except AssertionError as error:
        return {"dies": "AssertionError", "why": str(error)}
    answer = {
        "chains": [a_chain(c) for c in status.all_backup_chains],
        "orphaned": [a_set(s) for s in status.orphaned_backup_sets],
        "incomplete": [a_set(s) for s in status.incomplete_backup_sets],
        "signatureChains": [a_signature_chain(c) for c in status.all_sig_chains],
        "orphanedSignatures": [text(name) for name in status.remote_orphaned_sig_names],
        "matched": None,
        "forTimes": [],
    }
    if status.matched_chain_pair:
        signatures, backups = status.matched_chain_pair
        answer["matched"] = {"chain": a_chain(backups), "signatures": a_signature_chain(signatures)}
    for t in case["times"]:
        try:
            chain = status.get_backup_chain_at_time(t)
            answer["forTimes"].append([a_set(s) for s in chain.get_sets_at_time(t)])
        except dup_collections.CollectionsError as error:
            answer["forTimes"].append({"dies": str(error)})
    return answer


def collections(question):
    configure(question)
    return [collection(case) for case in question["cases"]]


def index_text(index):
    return "/".join(text(part) for part in index)


def a_manifest(source):
    result = manifest.Manifest()
    try:
        result.from_string(raw(source))
    except Exception as error:
        return {"dies": type(error).__name__}
    return {
        "hostname": result.hostname and text(result.hostname.encode()),
        "localDir": text(result.local_dirname),
        "volumes": [
            {
                "number": volume.volume_number,
                "start": [index_text(volume.start_index), volume.start_block],
                "end": [index_text(volume.end_index), volume.end_block],
                "hashes": volume.hashes,
            }
            for _, volume in sorted(result.volume_info_dict.items())
        ],
        "files": None if not result.files_changed else [[text(a), text(p)] for a, p in result.files_changed],
    }


def manifests(question):
    config.show_changes_in_set = 0 if question.get("files") else None
    config.file_changed = None
    return [a_manifest(source) for source in question["sources"]]


class Sink:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


def format_manifest(case):
    """As a backup does it: piece by piece into the file that is then uploaded."""
    sink = Sink()
    result = manifest.Manifest(fh=sink)
    if case.get("hostname"):
        sink.write(b"Hostname %s\n" % raw(case["hostname"]))
    if case.get("localDir"):
        sink.write(b"Localdir %s\n" % manifest.Quote(raw(case["localDir"])))
    for volume in case["volumes"]:
        info = manifest.VolumeInfo()
        start, end = (tuple(raw(place[0]).split(b"/")) if place[0] else () for place in (volume["start"], volume["end"]))
        info.set_info(volume["number"], start, volume["start"][1], end, volume["end"][1])
        for name, digest in volume["hashes"]:
            info.set_hash(name, digest)
        result.add_volume_info(info)
    result.set_files_changed_info([(raw(path) or b".", raw(action)) for action, path in case["files"]])
    return text(sink.data)


def format_manifests(question):
    return [format_manifest(case) for case in question["cases"]]


def contains(question):
    """Which volumes a restore of a path would fetch."""
    answers = []
    for start, end, path in question["cases"]:
        info = manifest.VolumeInfo()
        parts = [tuple(raw(place).split(b"/")) if place else () for place in (start, end, path)]
        info.set_info(1, parts[0], None, parts[1], None)
        answers.append(bool(info.contains(parts[2])))
    return answers


def quotes(question):
    return [[text(manifest.Quote(raw(s))), text(manifest.Unquote(manifest.Quote(raw(s)))) if s else ""] for s in question["strings"]]


questions = {
    "names": names,
    "format-names": format_names,
    "times": times,
    "format-times": format_times,
    "collections": collections,
    "manifests": manifests,
    "format-manifests": format_manifests,
    "contains": contains,
    "quotes": quotes,
}
json.dump(questions[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
