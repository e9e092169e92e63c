/** A set of the chain that is to be restored. */
export interface RecoverySet {
  /** Names of its volumes up to the number: `duplicity-full.20231114T221320Z.vol`. */
  readonly start: string
  /** Volumes are numbered from 1 to this. */
  readonly volumes: number
  /** Names of its volumes after the number: `.difftar.gpg`. */
  readonly end: string
}

export interface RecoveryScriptOptions {
  /** The folder that has the files of the storage. */
  readonly from: string
  /** The full set and its increments, in order. */
  readonly sets: readonly RecoverySet[]
  /** Chains that ended before it. */
  readonly older: readonly (readonly RecoverySet[])[]
  /** Whether a passphrase has to be asked for; with keys, gpg asks by itself. */
  readonly passphrase: boolean
}

/** A word of a shell: whatever is in it, it stays one word and nothing in it means anything. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/**
 * A program for sh that gets everything back with gpg (or gzip), tar, cat, rdiff and the core utilities alone. It is
 * run in an empty folder, and makes the folder `snapshot` there. No line is longer than 80 characters, as far as names
 * allow: people may have to type it.
 */
export function recoveryScript({ from, sets, older, passphrase }: RecoveryScriptOptions): string {
  const others = older.flatMap((chain) => [
    '# An older chain, in their place:',
    ...chain.map((set) => `# ${call(set)}`),
  ])
  const lines = [...sets.map(call), ...others]
  return [head, `from=${shellWord(from)}`, '', passphrase ? asking : keys, steps, ...lines, foot].join('\n')
}

function call({ start, volumes, end }: RecoverySet): string {
  return `one ${shellWord(start)} ${volumes} ${shellWord(end)}`
}

const head = `# Run in an empty folder: sh restore.sh
# The folder with the files of the storage:`

const asking = `printf 'Passphrase: ' >&2
trap 'stty echo 2>/dev/null; exit 1' INT
stty -echo 2>/dev/null
IFS= read -r pass
stty echo 2>/dev/null
echo >&2

decrypt() {
  printf '%s\\n' "$pass" | gpg --batch --quiet --pinentry-mode loopback \\
    --passphrase-fd 0 --decrypt "$1"
}
`

const keys = `decrypt() {
  gpg --quiet --decrypt "$1"
}
`

const steps = `if [ -e snapshot ] || [ -L snapshot ]; then
  echo 'There is a snapshot already: run this in an empty folder' >&2; exit 1
fi
LC_ALL=C; export LC_ALL
umask 077
trouble=0
wrong() { trouble=$((trouble + 1)); printf 'Not restored: %s\\n' "$1" >&2; }

content() { # what is in a volume, as tar
  case $1 in
    *.gpg) decrypt "$1" ;;
    *.gz) gzip -dc "$1" ;;
    *) cat "$1" ;;
  esac || echo "$1" >>failed
}

folder() { [ -d "$1" ] && [ ! -L "$1" ]; }

opened() { # who is not root may not write in every folder
  chmod u+rwx "$1"
  for x in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if folder "$x"; then opened "$x"; fi
  done
}

joined() { # pieces of a file are one file: pieces, file
  if [ -f "$1/1" ]; then
    k=1
    while [ -f "$1/$k" ]; do cat "$1/$k"; k=$((k + 1)); done >"$2"
    cp -p --attributes-only "$1/1" "$2"
  elif folder "$1"; then
    mkdir -p "$2"
    for x in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$x" ]; then joined "$x" "$2/\${x##*/}"; fi
    done
  fi
}

gone() { # what a set says was deleted: marks, tree
  if [ -f "$1/=deleted=" ]; then rm -rf "$2"
  elif folder "$1" && folder "$2"; then
    for x in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$x" ]; then gone "$x" "$2/\${x##*/}"; fi
    done
  fi
}

laid() { # new files take their places: new, tree
  if folder "$1"; then
    if ! folder "$2"; then rm -f "$2"; mkdir "$2" || wrong "$2"; fi
    for x in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$x" ] || [ -L "$x" ]; then laid "$x" "$2/\${x##*/}"; fi
    done
  else
    if folder "$2"; then rm -rf "$2"; fi
    mv -fT "$1" "$2" || wrong "$2"
  fi
}

patched() { # changes are applied: changes, tree
  if folder "$1"; then
    folder "$2" || return
    for x in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$x" ]; then patched "$x" "$2/\${x##*/}"; fi
    done
  else
    rm -f work/new
    if [ -f "$2" ] && [ ! -L "$2" ] && rdiff patch "$2" "$1" work/new &&
      cp -p --attributes-only "$1" work/new && mv -fT work/new "$2"
    then :; else wrong "$2"; fi
  fi
}

one() { # a set: its volumes' names up to the number, how many, the rest
  rm -rf work; mkdir work
  n=0
  while [ $n -lt "$2" ]; do
    n=$((n + 1))
    echo "$1$n$3" >&2
    content "$from/$1$n$3" | {
      tar -C work -xpvf - --delay-directory-restore --quoting-style=escape \\
        --transform='flags=rSH;s,^deleted/.*,&/=deleted=,' >names ||
        echo "$1$n$3, at least a part" >>failed
      cat >/dev/null
    }
    while IFS= read -r line; do
      case $line in
        snapshot/./) echo snapshot/ ;;
        snapshot/*/) printf '%s\\n' "$line" ;;
      esac
    done <names >folders
    (cd work && tar -cf - --no-recursion -T ../folders) >>folders.tar
    if [ "$(id -u)" != 0 ]; then opened work; fi
  done
  joined work/multivol_snapshot work/snapshot
  joined work/multivol_diff work/diff
  if [ -d snapshot ]; then
    gone work/deleted snapshot
    if [ -d work/snapshot ]; then laid work/snapshot snapshot; fi
    if [ -d work/diff ]; then patched work/diff snapshot; fi
  else
    mv work/snapshot snapshot
  fi
}

: >folders.tar
rm -f failed
# The full set and its increments, in order; leave out the last ones to get
# an earlier state:`

const foot = `
# Owners, modes and times of folders come last.
tar -cvf /dev/null --quoting-style=escape snapshot | while IFS= read -r line; do
  case $line in */) printf '%s\\n' "$line" ;; esac
done >folders
tar -xpf folders.tar --ignore-zeros --delay-directory-restore --no-recursion \\
  -T folders || wrong 'attributes of folders'
if [ -f failed ]; then wrong "what is in $(cat failed)"; fi
rm -rf work names folders folders.tar failed
if [ $trouble = 0 ]; then echo 'Everything is in the folder snapshot'
else echo "Not everything is there: $trouble times, see above" >&2; exit 1; fi
`
