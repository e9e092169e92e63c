import type { RawPath } from '@coalmine/bytes'
import { TarError } from './tar-error.ts'
import { blockBytes, checksumOf } from './tar-header.ts'

/** The fields that can be base 256 or octal, with their place in the block. */
const fields = {
  mode: [100, 108],
  uid: [108, 116],
  gid: [116, 124],
  size: [124, 136],
  mtime: [136, 148],
  devMajor: [329, 337],
  devMinor: [337, 345],
} as const

/** POSIX: the prefix field counts. GNU: in its place are times and a sparse map. v7: nothing after the link name counts. */
export type Dialect = 'posix' | 'gnu' | 'v7'

/**
 * One block of 512 bytes that is looked at as a header. The same memory is used for block after block: 512 bytes are
 * copied into aligned memory, and everything else about a header is then a matter of fixed places.
 */
export class HeaderBlock {
  readonly bytes: Buffer = Buffer.alloc(blockBytes)
  readonly #words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, blockBytes / 4)
  /** Where it begins in the archive. */
  offset = 0
  // Member after member belongs to the same user and group.
  #ownersKey: Buffer = Buffer.alloc(64)
  #userName = ''
  #groupName = ''

  /** Whether it is the zero block that ends an archive. @throws TarError when its checksum does not match. */
  check(): boolean {
    const unsigned = checksumOf(this.#words)
    if (unsigned === 256 && this.#words[37] === 0 && this.#words[38] === 0) return true
    const stored = parseOctal(this.bytes, 148, 156)
    // Some old tars added the bytes up as signed.
    if (stored !== unsigned && (stored === undefined || stored !== unsigned - 256 * this.#countHigh())) {
      throw this.error('corrupt', 'its checksum does not match')
    }
    return false
  }

  get flag(): number {
    return this.bytes[156]!
  }

  dialect(): Dialect {
    const { bytes } = this
    if (bytes.readUInt32LE(257) !== 0x61747375 || bytes[261] !== 0x72) return 'v7'
    if (bytes[262] === 0) return 'posix'
    return bytes[262] === 0x20 && bytes[263] === 0x20 ? 'gnu' : 'v7'
  }

  name(): RawPath {
    return text(this.bytes, 0, 100) as RawPath
  }

  linkName(): RawPath {
    return text(this.bytes, 157, 257) as RawPath
  }

  prefix(): string {
    return text(this.bytes, 345, 500)
  }

  owners(): { userName: string; groupName: string } {
    if (this.bytes.compare(this.#ownersKey, 0, 64, 265, 329) !== 0) {
      this.bytes.copy(this.#ownersKey, 0, 265, 329)
      this.#userName = text(this.bytes, 265, 297)
      this.#groupName = text(this.bytes, 297, 329)
    }
    return { userName: this.#userName, groupName: this.#groupName }
  }

  /** A number of the header; blank is 0. @throws TarError */
  number(field: keyof typeof fields): number {
    const [start, end] = fields[field]
    const lead = this.bytes[start]!
    const value =
      lead === 0x80 || lead === 0xff ? parseBase256(this.bytes, start, end) : parseOctal(this.bytes, start, end)
    if (value === undefined) throw this.error('corrupt', `its ${field} is no number`)
    if (!Number.isSafeInteger(value)) throw this.error('too-large', `its ${field} is beyond 2^53`)
    return value
  }

  error(code: TarError['code'], how: string): TarError {
    return new TarError(code, `Cannot read the tar header at byte "${this.offset}": ${how}`, this.offset)
  }

  #countHigh(): number {
    let count = 0
    for (let i = 0; i < blockBytes; i++) if (this.bytes[i]! > 127 && (i < 148 || i > 155)) count += 1
    return count
  }
}

/** The bytes of a field up to its first NUL. */
export function text(bytes: Buffer, start: number, end: number): string {
  let stop = start
  while (stop < end && bytes[stop] !== 0) stop += 1
  return stop === start ? '' : bytes.toString('latin1', start, stop)
}

/** Spaces, octal digits, then spaces or a NUL and anything after it; `undefined` for what is not that. */
function parseOctal(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  while (at < end && bytes[at] === 0x20) at += 1
  let value = 0
  for (; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  while (at < end && bytes[at] === 0x20) at += 1
  return at === end || bytes[at] === 0 ? value : undefined
}

/** Big-endian two's complement after a byte that tells the sign. What is too large is given as an infinity. */
function parseBase256(bytes: Uint8Array, start: number, end: number): number {
  let value = bytes[start] === 0xff ? -1 : 0
  for (let at = start + 1; at < end; at++) {
    value = value * 256 + bytes[at]!
    if (!Number.isSafeInteger(value)) return Number.POSITIVE_INFINITY
  }
  return value
}
