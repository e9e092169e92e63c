import type { RawPath } from '@coalmine/bytes'
import { HeaderBlock, text } from './header-block.ts'
import { type PaxRecords, parsePax, PaxProblem } from './pax-records.ts'
import { quoteName, TarError } from './tar-error.ts'
import { blockBytes, hasBody, type TarHeader, typeOf } from './tar-header.ts'

/** What an archive may ask of its reader. */
export interface TarLimits {
  /** Bytes of one long name or pax header; 1 MiB. They are held in memory. */
  readonly maxMetaBytes?: number
  /** Long names and pax headers ahead of one member; 16. */
  readonly maxMetaMembers?: number
}

/**
 * A piece of an archive: a header, then the pieces of its body (none for an empty one), then `end`, for every member.
 * `offset` is where the member begins in the archive, its long-name and pax headers included, in bytes.
 */
export type TarPart =
  | { readonly type: 'header'; readonly header: TarHeader; readonly offset: number }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }

const memberEnd: TarPart = Object.freeze({ type: 'end' })

// What the next bytes are.
const inHeader = 0
const inMeta = 1
const inSparseMap = 2
const inBody = 3
const inPadding = 4
const afterEnd = 5

/**
 * Takes an archive apart: ustar, GNU, old GNU, pax and v7. Synchronous, no I/O; body pieces are views of the chunk.
 *
 * The archive ends with its first zero block, whatever follows, or where the bytes end. The parts and the error are the
 * same however the archive is cut into chunks: the error is thrown after all parts before it have been handed out, and
 * again by every later call.
 *
 * @example
 * const decoder = new TarDecoder()
 * for await (const chunk of stream) for (const part of decoder.push(chunk)) handle(part)
 * for (const part of decoder.finish()) handle(part)
 */
export class TarDecoder {
  readonly #maxMetaBytes: number
  readonly #maxMetaMembers: number
  readonly #block = new HeaderBlock()
  #filled = 0
  #state = inHeader
  /** Bytes of the meta body, body or padding that are still to come. */
  #left = 0
  /** Padding after the meta body or body. */
  #padding = 0
  /** Bytes pushed before the present chunk. */
  #offset = 0
  #failure: TarError | undefined

  // What came ahead of the next member.
  #metaMembers = 0
  #memberOffset = -1
  #metaFlag = 0
  #metaBody: Buffer | undefined
  #longName: string | undefined
  #longLink: string | undefined
  #local: PaxRecords | undefined
  #global: PaxRecords | undefined

  // The member whose body comes, for the sentence of an error.
  #bodyName = ''
  #bodyOffset = 0

  constructor(limits: TarLimits = {}) {
    this.#maxMetaBytes = limits.maxMetaBytes ?? 1_048_576
    this.#maxMetaMembers = limits.maxMetaMembers ?? 16
  }

  /** Whether the zero block has been seen: everything after it is ignored. */
  get ended(): boolean {
    return this.#state === afterEnd
  }

  /** The parts that the chunk completes. @throws TarError */
  push(chunk: Uint8Array): TarPart[] {
    if (this.#failure !== undefined) throw this.#failure
    const parts: TarPart[] = []
    try {
      this.#consume(chunk, parts)
    } catch (error) {
      if (!(error instanceof TarError)) throw error
      // Parts before the error are good: they are handed out first, and the next call throws.
      this.#failure = error
      if (parts.length === 0) throw error
    }
    return parts
  }

  /**
   * Says that the bytes end here.
   *
   * @returns Nothing more, as things are.
   * @throws TarError `truncated` when they end inside a header, a body or the padding after it (every writer pads, so
   * that what came after is lost too; GNU tar and Python refuse it as well), or before the member that a long name or
   * pax header is for.
   */
  finish(): TarPart[] {
    this.#failure ??= this.#cut()
    if (this.#failure !== undefined) throw this.#failure
    return []
  }

  #cut(): TarError | undefined {
    const block = this.#block
    if (this.#filled > 0) {
      block.offset = this.#offset - this.#filled
      return block.error('truncated', 'the archive ends within it')
    }
    if (this.#hasPending) return block.error('truncated', 'the archive ends before the member that it is for')
    if (this.#state === inMeta || (this.#state === inPadding && this.#metaMembers > 0)) {
      return block.error('truncated', 'the archive ends within what it announces')
    }
    if (this.#state !== inHeader && this.#state !== afterEnd) {
      const short = this.#left + (this.#state === inPadding ? 0 : this.#padding)
      const message = `Cannot read ${quoteName(this.#bodyName)}: the archive ends "${short}" bytes before the member does`
      return new TarError('truncated', message, this.#bodyOffset)
    }
    return undefined
  }

  get #hasPending(): boolean {
    return this.#longName !== undefined || this.#longLink !== undefined || this.#local !== undefined
  }

  #consume(chunk: Uint8Array, parts: TarPart[]): void {
    const length = chunk.length
    const base = this.#offset
    this.#offset += length
    let at = 0
    while (at < length) {
      switch (this.#state) {
        case inHeader:
        case inSparseMap: {
          const count = Math.min(blockBytes - this.#filled, length - at)
          this.#block.bytes.set(count === length ? chunk : view(chunk, at, count), this.#filled)
          at += count
          this.#filled += count
          if (this.#filled < blockBytes) return
          this.#filled = 0
          if (this.#state === inHeader) {
            this.#block.offset = base + at - blockBytes
            this.#readHeader(parts)
          } else if (this.#block.bytes[504] === 0) {
            this.#beginBody(parts)
          }
          break
        }
        case inBody: {
          const count = Math.min(this.#left, length - at)
          parts.push({ type: 'data', bytes: count === length ? chunk : view(chunk, at, count) })
          at += count
          this.#left -= count
          if (this.#left === 0) this.#endBody(parts)
          break
        }
        case inMeta: {
          at += this.#readMeta(chunk, at)
          break
        }
        case inPadding: {
          const count = Math.min(this.#left, length - at)
          at += count
          this.#left -= count
          if (this.#left === 0) this.#state = inHeader
          break
        }
        default:
          return
      }
    }
  }

  #readHeader(parts: TarPart[]): void {
    const block = this.#block
    if (block.check()) {
      if (this.#hasPending) throw block.error('corrupt', 'the archive ends before the member that a header was for')
      this.#state = afterEnd
      return
    }
    switch (block.flag) {
      case 0x4b: // K
      case 0x4c: // L
      case 0x58: // X, Solaris' x
      case 0x67: // g
      case 0x78: // x
        this.#beginMeta()
        break
      default:
        this.#beginMember(parts)
    }
  }

  #beginMeta(): void {
    const block = this.#block
    const size = this.#size(block.number('size'))
    this.#metaFlag = block.flag
    this.#metaMembers += 1
    if (size > this.#maxMetaBytes) {
      throw block.error(
        'too-large',
        `a long name or pax header of "${size}" bytes is over the limit of ${this.#maxMetaBytes}`,
      )
    }
    if (this.#metaMembers > this.#maxMetaMembers) {
      throw block.error(
        'too-large',
        `more than ${this.#maxMetaMembers} long names and pax headers come ahead of one member`,
      )
    }
    const twice =
      this.#metaFlag === 0x4c
        ? this.#longName !== undefined
        : this.#metaFlag === 0x4b
          ? this.#longLink !== undefined
          : this.#metaFlag !== 0x67 && this.#local !== undefined
    if (twice)
      throw block.error('corrupt', `a second header of kind "${String.fromCharCode(block.flag)}" comes for one member`)
    if (this.#memberOffset < 0 && this.#metaFlag !== 0x67) this.#memberOffset = block.offset
    this.#padding = -size & (blockBytes - 1)
    this.#left = size
    if (size === 0) this.#endMeta(Buffer.alloc(0))
    else this.#state = inMeta
  }

  /** Takes what the chunk has of a long name or pax header; the number of bytes taken. */
  #readMeta(chunk: Uint8Array, at: number): number {
    const left = this.#left
    const count = Math.min(left, chunk.length - at)
    const piece = view(chunk, at, count)
    if (this.#metaBody === undefined && count === left) {
      this.#endMeta(Buffer.from(piece.buffer, piece.byteOffset, count))
      return count
    }
    // The size is within the limit.
    this.#metaBody ??= Buffer.alloc(left)
    this.#metaBody.set(piece, this.#metaBody.length - left)
    this.#left -= count
    if (this.#left === 0) this.#endMeta(this.#metaBody)
    return count
  }

  #endMeta(body: Buffer): void {
    this.#metaBody = undefined
    this.#left = this.#padding
    this.#state = this.#left > 0 ? inPadding : inHeader
    if (this.#metaFlag === 0x4c) {
      this.#longName = text(body, 0, body.length)
    } else if (this.#metaFlag === 0x4b) {
      this.#longLink = text(body, 0, body.length)
    } else {
      const records = parsePax(body)
      if (records instanceof PaxProblem) throw this.#block.error(records.code, records.how)
      if (this.#metaFlag === 0x67) this.#global = { ...this.#global, ...records }
      else this.#local = records
    }
  }

  #beginMember(parts: TarPart[]): void {
    const block = this.#block
    const records = this.#records()
    const dialect = block.dialect()
    const flag = block.flag

    let name: string = records?.path ?? this.#longName ?? ''
    if (records?.path === undefined && this.#longName === undefined) {
      name = block.name()
      const prefix = dialect === 'posix' ? block.prefix() : ''
      if (prefix !== '') name = `${prefix}/${name}`
    }
    let type = flag === 0 && name.endsWith('/') ? 'directory' : typeOf(flag)
    // Sparse in one of GNU's pax ways: what follows is no file content as it stands.
    if (type === 'file' && records?.sparse === true) type = 'other'
    if (type === 'other' && records?.sparseName !== undefined) name = records.sparseName
    const declared = records?.size ?? block.number('size')
    const size = this.#size(hasBody(type) ? declared : 0)
    const isDevice = type === 'character-device' || type === 'block-device'
    const owners = dialect === 'v7' ? undefined : block.owners()
    const header: TarHeader = {
      name: name as RawPath,
      type,
      typeflag: String.fromCharCode(flag),
      mode: block.number('mode') & 0o7777,
      uid: records?.uid ?? block.number('uid'),
      gid: records?.gid ?? block.number('gid'),
      size,
      mtime: records?.mtime ?? block.number('mtime'),
      linkName: (records?.linkpath ?? this.#longLink ?? block.linkName()) as RawPath,
      userName: records?.uname ?? owners?.userName ?? '',
      groupName: records?.gname ?? owners?.groupName ?? '',
      devMajor: isDevice ? block.number('devMajor') : 0,
      devMinor: isDevice ? block.number('devMinor') : 0,
    }
    const offset = this.#memberOffset < 0 ? block.offset : this.#memberOffset
    this.#metaMembers = 0
    this.#memberOffset = -1
    this.#longName = undefined
    this.#longLink = undefined
    this.#local = undefined

    parts.push({ type: 'header', header, offset })
    this.#bodyName = name
    this.#bodyOffset = block.offset
    this.#padding = -size & (blockBytes - 1)
    this.#left = size
    // GNU's old sparse members have blocks with the rest of their map between header and body.
    if (flag === 0x53 && block.bytes[482] !== 0) this.#state = inSparseMap
    else this.#beginBody(parts)
  }

  #beginBody(parts: TarPart[]): void {
    if (this.#left === 0) this.#endBody(parts)
    else this.#state = inBody
  }

  #endBody(parts: TarPart[]): void {
    parts.push(memberEnd)
    this.#left = this.#padding
    this.#state = this.#left > 0 ? inPadding : inHeader
  }

  /** What pax says about the next member: its own records over those for all. */
  #records(): PaxRecords | undefined {
    if (this.#global === undefined || this.#local === undefined) return this.#local ?? this.#global
    return { ...this.#global, ...this.#local }
  }

  #size(size: number): number {
    if (size < 0) throw this.#block.error('corrupt', `its size "${size}" is negative`)
    return size
  }
}

/** A view without a copy, as a plain Uint8Array whatever the chunk is: `subarray` of a Buffer is several times slower. */
function view(chunk: Uint8Array, at: number, count: number): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset + at, count)
}
