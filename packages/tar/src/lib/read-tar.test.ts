import { collect, fromBytes, fromChunks, type RawPath } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { member, zeroBlock } from '../../test/hand-made.ts'
import { readTar } from './read-tar.ts'
import { TarError } from './tar-error.ts'

const archive = Buffer.concat([
  member({ name: 'a' }, 'x'.repeat(1000)),
  member({ name: 'empty' }),
  member({ name: 'b' }, 'y'.repeat(512)),
  zeroBlock,
  Buffer.alloc(2000, 0x8c),
])

const bodyText = async (body: () => AsyncIterable<Uint8Array>): Promise<string> =>
  Buffer.from(await collect(body())).toString()

describe('readTar()', () => {
  it('gives every member with its body, however the stream is cut', async () => {
    for (const way of choppings(archive)) {
      const read: [RawPath, number, string][] = []
      for await (const { header, offset, body } of readTar(way.stream())) {
        read.push([header.name, offset, await bodyText(body)])
      }
      expect(read, way.name).toEqual([
        ['a', 0, 'x'.repeat(1000)],
        ['empty', 1536, ''],
        ['b', 2048, 'y'.repeat(512)],
      ])
    }
  })

  it('passes over bodies that are not read, or not to their end', async () => {
    for (const way of choppings(archive)) {
      const names: string[] = []
      for await (const { header, body } of readTar(way.stream())) {
        names.push(header.name)
        if (header.name === 'a') for await (const piece of body()) if (piece.length > 0) break
      }
      expect(names, way.name).toEqual(['a', 'empty', 'b'])
    }
  })

  it('pulls the stream to its end, so that what guards it can speak', async () => {
    async function* guarded() {
      yield archive
      yield Buffer.alloc(100)
      throw new Error('the checksum at the end does not match')
    }
    const names: string[] = []
    const reading = (async () => {
      for await (const { header } of readTar(guarded())) names.push(header.name)
    })()
    await expect(reading).rejects.toThrow('the checksum at the end does not match')
    expect(names).toEqual(['a', 'empty', 'b'])
  })

  it('hands out what comes before an error', async () => {
    const names: string[] = []
    const reading = (async () => {
      for await (const { header } of readTar(fromBytes(archive.subarray(0, 2100)).open())) names.push(header.name)
    })()
    await expect(reading).rejects.toThrow(TarError)
    expect(names).toEqual(['a', 'empty'])
  })

  it('fails a body that is cut off', async () => {
    for await (const { body } of readTar(fromBytes(archive.subarray(0, 700)).open())) {
      await expect(collect(body())).rejects.toThrow(
        'Cannot read "a": the archive ends "836" bytes before the member does',
      )
      break
    }
  })

  it('lets go of the stream when the loop is left, when it fails and when it ends', async () => {
    let released = 0
    async function* tracked(bytes: Uint8Array) {
      try {
        for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100)
      } finally {
        released += 1
      }
    }
    for await (const entry of readTar(tracked(archive))) if (entry.header.name === 'a') break
    expect(released).toBe(1)
    const reading = (async () => {
      for await (const { offset } of readTar(tracked(Buffer.alloc(2000, 'x')))) expect(offset).toBe(0)
    })()
    await expect(reading).rejects.toThrow(TarError)
    expect(released).toBe(2)
    for await (const { offset } of readTar(tracked(archive))) expect(offset % 512).toBe(0)
    expect(released).toBe(3)
  })

  it('fails the body of a member that the reader has left behind, instead of ending it early', async () => {
    const entries = readTar(fromBytes(archive, 600).open())
    const { value: first } = await entries.next()
    const late = first!.body()[Symbol.asyncIterator]()
    expect((await late.next()).done).toBe(false)
    await entries.next()
    await expect(late.next()).rejects.toThrow('Cannot read the body of "a": the reader has gone on')

    const again = readTar(fromBytes(archive, 600).open())
    const { value: entry } = await again.next()
    await again.return()
    await expect(collect(entry!.body())).rejects.toThrow('Cannot read the body of "a": the reader has gone on')
  })

  it('opens a body once', async () => {
    for await (const { body } of readTar(fromBytes(archive).open())) {
      await collect(body())
      expect(() => body()).toThrow(TypeError)
    }
  })

  it('reads nothing before the first pull and stops at a signal', async () => {
    const controller = new AbortController()
    let pulled = 0
    async function* counted() {
      for (let at = 0; at < archive.length; at += 512) {
        pulled += 1
        yield archive.subarray(at, at + 512)
      }
    }
    const entries = readTar(counted(), { signal: controller.signal })
    expect(pulled).toBe(0)
    await entries.next()
    expect(pulled).toBe(1)
    controller.abort(new Error('enough'))
    await expect(entries.next()).rejects.toThrow('enough')
    expect(pulled).toBe(1)
  })

  it('takes an empty stream for an archive without members, and keeps to limits', async () => {
    for await (const entry of readTar(fromChunks([]))) expect(entry).toBeUndefined()
    const reading = readTar(fromBytes(member({ name: 'x', typeflag: 'L' }, 'name')).open(), { maxMetaBytes: 3 }).next()
    await expect(reading).rejects.toMatchObject({ code: 'too-large', offset: 0 })
  })
})
