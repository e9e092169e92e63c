import type { RawPath } from '@coalmine/bytes'
import { memory } from './file-reader.ts'
import { entryKinds, type TreeBatch, type TreeEntry, type TreeProblem } from './entry.ts'

/**
 * A batch in the form that crosses from the worker: numbers in one array and all paths in one string, because copying
 * thousands of objects between threads costs more than the lstats. No name holds a NUL, so it separates them.
 */
export interface PackedBatch {
  count: number
  numbers: Float64Array
  paths: string
  /** Of the symlinks among the entries, in their order. */
  links: string
  /** Memory with the contents; moved to the receiver, not copied. */
  slabs: Uint8Array[]
  problems: TreeProblem[]
  /** What it holds in memory, about. */
  bytes: number
  /** Nothing comes after it. */
  last: boolean
}

/** One entry's numbers, in the order of the columns. */
const columns = 14

/** What the packer is told of an entry. Times as lstat gives them, with nanoseconds. */
export interface EntryRow {
  kind: number
  mode: number
  uid: number
  gid: number
  size: number
  mtimeNs: bigint
  ctimeNs: bigint
  inode: number
  device: number
  devMajor: number
  devMinor: number
}

/** Bytes of small files that share one piece of memory. */
export const slabBytes = 1_048_576

const billion = 1_000_000_000n

/** Gathers entries and problems until the walker finds the batch large enough. */
export class BatchPacker {
  readonly #most: number
  #numbers: Float64Array
  #paths: string[] = []
  #links: string[] = []
  #slabs: Uint8Array[] = []
  #slab: Uint8Array | undefined
  #slabAt = 0
  /** Where the shared slab is among those of the batch; -1 as long as nothing lies in it. */
  #slabNumber = -1
  #contentBytes = 0
  #pathBytes = 0
  #problems: TreeProblem[] = []

  constructor(mostEntries: number) {
    this.#most = mostEntries
    this.#numbers = new Float64Array(mostEntries * columns)
  }

  get count(): number {
    return this.#paths.length
  }

  /** Whether it is large enough to go. */
  get full(): boolean {
    return (
      this.count >= this.#most ||
      this.#contentBytes >= slabBytes * 0.75 ||
      this.#pathBytes >= slabBytes ||
      this.#problems.length >= this.#most
    )
  }

  /** Memory for a content of at most `length` bytes: to be filled, then handed back to {@link BatchPacker.add}. */
  room(length: number): Uint8Array {
    if (this.#slab !== undefined && this.#slab.length - this.#slabAt >= length) {
      return this.#slab.subarray(this.#slabAt, this.#slabAt + length)
    }
    // What would waste a good part of a shared slab gets one of its own.
    if (length > slabBytes / 4) return memory(length)
    this.#slab = memory(slabBytes)
    this.#slabAt = 0
    this.#slabNumber = -1
    return this.#slab.subarray(0, length)
  }

  /** @param content - What was read, at the start of {@link BatchPacker.room} or in memory of its own. */
  add(path: RawPath, row: EntryRow, linkTarget?: RawPath, content?: Uint8Array): void {
    const at = this.#paths.length * columns
    if (at === this.#numbers.length) this.#grow()
    const numbers = this.#numbers
    let nanos = Number(row.mtimeNs % billion)
    // The nearest double of the whole is off by some hundred nanoseconds at most: rounding finds the second.
    let seconds = Math.round((Number(row.mtimeNs) - nanos) / 1e9)
    if (nanos < 0) {
      seconds -= 1
      nanos += 1e9
    }
    numbers[at] = row.kind
    numbers[at + 1] = row.mode
    numbers[at + 2] = row.uid
    numbers[at + 3] = row.gid
    numbers[at + 4] = row.size
    numbers[at + 5] = seconds
    numbers[at + 6] = nanos
    numbers[at + 7] = Number(row.ctimeNs) / 1e6
    numbers[at + 8] = row.inode
    numbers[at + 9] = row.device
    numbers[at + 10] = row.devMajor
    numbers[at + 11] = row.devMinor
    numbers[at + 12] = -1
    if (content !== undefined) this.#place(content, at + 12)
    this.#paths.push(path)
    this.#pathBytes += path.length + 1
    if (linkTarget !== undefined) {
      this.#links.push(linkTarget)
      this.#pathBytes += linkTarget.length + 1
    }
  }

  problem(problem: TreeProblem): void {
    this.#problems.push(problem)
    this.#pathBytes += problem.path.length + problem.message.length
  }

  /** The batch; the packer is empty afterwards. */
  take(last: boolean): PackedBatch {
    const count = this.count
    let bytes = this.#numbers.byteLength + this.#pathBytes
    for (const slab of this.#slabs) bytes += slab.length
    const batch = {
      count,
      numbers: this.#numbers,
      paths: this.#paths.join('\0'),
      links: this.#links.join('\0'),
      slabs: this.#slabs,
      problems: this.#problems,
      bytes,
      last,
    }
    this.#numbers = new Float64Array(last ? 0 : this.#most * columns)
    this.#paths = []
    this.#links = []
    this.#slabs = []
    this.#slab = undefined
    this.#slabAt = 0
    this.#slabNumber = -1
    this.#contentBytes = 0
    this.#pathBytes = 0
    this.#problems = []
    return batch
  }

  /** More than the batch was meant for: folders that waited come all together with what they waited for. */
  #grow(): void {
    const numbers = new Float64Array(Math.max(columns, 2 * this.#numbers.length))
    numbers.set(this.#numbers)
    this.#numbers = numbers
  }

  #place(content: Uint8Array, at: number): void {
    const shared = this.#slab !== undefined && content.buffer === this.#slab.buffer
    let number = this.#slabNumber
    if (!shared || number < 0) {
      number = this.#slabs.push(shared ? this.#slab! : content) - 1
      if (shared) this.#slabNumber = number
    }
    if (shared) this.#slabAt += content.length
    this.#contentBytes += content.length
    // The slab's number and the offset in it, in one number; the length beside it.
    this.#numbers[at] = number * slabSpan + (shared ? content.byteOffset : 0)
    this.#numbers[at + 1] = content.length
  }
}

const slabSpan = 2 ** 32

/** What has to be moved, not copied, when a batch crosses to another thread. */
export function transferOf(batch: PackedBatch): ArrayBuffer[] {
  return [batch.numbers.buffer as ArrayBuffer, ...batch.slabs.map((slab) => slab.buffer as ArrayBuffer)]
}

/** The entries that were packed. */
export function unpackBatch(batch: PackedBatch): TreeBatch {
  const { count, numbers, slabs, problems } = batch
  const paths = batch.paths.split('\0') as RawPath[]
  const links = batch.links.split('\0') as RawPath[]
  const entries: TreeEntry[] = []
  let link = 0
  for (let i = 0, at = 0; i < count; i++, at += columns) {
    const kind = entryKinds[numbers[at]!]!
    const place = numbers[at + 12]!
    entries.push({
      path: paths[i]!,
      kind,
      mode: numbers[at + 1]!,
      uid: numbers[at + 2]!,
      gid: numbers[at + 3]!,
      size: numbers[at + 4]!,
      mtimeSeconds: numbers[at + 5]!,
      mtimeNanos: numbers[at + 6]!,
      ctimeMs: numbers[at + 7]!,
      inode: numbers[at + 8]!,
      device: numbers[at + 9]!,
      devMajor: numbers[at + 10]!,
      devMinor: numbers[at + 11]!,
      linkTarget: kind === 'symlink' ? links[link++] : undefined,
      content: place < 0 ? undefined : contentAt(slabs, place, numbers[at + 13]!),
    })
  }
  return { entries, problems }
}

function contentAt(slabs: readonly Uint8Array[], place: number, length: number): Uint8Array {
  const slab = slabs[Math.floor(place / slabSpan)]!
  const offset = place % slabSpan
  return slab.subarray(offset, offset + length)
}
