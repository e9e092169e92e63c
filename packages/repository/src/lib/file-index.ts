import { crc32 } from 'node:zlib'
import type { RawPath } from '@coalmine/bytes'
import { RepositoryError } from './errors.ts'

/** What tells, beside its time in whole seconds, that a regular file is the one that was looked at before. */
export interface FileFacts {
  readonly path: RawPath
  readonly size: number
  readonly mtimeNanos: number
  readonly ctimeMs: number
  readonly inode: number
}

/** Some files of an index, in the order of paths. */
export interface FactsBlock {
  readonly paths: readonly RawPath[]
  /** Four numbers a file: size, mtimeNanos, ctimeMs, inode. */
  readonly numbers: Float64Array
}

const columns = 4
const magic = Buffer.from('coalmine files 1')
/** Its bytes differ in each byte order. */
const orderMark = Buffer.from(Float64Array.of(1 / 3).buffer)
const headBytes = magic.length + orderMark.length
const bindingBytes = 32
/** What an index ends with: an empty block, whose sum is that of the binding, and the binding. */
export const endBytes = 8 + bindingBytes
/** An index without any file. */
export const leastBytes = headBytes + endBytes

const blockFiles = 1024
const blockPathBytes = 1 << 20
// Longer ones are left out: they are read each time.
const longestPath = 0xffff
const longestPayload = 4 << 20

/** Writes an index, block by block. See docs/formats/archive-dir.md. */
export class FileIndexEncoder {
  #begun = false
  #last = ''
  /** The folder of the last path, with its slash. */
  #folder = ''
  #count = 0
  #pathBytes = 0
  #suffixes: string[] = []
  readonly #shared = new Uint16Array(blockFiles)
  readonly #numbers = new Float64Array(blockFiles * columns)

  /** Takes in the next file; gives a block when one is full. */
  add({ path, size, mtimeNanos, ctimeMs, inode }: FileFacts): Uint8Array | undefined {
    if (path.length > longestPath) return undefined
    const at = this.#count++
    const shared = at === 0 ? 0 : this.#sharedWith(path)
    this.#shared[at] = shared
    this.#suffixes.push(shared === 0 ? path : path.slice(shared))
    if (!this.#isInFolder(path)) this.#folder = path.slice(0, path.lastIndexOf('/') + 1)
    this.#last = path
    this.#pathBytes += path.length
    const numbers = this.#numbers
    numbers[at * columns] = size
    numbers[at * columns + 1] = mtimeNanos
    numbers[at * columns + 2] = ctimeMs
    numbers[at * columns + 3] = inode
    return this.#count === blockFiles || this.#pathBytes >= blockPathBytes ? this.#take() : undefined
  }

  /** @param binding - 32 bytes that say what the index belongs to. */
  finish(binding: Uint8Array): Uint8Array {
    const parts = [this.#take()]
    const end = Buffer.alloc(8)
    end.writeUInt32LE(crc32(binding), 4)
    return Buffer.concat([...parts, end, binding])
  }

  /** How many bytes a path has in common with the last one; within a folder those of the folder's name do. */
  #sharedWith(path: RawPath): number {
    return this.#isInFolder(path) ? this.#folder.length : sharedLength(this.#last, path)
  }

  #isInFolder(path: RawPath): boolean {
    return path.startsWith(this.#folder) && path.indexOf('/', this.#folder.length) < 0
  }

  #take(): Uint8Array {
    const head = this.#begun ? [] : [magic, orderMark]
    this.#begun = true
    const count = this.#count
    if (count === 0) return Buffer.concat(head)
    const text = Buffer.from(this.#suffixes.join('\0'), 'latin1')
    const sharedEnd = 8 + 2 * count
    const numbersEnd = sharedEnd + 8 * columns * count
    const block = Buffer.allocUnsafe(8 + numbersEnd + text.length)
    const payload = block.subarray(8)
    payload.writeUInt32LE(count, 0)
    payload.writeUInt32LE(text.length, 4)
    payload.set(bytesOf(this.#shared.subarray(0, count)), 8)
    payload.set(bytesOf(this.#numbers.subarray(0, columns * count)), sharedEnd)
    payload.set(text, numbersEnd)
    block.writeUInt32LE(payload.length, 0)
    block.writeUInt32LE(crc32(payload), 4)
    this.#count = 0
    this.#pathBytes = 0
    this.#suffixes = []
    return Buffer.concat([...head, block])
  }
}

/** Reads an index as it comes. Nothing that is declared is allocated before its bytes are there. */
export class FileIndexDecoder {
  #held: Uint8Array = new Uint8Array(0)
  #state: 'head' | 'blocks' | 'ended' = 'head'

  /** Whether all of it was read. */
  get ended(): boolean {
    return this.#state === 'ended'
  }

  /** @throws RepositoryError `unreadable` when it is damaged; what was given before is sound. */
  push(chunk: Uint8Array): FactsBlock[] {
    const bytes =
      this.#held.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : joined(this.#held, chunk)
    const blocks: FactsBlock[] = []
    let at = 0
    for (let next = this.#one(bytes, at, blocks); next !== undefined; next = this.#one(bytes, at, blocks)) at = next
    this.#held = bytes.subarray(at)
    return blocks
  }

  #one(bytes: Buffer, at: number, blocks: FactsBlock[]): number | undefined {
    const left = bytes.length - at
    if (this.#state === 'ended') {
      if (left === 0) return undefined
      throw damaged('something comes behind its end')
    }
    if (this.#state === 'head') {
      if (left < headBytes) return undefined
      if (!bytes.subarray(at, at + headBytes).equals(Buffer.concat([magic, orderMark]))) {
        throw damaged('it begins as no index of this machine does')
      }
      this.#state = 'blocks'
      return at + headBytes
    }
    if (left < 8) return undefined
    const length = bytes.readUInt32LE(at)
    const sum = bytes.readUInt32LE(at + 4)
    if (length > longestPayload) throw damaged(`a block has ${length} bytes`)
    const body = length === 0 ? bindingBytes : length
    if (left < 8 + body) return undefined
    const payload = bytes.subarray(at + 8, at + 8 + body)
    if (crc32(payload) !== sum) throw damaged('a block is not what its sum says')
    if (length === 0) this.#state = 'ended'
    else blocks.push(blockOf(payload))
    return at + 8 + body
  }
}

/** The binding in the last bytes of an index. */
export function bindingIn(end: Uint8Array): Uint8Array {
  return end.subarray(end.length - bindingBytes)
}

function blockOf(payload: Buffer): FactsBlock {
  const count = payload.length < 8 ? 0 : payload.readUInt32LE(0)
  const textBytes = count === 0 ? 0 : payload.readUInt32LE(4)
  const sharedEnd = 8 + 2 * count
  const numbersEnd = sharedEnd + 8 * columns * count
  if (count === 0 || count > blockFiles || payload.length !== numbersEnd + textBytes) {
    throw damaged('a block is not as long as its files')
  }
  const suffixes = payload.toString('latin1', numbersEnd).split('\0')
  if (suffixes.length !== count) throw damaged('a block has other names than files')
  const paths: RawPath[] = []
  let last = ''
  let prefix = ''
  let total = 0
  for (let file = 0; file < count; file++) {
    const shared = payload.readUInt16LE(8 + 2 * file)
    if (shared > last.length) throw damaged('a name goes on behind one that is shorter')
    // Mostly it is that of the one before: the name of their folder.
    if (prefix.length !== shared || !last.startsWith(prefix)) prefix = last.slice(0, shared)
    last = prefix + suffixes[file]!
    total += last.length
    if (total > blockPathBytes + longestPath) throw damaged('the names of a block are too long')
    paths.push(last as RawPath)
  }
  const numbers = new Float64Array(columns * count)
  bytesOf(numbers).set(payload.subarray(sharedEnd, numbersEnd))
  return { paths, numbers }
}

/** Whether the numbers of a file in a block are those of the file that is there now. */
export function agrees({ numbers }: FactsBlock, at: number, facts: FileFacts): boolean {
  const from = at * columns
  return (
    numbers[from] === facts.size &&
    numbers[from + 1] === facts.mtimeNanos &&
    numbers[from + 2] === facts.ctimeMs &&
    numbers[from + 3] === facts.inode
  )
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length)
  let at = 0
  while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at += 1
  return at
}

function bytesOf(array: Uint16Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function joined(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.concat([a, b])
}

function damaged(reason: string): RepositoryError {
  return new RepositoryError('unreadable', `Cannot read the index of files: ${reason}`)
}
