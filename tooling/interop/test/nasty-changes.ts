import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Random, Snapshot, SnapshotEntry } from '@coalmine/fixtures'

// Changes of a tree between two sets. Each touches the time as well: the real program does not look at sizes or contents.

type Change = (path: Buffer, entry: SnapshotEntry, random: Random) => void

const isRoot = process.getuid?.() === 0
// Who is not root has to go on reading what is there.
const modes = isRoot ? [0o600, 0o755, 0o4711, 0o2750, 0] : [0o700, 0o755, 0o777]

const content: Record<string, Change> = {
  'edited in the middle': (path, { size }, random) => {
    const file = openSync(path, 'r+')
    writeSync(file, random.bytes(Math.min(9, size)), 0, Math.min(9, size), Math.floor(size / 2))
    closeSync(file)
  },
  'grown in front': (path, _, random) =>
    writeFileSync(path, Buffer.concat([random.bytes(random.integer(1, 700)), readFileSync(path)])),
  'grown at the end': (path, { size }, random) => appendFileSync(path, random.bytes((-size & 65_535) + 3)),
  shrunk: (path, { size }, random) => truncateSync(path, random.integer(0, size)),
  emptied: (path) => truncateSync(path, 0),
  'written anew': (path, _, random) => writeFileSync(path, random.bytes(random.integer(0, 140_000))),
}

/** Changes one tree again and again, as nastily as it can, and counts what it did. */
export class NastyChanges {
  /** How often each change was made. */
  readonly made = new Map<string, number>()
  readonly #source: string
  #counted = 0
  /** What was deleted a set ago, and comes back with other content. */
  #missed: Buffer[] = []
  readonly #place: Record<string, Change>
  readonly #kind: Record<string, Change>
  readonly #attributes: Record<string, Change>

  /** @param source - A nasty tree, to which files that turn at both ends are added. */
  constructor(source: string, random: Random) {
    this.#source = source
    mkdirSync(join(source, 'turning'))
    writeFileSync(join(source, 'turning/multi'), random.bytes(2_600_000))
    writeFileSync(join(source, 'turning/text'), 'a line that shrinks well\n'.repeat(50_000))
    const count = () => (this.#counted += 1)
    this.#place = {
      deleted: (path) => replace(path, () => undefined),
      renamed: (path) =>
        renameSync(path, Buffer.concat([path.subarray(0, path.lastIndexOf(47) + 1), Buffer.from(`~${count()}`)])),
    }
    this.#kind = {
      'became a file': (path, _, fork) => replace(path, () => writeFileSync(path, fork.bytes(fork.integer(0, 70_000)))),
      'became a folder': (path, _, fork) =>
        replace(path, () => {
          mkdirSync(path)
          writeFileSync(Buffer.concat([path, Buffer.from('/inside')]), fork.bytes(100))
        }),
      // Never the same target twice: of a link the real program looks at nothing else.
      'became a link': (path) => replace(path, () => symlinkSync(`to ${count()}`, path)),
      'became a pipe': (path) =>
        replace(path, () => {
          const plain = join(source, 'turning', 'pipe')
          execFileSync('mkfifo', [plain])
          renameSync(plain, path)
        }),
    }
    this.#attributes = {
      'only mode': (path, { mode }, fork) =>
        chmodSync(path, fork.pick(modes.filter((one) => one !== mode) as [number])),
      'only time': (path, { mtimeSeconds }) => setTime(path, Math.max(0, mtimeSeconds) + 1 + count()),
      ...(isRoot
        ? {
            'only owner': (path: Buffer, { uid }: SnapshotEntry, fork: Random) =>
              lchownSync(path, uid + 1, fork.integer(0, 3_000_000)),
          }
        : {}),
    }
  }

  /** Names of all changes that there are. */
  get names(): string[] {
    const groups = [content, this.#kind, this.#place, this.#attributes]
    return [...groups.flatMap((group) => Object.keys(group)), 'back again']
  }

  /**
   * Changes some four of ten files and an eighth of the folders, and what is larger than a volume.
   *
   * @param state - The tree as it is.
   * @param set - Counted from 1: of the next set.
   */
  change(state: Snapshot, random: Random, set: number): void {
    const at = (path: string) => Buffer.concat([Buffer.from(`${this.#source}/`), Buffer.from(path, 'latin1')])
    const gone = { ...state.get('')!, size: 0 }
    const returning = this.#missed
    this.#missed = []
    for (const path of returning) {
      if (!exists(path.subarray(0, path.lastIndexOf(47))) || exists(path)) continue
      this.#kind['became a file']!(path, gone, random)
      this.#note('back again')
    }
    for (const [path, entry] of state) {
      const bytes = at(path)
      // The ends of the tree stay; so does what a change of something above has taken away.
      if (path === '' || path.startsWith('turning') || !exists(bytes)) continue
      if (random.integer(0, 99) >= (entry.kind === 'directory' ? 12 : 40)) continue
      const choices = this.#changesOf(entry)
      if (choices.length === 0) continue
      const [name, change] = random.pick(choices as [[string, Change]])
      change(bytes, { ...entry, size: lstatSync(bytes).size }, random)
      this.#note(name)
      if (name === 'deleted' && random.integer(0, 1) === 0) this.#missed.push(bytes)
      else if (name in content) setTime(bytes, 1_500_000_000 + (this.#counted += 1))
    }
    this.#turn(at('turning/multi'), random, set)
  }

  /** Larger than a volume: both ends and the middle, longer and shorter, moved by an odd number of bytes. */
  #turn(multi: Buffer, random: Random, set: number): void {
    const old = readFileSync(multi)
    const half = Math.floor(old.length / 2)
    const parts = [
      [random.bytes(10), old.subarray(10, -10), random.bytes(10)],
      [old.subarray(0, half), random.bytes(1_234_567), old.subarray(half)],
      [random.bytes(3), old.subarray(0, half - 500_000), old.subarray(half), Buffer.from('end')],
    ][(set - 1) % 3]!
    writeFileSync(multi, Buffer.concat(parts))
    setTime(multi, 1_500_000_000 + (this.#counted += 1))
  }

  #changesOf({ kind, size }: SnapshotEntry): [string, Change][] {
    const { 'became a file': file, ...others } = this.#kind
    const [place, attributes] = [this.#place, this.#attributes]
    if (kind === 'file') {
      const inside = size === 0 ? { 'grown at the end': content['grown at the end']! } : content
      return Object.entries({ ...inside, ...others, ...place, ...attributes })
    }
    if (kind === 'directory') {
      const { 'became a folder': _, ...rest } = others
      return Object.entries({ 'became a file': file!, ...rest, ...place, ...attributes })
    }
    if (kind === 'symlink') return Object.entries({ 'became a file': file!, ...others, ...place })
    if (kind === 'fifo') return Object.entries({ 'became a file': file!, ...place, ...attributes })
    return []
  }

  #note(name: string): void {
    this.made.set(name, (this.made.get(name) ?? 0) + 1)
  }
}

function replace(path: Buffer, make: () => void): void {
  rmSync(path, { recursive: true, force: true })
  make()
}

function setTime(path: Buffer, seconds: number): void {
  lutimesSync(path, seconds, seconds)
}

function exists(path: Buffer): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    // Something above it is no folder any more.
    return false
  }
}
