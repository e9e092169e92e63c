import { type ByteStream, collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { bodyBytes, sourceBytes } from './exact-bytes.ts'

const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 251)

/** A stream that notes whether it was let go of. */
function noted(chunks: Iterable<Uint8Array>, noteBack: { left: boolean }, hang = false): ByteStream {
  return (async function* () {
    try {
      for (const chunk of chunks) yield chunk
      if (hang) await new Promise<never>(() => undefined)
    } finally {
      noteBack.left = true
    }
  })()
}

describe.each(choppings(bytes))('fed in another way: $name', (chopping) => {
  const stream = () => chopping.stream()
  it('bodyBytes() and sourceBytes() count the same', async () => {
    const source = (size: number) => ({ size, open: stream })
    expect(await collect(sourceBytes(source(300), { key: 'k' }))).toEqual(bytes)
    expect(await collect(bodyBytes(stream(), 300, { key: 'k' }))).toEqual(bytes)
    for (const size of [299, 301, 0]) {
      await expect(collect(sourceBytes(source(size), { key: 'k' }))).rejects.toMatchObject({ code: 'bad-source' })
    }
    await expect(collect(bodyBytes(stream(), 301, { key: 'k' }))).rejects.toMatchObject({ code: 'short-body' })
    await expect(collect(bodyBytes(stream(), 299, { key: 'k' }))).rejects.toMatchObject({ code: 'mismatch' })
  })
})

it('sourceBytes() passes on a source, or a range of it', async () => {
  expect(await collect(sourceBytes(fromBytes(bytes, 7), { key: 'k' }))).toEqual(bytes)
  expect(await collect(sourceBytes(fromBytes(bytes, 7), { key: 'k', range: { start: 5, end: 50 } }))).toEqual(
    bytes.subarray(5, 50),
  )
  expect(await collect(sourceBytes(fromBytes(new Uint8Array(0)), { key: 'k' }))).toHaveLength(0)
})

it('sourceBytes() refuses a source with another size, and lets go of it', async () => {
  const note = { left: false }
  const short = { size: 301, open: () => noted([bytes], note) }
  await expect(collect(sourceBytes(short, { key: 'k' }))).rejects.toMatchObject({
    code: 'bad-source',
    operation: 'put',
    key: 'k',
    message: 'Cannot put "k": its source has 300 bytes where 301 were due',
  })
  const long = { size: 299, open: () => noted([bytes, bytes], ((note.left = false), note)) }
  await expect(collect(sourceBytes(long, { key: 'k' }))).rejects.toMatchObject({
    code: 'bad-source',
    message: 'Cannot put "k": its source has more than the 299 bytes that were due',
  })
  expect(note.left).toBe(true)
})

it('bodyBytes() tells a short body from a long one', async () => {
  await expect(collect(bodyBytes(fromChunks([bytes]), 301, { key: 'k' }))).rejects.toMatchObject({
    code: 'short-body',
    retry: 'now',
    message: 'Cannot get "k": its body has 300 bytes where 301 were due',
  })
  await expect(collect(bodyBytes(fromChunks([bytes]), 299, { key: 'k' }))).rejects.toMatchObject({ code: 'mismatch' })
})

it('sourceBytes() rejects with the reason while the source makes it wait', async () => {
  const abort = new AbortController()
  const note = { left: false }
  const source = { size: 600, open: () => noted([bytes], note, true) }
  const reading = collect(sourceBytes(source, { key: 'k', signal: abort.signal }))
  setTimeout(() => abort.abort(new Error('stop')), 5)
  await expect(reading).rejects.toThrow('stop')
})

it('sourceBytes() opens nothing once aborted, and nothing before the first pull', async () => {
  let opened = 0
  const source = { size: 1, open: () => (opened++, fromBytes(bytes).open()) }
  sourceBytes(source, { key: 'k' })
  await expect(
    collect(sourceBytes(source, { key: 'k', signal: AbortSignal.abort(new Error('stop')) })),
  ).rejects.toThrow('stop')
  expect(opened).toBe(0)
})

it('sourceBytes() lets go of the source when its reader leaves, and passes its errors on as they are', async () => {
  const note = { left: false }
  for await (const _ of sourceBytes({ size: 600, open: () => noted([bytes, bytes], note) }, { key: 'k' })) break
  expect(note.left).toBe(true)
  const own = new Error('the spool is gone')
  const failing = {
    size: 600,
    open: () =>
      (async function* () {
        yield bytes
        throw own
      })(),
  }
  await expect(collect(sourceBytes(failing, { key: 'k' }))).rejects.toBe(own)
})
