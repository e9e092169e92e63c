import { randomBytes } from 'node:crypto'
import type { ByteSource } from '@coalmine/bytes'
import type { CallContent } from './engine.ts'
import { sourceBytes } from './source-bytes.ts'

/**
 * The header that names a file. Only what every server reads alike goes there: header values have no charset of their own,
 * and blanks at their ends are cut off.
 */
export function nameHeader(name: string): Record<string, string> {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(name) ? { 'x-filename': name } : {}
}

/** A whole file as the body of `upload/simple`: its bytes as they are, or a form of one part when its name needs that. */
export function simpleContent(
  source: ByteSource,
  file: { readonly name: string; readonly sha256: string; readonly attempted: string },
  onSent: (bytes: number) => void,
): CallContent {
  const { name, sha256, attempted } = file
  const named = nameHeader(name)
  const facts = { ...named, 'x-filesize': String(source.size), 'x-filehash': sha256 }
  if (named['x-filename'] !== undefined) {
    return {
      headers: { ...facts, 'content-type': 'application/octet-stream' },
      size: source.size,
      open: () => sourceBytes(source, undefined, { attempted }),
      onSent,
    }
  }
  const boundary = `coalmine-${randomBytes(16).toString('hex')}`
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    headers: { ...facts, 'content-type': `multipart/form-data; boundary=${boundary}` },
    size: head.length + source.size + tail.length,
    async *open() {
      yield head
      yield* sourceBytes(source, undefined, { attempted })
      yield tail
    },
    onSent: (bytes) => onSent(Math.min(Math.max(bytes - head.length, 0), source.size)),
  }
}
