import { crc32 } from 'node:zlib'
import { FileIndexDecoder, RepositoryError } from '@coalmine/repository'
import { sameForAll, show } from '../lib/feed.ts'
import { accepted, demand, refused, type Target } from '../lib/target.ts'

const headBytes = 24

interface Read {
  readonly files: readonly string[]
  readonly ended: boolean
}

/** The local index of files. */
export const fileIndex: Target = {
  name: 'file-index',
  about: 'what is known of files, in the archive dir (FileIndexDecoder)',
  maxBytes: 4096,
  tokens: [Buffer.from('coalmine files 1'), Buffer.from(Float64Array.of(1 / 3).buffer), '\0', '/', Buffer.alloc(8)],
  mend(input) {
    for (let at = headBytes; at + 8 <= input.length;) {
      const length = input.readUInt32LE(at) || 32
      if (at + 8 + length > input.length) return
      input.writeUInt32LE(crc32(input.subarray(at + 8, at + 8 + length)), at + 4)
      at += 8 + length
    }
  },
  // What is held of a block is joined to each piece that comes: a million bytes for a thousand, one by one.
  memory: { base: 24_000_000, perByte: 2000 },
  run(input) {
    const read = sameForAll(input, (chunks): Read | undefined => {
      const decoder = new FileIndexDecoder()
      const files: string[] = []
      try {
        for (const chunk of chunks) {
          for (const { paths, numbers } of decoder.push(chunk)) {
            demand(numbers.length === 4 * paths.length, `${paths.length} files have ${numbers.length} numbers`)
            files.push(...paths.map((path, at) => JSON.stringify([path, ...numbers.subarray(4 * at, 4 * at + 4)])))
          }
        }
      } catch (error) {
        if (error instanceof RepositoryError && error.code === 'unreadable') return undefined
        throw error
      }
      return { files, ended: decoder.ended }
    })
    const plain = plainly(Buffer.from(input))
    demand(show(read) === show(plain), `It is ${show(read)}, read plainly ${show(plain)}`)
    return read?.ended === true ? accepted : refused
  },
}

/** The same, in a few lines. */
function plainly(bytes: Buffer): Read | undefined {
  const head = Buffer.concat([Buffer.from('coalmine files 1'), Buffer.from(Float64Array.of(1 / 3).buffer)])
  if (bytes.length < headBytes) return { files: [], ended: false }
  if (!bytes.subarray(0, headBytes).equals(head)) return undefined
  const files: string[] = []
  for (let at = headBytes; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length > 4 * 1_048_576) return undefined
    const end = at + 8 + (length || 32)
    if (end > bytes.length) break
    if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return undefined
    if (length === 0) return end === bytes.length ? { files, ended: true } : undefined
    const count = length < 8 ? 0 : bytes.readUInt32LE(at + 8)
    const numbers = at + 16 + 2 * count
    const text = numbers + 32 * count
    if (count === 0 || count > 1024 || text + bytes.readUInt32LE(at + 12) !== end) return undefined
    const parts = bytes.subarray(text, end).toString('latin1').split('\0')
    if (parts.length !== count) return undefined
    let path = ''
    for (const [file, part] of parts.entries()) {
      const shared = bytes.readUInt16LE(at + 16 + 2 * file)
      if (shared > path.length) return undefined
      path = path.slice(0, shared) + part
      const four = [0, 1, 2, 3].map((one) => bytes.readDoubleLE(numbers + 32 * file + 8 * one))
      files.push(JSON.stringify([path, ...four]))
    }
    at = end
  }
  return { files, ended: false }
}
