/** A header block field by field, as text or bytes, so that tests can write what no writer would. */
export interface RawFields {
  name?: string
  mode?: string
  uid?: string
  gid?: string
  size?: string | number
  mtime?: string
  typeflag?: string
  linkName?: string
  /** Magic and version, 8 bytes. */
  magic?: string
  userName?: string
  groupName?: string
  devMajor?: string
  devMinor?: string
  prefix?: string
  /** Overwrites the right one. */
  checksum?: string
}

const places: [keyof RawFields, number, number][] = [
  ['name', 0, 100],
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['gid', 116, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
  ['typeflag', 156, 1],
  ['linkName', 157, 100],
  ['magic', 257, 8],
  ['userName', 265, 32],
  ['groupName', 297, 32],
  ['devMajor', 329, 8],
  ['devMinor', 337, 8],
  ['prefix', 345, 155],
]

export const posixMagic = 'ustar\x0000'
export const gnuMagic = 'ustar  \0'

/** One block; what is not given is blank. Numbers are written as octal digits with a NUL. */
export function rawHeader(fields: RawFields): Buffer {
  const block = Buffer.alloc(512)
  for (const [field, at, length] of places) {
    const value = fields[field]
    if (value === undefined) continue
    const text = typeof value === 'number' ? `${value.toString(8).padStart(length - 1, '0')}\0` : value
    block.write(text, at, length, 'latin1')
  }
  return fixChecksum(block, 0, fields.checksum)
}

/** Writes the right checksum into the header block at `at`, or the given text. */
export function fixChecksum(bytes: Buffer, at: number, text?: string): Buffer {
  bytes.fill(' ', at + 148, at + 156)
  let sum = 0
  for (let i = at; i < at + 512; i++) sum += bytes[i]!
  bytes.write(text ?? `${sum.toString(8).padStart(6, '0')}\0`, at + 148, 8, 'latin1')
  return bytes
}

/** A body with its padding. */
export function padded(body: string | Uint8Array): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body)
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** A member whose size is that of its body. */
export function member(fields: RawFields, body: string | Uint8Array = ''): Buffer {
  return Buffer.concat([rawHeader({ magic: posixMagic, typeflag: '0', size: body.length, ...fields }), padded(body)])
}

/** A record of a pax header with its right length. */
export function paxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3
  let length = rest
  while (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

/** A pax header with these records. */
export function pax(records: Record<string, string>, typeflag = 'x'): Buffer {
  const body = Object.entries(records)
    .map(([key, value]) => paxRecord(key, value))
    .join('')
  return member({ name: '././@PaxHeader', typeflag }, body)
}

export const zeroBlock: Buffer = Buffer.alloc(512)
