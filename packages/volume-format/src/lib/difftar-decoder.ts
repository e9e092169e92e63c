import type { RawPath } from '@coalmine/bytes'
import { TarDecoder, TarError, type TarHeader, type TarPart } from '@coalmine/tar'
import { metaOf, pathIn, shown, type EntryMeta } from './entry-meta.ts'
import { FormatError } from './format-error.ts'

/** An entry of a set: what happened to one path. */
export interface DiffTarEntry {
  action: 'snapshot' | 'diff' | 'deleted'
  path: RawPath
  /** Absent for what was deleted. */
  meta?: EntryMeta
  /** Of an entry in chunks: the number of the first one seen, 1 unless the beginning lies in a volume that is not read. */
  firstBlock?: number
  /** Of an entry in one member: how many bytes of data follow. */
  sizeBytes?: number
}

/** A piece of a set: an entry, then the pieces of its data, then `end`, for every entry. */
export type DiffTarPart = { type: 'entry'; entry: DiffTarEntry } | { type: 'data'; bytes: Uint8Array } | { type: 'end' }

interface OpenEntry {
  action: 'snapshot' | 'diff'
  path: RawPath
  /** The last chunk seen. */
  block: number
}

const entryEnd: DiffTarPart = Object.freeze({ type: 'end' })
const single = /^(snapshot|diff|deleted)\//
const chunked = /^multivol_(snapshot|diff)\/(.*)\/([0-9]+)$/s

/**
 * Takes the volumes of a set apart, in their order, all or some of them. Synchronous, no I/O; data pieces are views of
 * what was pushed. Chunks of one entry are joined, across volumes too; the end of such an entry is known when the next
 * one comes, or at {@link DiffTarDecoder.finish}.
 *
 * An error is thrown when all parts before it have been handed out, and again by every later call.
 *
 * @example
 * const decoder = new DiffTarDecoder()
 * for (const volume of volumes) {
 *   decoder.beginVolume()
 *   for await (const chunk of volume) for (const part of decoder.push(chunk)) handle(part)
 *   for (const part of decoder.endVolume()) handle(part)
 * }
 * for (const part of decoder.finish()) handle(part)
 */
export class DiffTarDecoder {
  #tar: TarDecoder | undefined
  /** An entry in chunks that may go on. */
  #open: OpenEntry | undefined
  /** Whether the present member is a chunk: it ends without ending its entry. */
  #inChunk = false
  /** Whether the present member has data that count. */
  #inFile = false
  #failure: Error | undefined

  /** @throws TypeError when the last volume has not been ended. */
  beginVolume(): void {
    if (this.#tar !== undefined) throw new TypeError('Cannot begin a volume: the last one has not been ended')
    this.#tar = new TarDecoder()
  }

  /** The parts that the chunk completes. @throws FormatError */
  push(chunk: Uint8Array): DiffTarPart[] {
    return this.#run((tar) => tar.push(chunk))
  }

  /** Says that the volume ends here. @throws FormatError when it ends inside a member. */
  endVolume(): DiffTarPart[] {
    const parts = this.#run((tar) => tar.finish())
    this.#tar = undefined
    return parts
  }

  /** Says that no volume follows. @throws TypeError when the last one has not been ended. */
  finish(): DiffTarPart[] {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#tar !== undefined) throw new TypeError('Cannot finish a set: its last volume has not been ended')
    const parts = this.#open === undefined ? [] : [entryEnd]
    this.#open = undefined
    return parts
  }

  #run(advance: (tar: TarDecoder) => TarPart[]): DiffTarPart[] {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#tar === undefined) throw new TypeError('Cannot read a volume: none has been begun')
    const parts: DiffTarPart[] = []
    try {
      for (const part of advance(this.#tar)) this.#take(part, parts)
    } catch (error) {
      this.#failure = asFormatError(error)
      if (parts.length === 0) throw this.#failure
    }
    return parts
  }

  #take(part: TarPart, parts: DiffTarPart[]): void {
    if (part.type === 'data') {
      if (this.#inFile) parts.push(part)
    } else if (part.type === 'end') {
      if (!this.#inChunk) parts.push(entryEnd)
    } else if (part.header.name.startsWith('multivol_')) {
      this.#chunk(part.header, parts)
    } else {
      this.#single(part.header, parts)
    }
  }

  #single(header: TarHeader, parts: DiffTarPart[]): void {
    const action = single.exec(header.name)?.[1] as DiffTarEntry['action'] | undefined
    if (action === undefined) throw strange(header)
    const path = pathIn(header.name, header.name.slice(action.length + 1))
    const entry: DiffTarEntry = { action, path }
    if (action !== 'deleted') {
      const meta = (entry.meta = metaOf(header, path))
      if (meta.kind === 'file') entry.sizeBytes = header.size
      else if (action === 'diff') throw strange(header)
    }
    this.#endOpen(parts)
    this.#inChunk = false
    this.#inFile = entry.sizeBytes !== undefined
    parts.push({ type: 'entry', entry })
  }

  #chunk(header: TarHeader, parts: DiffTarPart[]): void {
    const match = chunked.exec(header.name)
    const block = Number(match?.[3])
    if (match === null || !(Number.isSafeInteger(block) && block > 0)) throw strange(header)
    const action = match[1] as 'snapshot' | 'diff'
    const path = pathIn(header.name, match[2]!)
    const meta = metaOf(header, path)
    if (meta.kind !== 'file') throw strange(header)
    this.#inChunk = true
    this.#inFile = true
    const open = this.#open
    if (open !== undefined && open.path === path && open.action === action) {
      if (block !== open.block + 1) {
        const what = `Cannot read chunk ${block} of "${shown(path)}"`
        throw new FormatError('corrupt', `${what}: after chunk ${open.block} comes ${open.block + 1}`)
      }
      open.block = block
      return
    }
    this.#endOpen(parts)
    this.#open = { action, path, block }
    parts.push({ type: 'entry', entry: { action, path, meta, firstBlock: block } })
  }

  #endOpen(parts: DiffTarPart[]): void {
    if (this.#open !== undefined) parts.push(entryEnd)
    this.#open = undefined
  }
}

/** Damage of the archive is damage of the set. */
export function asFormatError(error: unknown): Error {
  if (!(error instanceof TarError)) return error instanceof Error ? error : new Error(String(error))
  const code = error.code === 'truncated' ? 'corrupt' : error.code
  return new FormatError(code, error.message, { cause: error })
}

function strange(header: TarHeader): FormatError {
  const what = `Cannot read "${shown(header.name)}" in a volume`
  return new FormatError('corrupt', `${what}: no member of type "${shown(header.typeflag)}" is called that`)
}
