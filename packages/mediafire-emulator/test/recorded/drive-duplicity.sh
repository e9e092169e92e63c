#!/bin/sh
# Uses duplicity's own mf:// backend through the Python SDK; shim/sitecustomize.py (MF_BASE) and the SDK are on PYTHONPATH.
set -e
work=$(mktemp -d)
mkdir "$work/src"
echo one > "$work/src/a"; echo two > "$work/src/b"
url="mf://$(echo "$MF_EMAIL" | sed s/@/%40/)@mediafire.com/some/dir"
export FTP_PASSWORD="$MF_PASSWORD" TZ=UTC
run() { /usr/bin/duplicity "$@" --archive-dir "$work/cache" --no-encryption --num-retries 2 --backend-retry-delay 1 --verbosity 2; }
run full --current-time 1767629472 "$work/src" "$url"
echo three > "$work/src/c"; echo more >> "$work/src/a"
run incremental --current-time 1767715872 "$work/src" "$url"
rm -r "$work/cache"
run list-current-files "$url" > "$work/list"
grep -q ' c$' "$work/list"
run restore "$url" "$work/restored"
diff -r "$work/src" "$work/restored"
run verify --compare-data "$url" "$work/src"
rm -r "$work"
