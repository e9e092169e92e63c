import { crc32 } from 'node:zlib'
import { type ByteStream, concat, rechunk } from '@coalmine/bytes'
import type { Owners, TreeEntry } from '@coalmine/filetree'
import { blockLengthFor, DeltaEncoder, type Signature, signature, SignatureEncoder } from '@coalmine/rdiff'
import type { Mark, Member } from '@coalmine/repository'
import {
  BLOCK_BYTES,
  encodeDiffTarMember,
  encodeSigTarMember,
  type EntryMeta,
  signatureHeader,
} from '@coalmine/volume-format'
import { SplitFileChanged } from './resume.ts'

/** How block lengths of signatures are chosen. */
export interface SignatureOptions {
  readonly rule?: '3.0.3' | '0.8'
  /** Greatest block length in bytes. */
  readonly maxBlockBytes?: number
}

/** One entry as it goes into the set: its volume members, the last one with the sigtar member. */
export interface Encoded {
  readonly members: readonly Member[]
  /** Bytes of content or delta in the members. */
  readonly bodyBytes: number
}

/** An entry's metadata as archives hold it: whole seconds, never before 1970. */
export function metaOf(entry: TreeEntry, owners: Owners): EntryMeta {
  return {
    path: entry.path,
    kind: entry.kind as EntryMeta['kind'],
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeSeconds: Math.max(0, entry.mtimeSeconds),
    userName: owners.userName(entry.uid),
    groupName: owners.groupName(entry.gid),
    linkTarget: entry.linkTarget,
    devMajor: entry.devMajor,
    devMinor: entry.devMinor,
  }
}

/** A folder, link, fifo or device: no content, no signature. */
export function encodeOther(meta: EntryMeta): Encoded {
  const bytes = encodeDiffTarMember({ action: 'snapshot', meta })
  const signature = encodeSigTarMember({ action: 'snapshot', meta })
  return { members: [{ bytes, path: meta.path, signature: [signature] }], bodyBytes: 0 }
}

/** The word that a path is no longer there. @param listed - Whether it was a file. */
export function encodeDeleted(path: EntryMeta['path'], listed: boolean): Encoded {
  const bytes = encodeDiffTarMember({ action: 'deleted', path })
  const signature = [encodeSigTarMember({ action: 'deleted', path })]
  return { members: [{ bytes, path, signature, listed: listed ? 'deleted' : undefined }], bodyBytes: 0 }
}

export interface FileOptions extends SignatureOptions {
  /** Its size when it was looked at, which decides on the block length of its signature. */
  readonly sizeBytes: number
  /** What was there before, by its signature: then the difference is stored instead of the content. */
  readonly basis?: Signature
  /** Nothing is stored of a file that is still what its basis was made of; there are no members then. */
  readonly unlessSame?: boolean
}

/** The beginning of a file that is stored already. */
export interface StoredBeginning {
  /** Blocks. */
  readonly blocks: number
  readonly mark: Mark | undefined
}

/** A regular file that is in memory whole and shorter than a block. */
export function encodeSmall(meta: EntryMeta, content: Uint8Array, options: FileOptions): Encoded {
  const { basis, unlessSame = false } = options
  const action = basis === undefined ? 'snapshot' : 'diff'
  const body = basis === undefined ? content : deltaOf(basis, content)
  if (unlessSame && basis !== undefined && copiesAll(body, content.length, basis)) return { members: [], bodyBytes: 0 }
  const sums = signature(content, { blockBytes: blockBytesFor(options) })
  const members = [...membersOf(action, meta, body)]
  const signed = encodeSigTarMember({ action: 'signature', meta, signature: sums })
  members.push({ ...members.pop()!, signature: [signed], listed: listedAs(action) })
  return { members, bodyBytes: body.length }
}

function listedAs(action: 'snapshot' | 'diff'): 'new' | 'changed' {
  return action === 'snapshot' ? 'new' : 'changed'
}

function deltaOf(basis: Signature, content: Uint8Array): Uint8Array {
  const encoder = new DeltaEncoder(basis)
  return concat([...encoder.push(content), ...encoder.finish()])
}

/** Whether a delta makes nothing else than the content that its basis was made of: one copy of all of its blocks. */
function copiesAll(delta: Uint8Array, contentBytes: number, { weak, blockBytes }: Signature): boolean {
  if (Math.ceil(contentBytes / blockBytes) !== weak.length) return false
  // Behind the magic the command, and the one that ends it.
  const code = delta[4]
  if (code === undefined || contentBytes === 0) return code === 0
  if (code < 0x45 || code > 0x54) return false
  const startBytes = 1 << ((code - 0x45) >> 2)
  const lengthBytes = 1 << ((code - 0x45) & 3)
  if (delta.length !== 6 + startBytes + lengthBytes || delta.at(-1) !== 0) return false
  const start = delta.subarray(5, 5 + startBytes)
  const length = delta.subarray(5 + startBytes, -1).reduce((sum, byte) => sum * 256 + byte, 0)
  return start.every((byte) => byte === 0) && length === contentBytes
}

/** A delta may be a little longer than the content, and so longer than a block. */
function* membersOf(action: 'snapshot' | 'diff', meta: EntryMeta, body: Uint8Array): Iterable<Member> {
  let block = 0
  let at = 0
  for (; body.length - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
    yield member(action, meta, body.subarray(at, at + BLOCK_BYTES), ++block, false)
  }
  yield member(action, meta, body.subarray(at), block + 1, true)
}

/**
 * A regular file read as it comes, once: what is stored (its content, or the difference to its basis) in blocks of
 * 64 KiB, the last one shorter and possibly empty, and its signature; never in memory whole. Its size on disk does not
 * matter: what is read is what is stored, so a file that grows or shrinks meanwhile is stored as it was read. When
 * reading fails on the way the file ends there and {@link LargeFile.failure} tells; when it cannot even be begun, or
 * nothing of a difference was handed out yet, there is no member.
 */
export class LargeFile {
  readonly #meta: EntryMeta
  readonly #content: ByteStream
  readonly #sums: SignatureEncoder
  readonly #delta: DeltaEncoder | undefined
  readonly #facts: Mark
  readonly #stored: StoredBeginning | undefined
  /** What it was made of, when nothing is to be stored of the same. */
  readonly #unless: Signature | undefined
  readonly #pieces: Uint8Array[] = []
  #bytes = 0
  #bodyBytes = 0
  #failure: unknown
  #isSame = false

  /**
   * @param options.facts - What tells, when a backup is resumed, that the file is still the same.
   * @param options.stored - Its members are not handed out again, but compared with what they were.
   */
  constructor(
    meta: EntryMeta,
    content: ByteStream,
    options: FileOptions & { readonly facts?: Mark; readonly stored?: StoredBeginning },
  ) {
    this.#meta = meta
    this.#facts = options.facts ?? {}
    this.#stored = options.stored
    this.#content = content
    this.#sums = new SignatureEncoder({ blockBytes: blockBytesFor(options) })
    if (options.basis !== undefined) this.#delta = new DeltaEncoder(options.basis)
    if (options.unlessSame === true) this.#unless = options.basis
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of content or delta that were handed out in members. */
  get bodyBytes(): number {
    return this.#bodyBytes
  }

  /** Whether it is what its basis was made of, and nothing was to be stored then. */
  get isSame(): boolean {
    return this.#isSame
  }

  /** What ended the reading early, if something did. */
  get failure(): unknown {
    return this.#failure
  }

  /** @throws SplitFileChanged when its beginning is not what is stored of it. */
  async *members(): AsyncIterable<Member> {
    const action = this.#delta === undefined ? 'snapshot' : 'diff'
    const stored = this.#stored?.blocks ?? 0
    let block = 0
    let sum = 0
    let last: Uint8Array = new Uint8Array(0)
    for await (const chunk of rechunk(this.#body(), BLOCK_BYTES)) {
      if (chunk.length < BLOCK_BYTES) {
        last = chunk
        continue
      }
      this.#bodyBytes += chunk.length
      sum = crc32(chunk, sum)
      block += 1
      const mark = { ...this.#facts, action, sum }
      if (block === stored && !isSame(mark, this.#stored?.mark)) throw new SplitFileChanged()
      if (block > stored) yield { ...member(action, this.#meta, chunk, block, false), mark }
    }
    if (block < stored) throw new SplitFileChanged()
    // What is archived already is better than the beginning of what could not be read.
    const isWorthIt = block > 0 || (action === 'snapshot' && this.#bytes > 0)
    if (this.#failure !== undefined && !isWorthIt) return
    if (block === 0 && this.#unless !== undefined && copiesAll(last, this.#bytes, this.#unless)) {
      this.#isSame = true
      return
    }
    this.#bodyBytes += last.length
    const end = member(action, this.#meta, last, block + 1, true)
    yield { ...end, signature: this.#signature(), listed: listedAs(action) }
  }

  /**
   * The sigtar member, in pieces, when all was read. A file of which only the beginning could be read
   * gets another time in it, so that the next increment tries again.
   */
  #signature(): Uint8Array[] {
    this.#keep(this.#sums.finish())
    const { mtimeSeconds } = this.#meta
    const another = mtimeSeconds > 1 ? mtimeSeconds - 1 : mtimeSeconds + 1
    const meta = this.#failure === undefined ? this.#meta : { ...this.#meta, mtimeSeconds: another }
    const size = this.#pieces.reduce((sum, piece) => sum + piece.length, 0)
    // A body in a tar ends on a multiple of 512.
    return [signatureHeader(meta, size), ...this.#pieces, new Uint8Array(-size & 511)]
  }

  async *#body(): ByteStream {
    for await (const chunk of this.#untilFailure()) {
      this.#keep(this.#sums.push(chunk))
      this.#bytes += chunk.length
      if (this.#delta === undefined) yield chunk
      else yield* this.#delta.push(chunk)
    }
    if (this.#delta !== undefined) yield* this.#delta.finish()
  }

  async *#untilFailure(): ByteStream {
    try {
      for await (const chunk of this.#content) yield chunk
    } catch (error) {
      // Told to the caller by `failure`, who counts it: what was read before is worth storing.
      this.#failure = error
    }
  }

  #keep(piece: Uint8Array): void {
    if (piece.length > 0) this.#pieces.push(piece)
  }
}

function member(action: 'snapshot' | 'diff', meta: EntryMeta, data: Uint8Array, block: number, last: boolean): Member {
  // What is shorter than a block is not chunked, however it was read.
  if (last && block === 1) return { bytes: encodeDiffTarMember({ action, meta, data }), path: meta.path }
  const bytes = encodeDiffTarMember({ action, meta, data, block })
  return last ? { bytes, path: meta.path } : { bytes, path: meta.path, block }
}

function isSame(mark: Mark, other: Mark | undefined): boolean {
  return Object.entries(mark).every(([name, value]) => other?.[name] === value)
}

function blockBytesFor({ sizeBytes, rule, maxBlockBytes }: FileOptions): number {
  return blockLengthFor(sizeBytes, { rule, maxBytes: maxBlockBytes })
}
