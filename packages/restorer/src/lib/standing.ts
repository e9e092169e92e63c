import { comparePaths, fromBytes, isBelow, type RawPath } from '@coalmine/bytes'
import type { Owners, Tree, TreeEntry } from '@coalmine/filetree'
import type { Repository, DatedSet } from '@coalmine/repository'
import type { Manifest, SigTarEntry } from '@coalmine/volume-format'
import { metaDifference } from './differences.ts'
import { RestoreError } from './errors.ts'
import { SignatureProof } from './signature-cursor.ts'
import { TreeCursor } from './tree-cursor.ts'

/** What an unfinished restore left in its target. */
export interface Standing {
  readonly tree: Tree
  /** Whose ids the names in the backup have there; without it ids are compared as they are. */
  readonly owners?: Owners
}

/** What is left to be restored. */
export interface Rest {
  /** Of each file of the state, in the order of paths, whether it has to be written. */
  readonly isNeeded: (file: number) => boolean
  /** Of each set the numbers of volumes that have something of files that have to be written. */
  readonly volumes: readonly ReadonlySet<number>[]
  /** Files that are right. */
  readonly kept: number
}

export interface RestParts {
  readonly repository: Repository
  readonly sets: readonly DatedSet[]
  /** Of each set. */
  readonly manifests: readonly Manifest[]
  /** What is restored, in the place of which the tree stands. */
  readonly path: RawPath
  readonly standing: Standing
  readonly signal: AbortSignal | undefined
}

// Files below this are compared as they come with the walk.
const smallBytes = 65_536

/**
 * Compares a target with the signatures of a state: a file is right when its kind, owner, mode and time are those of the
 * backup, and its content has the signature that it had then.
 *
 * @throws RestoreError `damaged` when signatures cannot be meant; the repository's errors when they cannot be read.
 */
export async function findRest({ repository, sets, manifests, path, standing, signal }: RestParts): Promise<Rest> {
  const needed = new Flags()
  const marks = manifests.map((manifest) => new VolumeMarks(manifest))
  const cursor = new TreeCursor(standing.tree, smallBytes, signal)
  let kept = 0
  try {
    for await (const groups of repository.named(sets)) {
      for (const group of groups) {
        if (!isBelow(group.path, path)) continue
        const newest = group.entries[0]!.entry
        requireSense(newest)
        if (newest.action !== 'signature') continue
        const relative = (path === '' ? group.path : group.path.slice(path.length + 1)) as RawPath
        const isRight = await hasContent(await entryAt(cursor, relative), newest, standing)
        needed.push(!isRight)
        if (isRight) kept += 1
        else markVolumes(group.path, group.entries, marks)
      }
    }
  } finally {
    await cursor.close()
  }
  return { isNeeded: (file) => needed.at(file), volumes: marks.map(({ numbers }) => numbers), kept }
}

/** What is no file is restored from what its signature file says: that must be what only no file can have. */
function requireSense({ action, meta, path }: SigTarEntry): void {
  if (action === 'deleted' || (meta?.kind === 'file') === (action === 'signature')) return
  throw new RestoreError('damaged', `Cannot go by the signatures: "${path}" is ${meta?.kind} there, and ${action}`)
}

/** Every set that says something of the file since it last was none. */
function markVolumes(
  path: RawPath,
  entries: readonly { readonly file: number; readonly entry: SigTarEntry }[],
  marks: readonly VolumeMarks[],
): void {
  for (const { file, entry } of entries) {
    if (entry.action !== 'signature') return
    marks[file]!.mark(path)
  }
}

/** The entry of the tree at a path; those before it belong to nothing that was backed up. */
async function entryAt(cursor: TreeCursor, path: RawPath): Promise<TreeEntry | undefined> {
  for (let found = await cursor.next(); found !== undefined; found = await cursor.next()) {
    const order = comparePaths(found.path, path)
    if (order > 0) return undefined
    cursor.take()
    if (order === 0) return found.entry
  }
  return undefined
}

async function hasContent(
  found: TreeEntry | undefined,
  { meta, signature }: SigTarEntry,
  { tree, owners }: Standing,
): Promise<boolean> {
  // Signatures of files of hundreds of gigabytes are not held: those are written again.
  if (found === undefined || signature === undefined) return false
  if (metaDifference(found, meta!, owners) !== undefined) return false
  const proof = new SignatureProof(signature)
  try {
    for await (const chunk of found.content === undefined ? tree.open(found) : fromBytes(found.content).open()) {
      proof.push(chunk)
    }
  } catch (error) {
    // What cannot be read is not right.
    if (!(error instanceof Error && error.name === 'FileTreeError')) throw error
    return false
  }
  return proof.finish()
}

/** A row of yes and no that grows. */
class Flags {
  #bytes = new Uint8Array(1024)
  #count = 0

  push(value: boolean): void {
    if (this.#count === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#count++] = value ? 1 : 0
  }

  at(index: number): boolean {
    return this.#bytes[index] === 1
  }
}

/** The volumes of a set that hold paths, which come in their order. */
class VolumeMarks {
  readonly numbers = new Set<number>()
  readonly #volumes: readonly { readonly number: number; readonly start: RawPath; readonly end: RawPath }[]
  #first = 0

  constructor({ volumes }: Manifest) {
    this.#volumes = [...volumes.values()]
      .sort((a, b) => a.number - b.number)
      .map(({ number, start, end }) => ({ number, start: start.path, end: end.path }))
  }

  mark(path: RawPath): void {
    while (this.#first < this.#volumes.length && comparePaths(this.#volumes[this.#first]!.end, path) < 0) {
      this.#first += 1
    }
    for (let at = this.#first; at < this.#volumes.length; at++) {
      const { number, start } = this.#volumes[at]!
      if (comparePaths(start, path) > 0) return
      this.numbers.add(number)
    }
  }
}
