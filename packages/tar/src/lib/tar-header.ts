import type { RawPath } from '@coalmine/bytes'

/** What a member is. `other`: a kind that has a body of `size` bytes and no meaning here; see its `typeflag`. */
export type TarType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'
  | 'other'

/** One member of an archive. Names are bytes, carried as one char per byte. */
export interface TarHeader {
  /** As it is in the archive: a folder's slash at the end, `./`, `..` and a leading `/` are all kept. */
  name: RawPath
  type: TarType
  /** The char in the archive: `0`, `5`, `S`, … or NUL as the oldest archives have it. */
  typeflag: string
  /** Permissions with setuid, setgid and sticky: 12 bits. */
  mode: number
  uid: number
  gid: number
  /** Bytes of the body in the archive. When read: 0 for links, folders, devices and fifos, which have none. */
  size: number
  /** Seconds since 1970; read from pax records it may be fractional, and it may be negative. */
  mtime: number
  /** Where a symlink or hard link points; empty otherwise. */
  linkName: RawPath
  /** Bytes, one char each; empty when the archive says none. */
  userName: string
  groupName: string
  /** 0 for what is no device, when read. */
  devMajor: number
  devMinor: number
}

export const blockBytes = 512

const typeOfFlag: readonly (TarType | undefined)[] = [
  'file',
  'hardlink',
  'symlink',
  'character-device',
  'block-device',
  'directory',
  'fifo',
  // Contiguous file: to be treated as a file where there is no such thing (POSIX).
  'file',
]

/** The kind that belongs to a type flag, given as its byte. */
export function typeOf(flag: number): TarType {
  return flag === 0 ? 'file' : (typeOfFlag[flag - 0x30] ?? 'other')
}

/** The type flag of a kind, as its byte; `other` has none. */
export function flagOf(type: TarType): number | undefined {
  const digit = typeOfFlag.indexOf(type)
  return digit < 0 ? undefined : 0x30 + digit
}

/** Whether a member of this kind is followed by a body: POSIX and Python's tarfile agree on which are not. */
export function hasBody(type: TarType): boolean {
  return type === 'file' || type === 'other'
}

/**
 * The sum of a block's bytes with the checksum field taken as spaces. The block is given as 32-bit words in whatever
 * byte order; two bytes are added at a time in each half of a number, and 126 words cannot overflow a half.
 */
export function checksumOf(words: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < 37; i++) {
    const word = words[i]!
    sum += (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff)
  }
  for (let i = 39; i < 128; i++) {
    const word = words[i]!
    sum += (word & 0x00ff00ff) + ((word >>> 8) & 0x00ff00ff)
  }
  return (sum & 0xffff) + (sum >>> 16) + 8 * 0x20
}
