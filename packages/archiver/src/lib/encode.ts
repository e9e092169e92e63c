import { type ByteStream, rechunk } from '@coalmine/bytes'
import type { Owners, TreeEntry } from '@coalmine/filetree'
import { blockLengthFor, signature, SignatureEncoder } from '@coalmine/rdiff'
import type { Member } from '@coalmine/repository'
import { BLOCK_BYTES, encodeDiffTarMember, encodeSigTarMember, type EntryMeta } from '@coalmine/volume-format'

/** How block lengths of signatures are chosen. */
export interface SignatureOptions {
  readonly rule?: '3.0.3' | '0.8'
  /** Greatest block length in bytes. */
  readonly maxBlockBytes?: number
}

/** One entry as it goes into the set: its volume members, and at the end its sigtar member. */
export interface Encoded {
  readonly members: Member[]
  readonly signature: Uint8Array
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
  return { members: [{ bytes, path: meta.path }], signature: encodeSigTarMember({ action: 'snapshot', meta }) }
}

/** A regular file that is in memory whole and shorter than a block. */
export function encodeSmall(
  meta: EntryMeta,
  content: Uint8Array,
  sizeBytes: number,
  options: SignatureOptions,
): Encoded {
  const bytes = encodeDiffTarMember({ action: 'snapshot', meta, data: content })
  const sums = signature(content, { blockBytes: blockBytesFor(sizeBytes, options) })
  return {
    members: [{ bytes, path: meta.path }],
    signature: encodeSigTarMember({ action: 'signature', meta, signature: sums }),
  }
}

/**
 * A regular file read as it comes, in blocks of 64 KiB, the last one shorter and possibly empty; never in memory whole.
 * Its size on disk does not matter: what is read is what is stored, so a file that grows or shrinks meanwhile is stored
 * as it was read. When reading fails on the way the file ends there and {@link LargeFile.failure} tells; when it cannot
 * even be begun there is no member.
 */
export class LargeFile {
  readonly #meta: EntryMeta
  readonly #content: ByteStream
  readonly #sums: SignatureEncoder
  readonly #pieces: Uint8Array[] = []
  #bytes = 0
  #failure: unknown

  constructor(meta: EntryMeta, content: ByteStream, sizeBytes: number, options: SignatureOptions) {
    this.#meta = meta
    this.#content = content
    this.#sums = new SignatureEncoder({ blockBytes: blockBytesFor(sizeBytes, options) })
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** What ended the reading early, if something did. */
  get failure(): unknown {
    return this.#failure
  }

  async *members(): AsyncIterable<Member> {
    let block = 0
    let last: Uint8Array = new Uint8Array(0)
    for await (const chunk of rechunk(this.#untilFailure(), BLOCK_BYTES)) {
      this.#keep(this.#sums.push(chunk))
      this.#bytes += chunk.length
      if (chunk.length < BLOCK_BYTES) last = chunk
      else yield member(this.#meta, chunk, ++block, false)
    }
    if (this.#failure === undefined || this.#bytes > 0) yield member(this.#meta, last, block + 1, true)
  }

  /** The signature of what was read, in pieces; after the last member. */
  signature(): Uint8Array[] {
    this.#keep(this.#sums.finish())
    return this.#pieces
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

function member(meta: EntryMeta, data: Uint8Array, block: number, last: boolean): Member {
  // A file shorter than a block is no chunked one, however it was read.
  if (last && block === 1) return { bytes: encodeDiffTarMember({ action: 'snapshot', meta, data }), path: meta.path }
  const bytes = encodeDiffTarMember({ action: 'snapshot', meta, data, block })
  return last ? { bytes, path: meta.path } : { bytes, path: meta.path, block }
}

function blockBytesFor(sizeBytes: number, options: SignatureOptions): number {
  return blockLengthFor(sizeBytes, { rule: options.rule, maxBytes: options.maxBlockBytes })
}
