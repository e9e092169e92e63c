import { run } from '@coalmine/fixtures'

/** What a header says, true or not. Texts have one char per byte. */
export interface Fields {
  type?: string
  mode?: number
  uid?: number
  gid?: number
  /** What is declared; the length of the data unless said. */
  size?: number
  mtime?: number
  link?: string
  data?: Buffer | string
  user?: string
  group?: string
  major?: number
  minor?: number
  /** POSIX: what stands before the name. */
  prefix?: string
}

/**
 * A member of an archive, put together from the description of the format alone: nothing of ours is asked whether it is
 * allowed. Names that do not fit go ahead as GNU's long ones.
 */
export function member(name: string, fields: Fields = {}): Buffer {
  const { type = '0', mode = 0o644, uid = 0, gid = 0, mtime = 1_600_000_000, link = '', prefix } = fields
  const data = typeof fields.data === 'string' ? Buffer.from(fields.data, 'latin1') : (fields.data ?? Buffer.alloc(0))
  const header = Buffer.alloc(512)
  header.write(name.slice(0, 100), 0, 'latin1')
  number(header, 100, 8, mode)
  number(header, 108, 8, uid)
  number(header, 116, 8, gid)
  number(header, 124, 12, fields.size ?? data.length)
  number(header, 136, 12, mtime)
  header.write(type, 156, 'latin1')
  header.write(link.slice(0, 100), 157, 'latin1')
  header.write(prefix === undefined ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1')
  header.write(fields.user ?? '', 265, 'latin1')
  header.write(fields.group ?? '', 297, 'latin1')
  number(header, 329, 8, fields.major ?? 0)
  number(header, 337, 8, fields.minor ?? 0)
  if (prefix !== undefined) header.write(prefix, 345, 'latin1')
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([
    link.length > 100 ? long('K', link) : Buffer.alloc(0),
    name.length > 100 ? long('L', name) : Buffer.alloc(0),
    header,
    data,
    Buffer.alloc(-data.length & 511),
  ])
}

function long(type: string, text: string): Buffer {
  return member('././@LongLink', { type, data: `${text}\0`, mtime: 0 })
}

/** Octal where it fits, else base 256. */
function number(header: Buffer, at: number, length: number, value: number): void {
  const digits = value.toString(8)
  if (value >= 0 && digits.length < length) {
    header.write(`${digits.padStart(length - 1, '0')}\0`, at, 'latin1')
    return
  }
  let rest = BigInt(value)
  for (let index = length - 1; index > 0; index--) {
    header[at + index] = Number(rest & 255n)
    rest >>= 8n
  }
  header[at] = value < 0 ? 255 : 128
}

/** A header for what follows (`x`), or for all that follows (`g`), in the dialect of POSIX. */
export function pax(type: 'x' | 'g', records: Record<string, string>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`
    let length = rest.length + 1
    while (`${length}${rest}`.length !== length) length += 1
    return `${length}${rest}`
  })
  return member('././@PaxHeader', { type, data: lines.join(''), prefix: '' })
}

export const folder = (path: string, fields: Fields = {}): Buffer =>
  member(`snapshot/${path}/`, { type: '5', mode: 0o755, ...fields })
export const root = (fields: Fields = {}): Buffer => folder('.', fields)
export const file = (path: string, data: Buffer | string = 'ours', fields: Fields = {}): Buffer =>
  member(`snapshot/${path}`, { data, ...fields })
export const symlink = (path: string, link: string): Buffer =>
  member(`snapshot/${path}`, { type: '2', mode: 0o777, link })
export const fifo = (path: string): Buffer => member(`snapshot/${path}`, { type: '6' })
export const deleted = (path: string): Buffer => member(`deleted/${path}`, { mode: 0, mtime: 0 })
export const changed = (path: string, delta: Buffer, fields: Fields = {}): Buffer =>
  member(`diff/${path}`, { data: delta, ...fields })
export const part = (path: string, number: number, data: Buffer | string, kind = 'snapshot'): Buffer =>
  member(`multivol_${kind}/${path}/${number}`, { data })

/** A librsync delta that makes `text` of whatever was there. */
export function delta(text: string): Buffer {
  return Buffer.concat([Buffer.from('72730236', 'hex'), Buffer.of(text.length), Buffer.from(text), Buffer.of(0)])
}

/** What Python's tarfile makes of these: the library that the real program writes its archives with. */
export async function pythonTar(
  format: 'GNU' | 'PAX' | 'USTAR',
  members: readonly { name: string; type?: string; link?: string; data?: string; mode?: number }[],
): Promise<Buffer> {
  const script = [
    'import io, json, sys, tarfile',
    'out = io.BytesIO()',
    'tar = tarfile.open(fileobj=out, mode="w", format=getattr(tarfile, sys.argv[1] + "_FORMAT"),',
    '                   encoding="utf-8", errors="surrogateescape")',
    'text = lambda latin1: latin1.encode("latin1").decode("utf-8", "surrogateescape")',
    'for one in json.loads(sys.argv[2]):',
    '    info = tarfile.TarInfo(text(one["name"]))',
    '    info.type = one.get("type", "0").encode()',
    '    info.linkname = text(one.get("link", ""))',
    '    info.mode = one.get("mode", 0o644)',
    '    info.mtime = 1600000000',
    '    data = one.get("data", "").encode()',
    '    info.size = len(data)',
    '    tar.addfile(info, io.BytesIO(data))',
    'sys.stdout.buffer.write(out.getvalue()[:tar.offset])',
  ]
  const { stdout } = await run(['python3', '-c', script.join('\n'), format, JSON.stringify(members)], { check: true })
  return stdout
}
