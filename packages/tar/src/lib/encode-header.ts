import { blockBytes, checksumOf, flagOf, type TarHeader } from './tar-header.ts'
import { quoteName } from './tar-error.ts'

const nameBytes = 100
const longLinkName = '././@LongLink'
const longName = 0x4c
const longLink = 0x4b

type Header = Omit<TarHeader, 'typeflag'>

/**
 * Encodes the header of one member in the GNU dialect, byte for byte as Python's tarfile (3.11, `GNU_FORMAT`) does:
 * a link target and then a name over 100 bytes go ahead as members `K` and `L`, numbers that do not fit octal digits
 * are base 256, device numbers are NULs for what is no device, a folder's name gets its slash, a user or group name is
 * cut at 32 bytes, and a fraction of `mtime` is dropped.
 *
 * The body of `size` bytes follows, then {@link tarPadding} zeros.
 *
 * @returns A multiple of 512 bytes.
 * @throws RangeError when a number cannot be written or a string holds a NUL or anything but bytes.
 * @throws TypeError when `type` is `other`.
 */
export function encodeTarHeader(header: Omit<TarHeader, 'typeflag'>): Uint8Array {
  const { type, linkName, userName, groupName } = header
  const flag = flagOf(type)
  if (flag === undefined)
    throw new TypeError(`Cannot encode ${quoteName(header.name)}: a member of kind "${type}" has no form`)
  const name = type === 'directory' && !header.name.endsWith('/') ? `${header.name}/` : header.name
  checkString(header, 'name', name)
  checkString(header, 'linkName', linkName)
  checkString(header, 'userName', userName)
  checkString(header, 'groupName', groupName)

  const linkBytes = linkName.length > nameBytes ? longBytes(linkName) : 0
  const longNameBytes = name.length > nameBytes ? longBytes(name) : 0
  const out = Buffer.allocUnsafe(linkBytes + longNameBytes + blockBytes)
  if (linkBytes > 0) putLong(out, 0, linkBytes, longLink, linkName)
  if (longNameBytes > 0) putLong(out, linkBytes, longNameBytes, longName, name)

  words.fill(0)
  putString(name, 0, nameBytes)
  putOctal(100, 7, header.mode & 0o7777)
  putNumber(108, 8, header.uid, header, 'uid')
  putNumber(116, 8, header.gid, header, 'gid')
  if (header.size < 0) throw badNumber(header, 'size')
  putNumber(124, 12, header.size, header, 'size')
  putNumber(136, 12, Math.trunc(header.mtime), header, 'mtime')
  putString(linkName, 157, nameBytes)
  putString(userName, 265, 32)
  putString(groupName, 297, 32)
  if (type === 'character-device' || type === 'block-device') {
    putNumber(329, 8, header.devMajor, header, 'devMajor')
    putNumber(337, 8, header.devMinor, header, 'devMinor')
  }
  seal(flag)
  out.set(block, linkBytes + longNameBytes)
  return out
}

/** The zeros that follow a body of `size` bytes, so that the next header begins at a multiple of 512. */
export function tarPadding(size: number): number {
  return -size & (blockBytes - 1)
}

/**
 * What ends an archive: zeros up to the next multiple of a record, at least two blocks of them.
 *
 * @param bytesSoFar - Length of the archive up to here, a multiple of 512.
 * @param recordBytes - A multiple of 512; 10240 as every tar has it.
 * @throws RangeError when either is not what it should be.
 */
export function tarEnd(bytesSoFar: number, recordBytes = 10_240): Uint8Array {
  if (!(Number.isSafeInteger(bytesSoFar) && bytesSoFar >= 0 && bytesSoFar % blockBytes === 0)) {
    throw new RangeError(`Cannot end a tar of "${bytesSoFar}" bytes: it is no multiple of ${blockBytes}`)
  }
  if (!(Number.isSafeInteger(recordBytes) && recordBytes > 0 && recordBytes % blockBytes === 0)) {
    throw new RangeError(`Cannot end a tar with records of "${recordBytes}" bytes: it is no multiple of ${blockBytes}`)
  }
  const least = 2 * blockBytes
  return new Uint8Array(least + ((recordBytes - ((bytesSoFar + least) % recordBytes)) % recordBytes))
}

// Headers are made here, in aligned memory, and then copied: one small allocation for each costs more than all the rest.
const block = Buffer.alloc(blockBytes)
const words = new Uint32Array(block.buffer, block.byteOffset, blockBytes / 4)

/** Bytes of a member that holds a long name: its header, the name, a NUL and padding. */
function longBytes(name: string): number {
  return blockBytes + name.length + 1 + tarPadding(name.length + 1)
}

function putLong(out: Buffer, at: number, length: number, flag: number, name: string): void {
  words.fill(0)
  putString(longLinkName, 0, nameBytes)
  for (const field of [100, 108, 116]) putOctal(field, 7, 0)
  putOctal(124, 11, name.length + 1)
  putOctal(136, 11, 0)
  seal(flag)
  out.set(block, at)
  out.fill(0, at + blockBytes, at + length)
  out.write(name, at + blockBytes, 'latin1')
}

/** Type flag, magic and checksum: the last things to be written into a header. */
function seal(flag: number): void {
  block[156] = flag
  putString('ustar  ', 257, 7)
  putOctal(148, 6, checksumOf(words))
  block[155] = 0x20
}

function putString(text: string, at: number, maxBytes: number): void {
  if (text !== '') block.write(text, at, maxBytes, 'latin1')
}

function putOctal(at: number, digits: number, value: number): void {
  let left = value
  for (let i = at + digits - 1; i >= at; i--) {
    block[i] = 0x30 + (left % 8)
    left = Math.floor(left / 8)
  }
}

/** Octal digits and a NUL, or else base 256: 0x80 before a positive number, 0xff before a negative one. */
function putNumber(at: number, width: 8 | 12, value: number, header: Header, field: keyof Header): void {
  if (!Number.isSafeInteger(value)) throw badNumber(header, field)
  if (value >= 0 && value < (width === 8 ? 0o10000000 : 0o100000000000)) {
    putOctal(at, width - 1, value)
    return
  }
  let left = value
  for (let i = at + width - 1; i > at; i--) {
    const byte = ((left % 256) + 256) % 256
    block[i] = byte
    left = (left - byte) / 256
  }
  block[at] = value < 0 ? 0xff : 0x80
}

function badNumber(header: Header, field: keyof Header): RangeError {
  const name = quoteName(header.name)
  return new RangeError(`Cannot encode ${name}: its ${field} "${header[field]}" is no number that a tar header holds`)
}

function checkString(header: Header, field: keyof Header, text: string): void {
  // A one-byte string cannot match the upper range, which the regular expression engine knows.
  if (text !== '' && /[\u0000\u0100-\uffff]/.test(text)) {
    const what = text.includes('\0') ? 'a NUL' : 'a char that is no byte'
    throw new RangeError(`Cannot encode ${quoteName(header.name)}: its ${field} holds ${what}`)
  }
}
