import { choppings } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundaryOf, MultipartError, readParts } from './multipart.ts'

async function* streamOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function readAll(chunks: Iterable<Uint8Array>, boundary: string) {
  const parts: { name: string; filename?: string; body: Buffer }[] = []
  for await (const part of readParts(streamOf(chunks), boundary)) {
    const pieces: Uint8Array[] = []
    for await (const chunk of part.body) pieces.push(chunk)
    parts.push({ ...part, body: Buffer.concat(pieces) })
  }
  return parts
}

/** A form as Node's own `fetch` writes it: the judge of how one looks. */
async function formOf(fields: [string, string | Blob, string?][]): Promise<{ bytes: Buffer; boundary: string }> {
  const form = new FormData()
  for (const [name, value, filename] of fields) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, value, filename)
  }
  const response = new Response(form)
  const boundary = boundaryOf(response.headers.get('content-type') ?? '') ?? ''
  return { bytes: Buffer.from(await response.arrayBuffer()), boundary }
}

describe('readParts()', () => {
  it('finds what a form has, however it arrives', async () => {
    const content = Buffer.from('\r\n--almost\r\n\0\xff\r\n--', 'latin1')
    const { bytes, boundary } = await formOf([
      ['response_format', 'json'],
      ['file', new Blob([content]), 'Ünï "x".bin'],
      ['empty', ''],
    ])
    for (const chopping of choppings(bytes)) {
      const parts = await readAll(chopping.chunks(), boundary)
      expect(parts.map(({ name, filename }) => [name, filename])).toEqual([
        ['response_format', undefined],
        ['file', 'Ünï "x".bin'],
        ['empty', undefined],
      ])
      expect(parts[0]?.body.toString()).toBe('json')
      expect(parts[1]?.body.equals(content)).toBe(true)
      expect(parts[2]?.body.length).toBe(0)
    }
  })

  it('gives back any content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), async (content, size) => {
        const head = 'Content-Disposition: form-data; name="file"; filename="chunk"'
        const bytes = Buffer.concat([Buffer.from(`--b\r\n${head}\r\n\r\n`), content, Buffer.from('\r\n--b--\r\n')])
        // A content that looks like the boundary is not one: the boundary is chosen so that it is not in it.
        fc.pre(!Buffer.from(content).includes('\r\n--b'))
        const chunks: Uint8Array[] = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
        const [part] = await readAll(chunks, 'b')
        expect(part?.body.equals(Buffer.from(content))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('passes over what nobody reads', async () => {
    const { bytes, boundary } = await formOf([
      ['file', new Blob([Buffer.alloc(5000, 7)]), 'a'],
      ['after', 'x'],
    ])
    const names: string[] = []
    for await (const part of readParts(streamOf([bytes]), boundary)) names.push(part.name)
    expect(names).toEqual(['file', 'after'])
  })

  it('refuses a form that is cut short at any place', async () => {
    const { bytes, boundary } = await formOf([['file', new Blob(['hello']), 'a.txt']])
    const whole = bytes.lastIndexOf('--') + 2
    for (let length = 0; length < whole; length++) {
      await expect(readAll([bytes.subarray(0, length)], boundary)).rejects.toThrow(MultipartError)
    }
  })

  it('refuses a head without end', async () => {
    const bytes = Buffer.from(`--b\r\nX: ${'y'.repeat(20_000)}\r\n\r\nz\r\n--b--`)
    await expect(readAll([bytes], 'b')).rejects.toThrow(MultipartError)
  })
})

it('boundaryOf() finds the boundary, quoted or not', () => {
  expect(boundaryOf('multipart/form-data; boundary=abc')).toBe('abc')
  expect(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary="a b"')).toBe('a b')
  expect(boundaryOf('application/octet-stream')).toBeUndefined()
})
