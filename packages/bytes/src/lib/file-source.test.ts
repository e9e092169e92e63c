import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromFile } from '../file.ts'
import { collect, UnexpectedEndError } from '../index.ts'

const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => i * 11))

async function file(name: string | Buffer = 'file') {
  const dir = await tempDir('bytes-')
  const path = typeof name === 'string' ? join(dir, name) : Buffer.concat([Buffer.from(`${dir}/`), name])
  await writeFile(path, content)
  return path
}

/** Descriptors of this process that lead to the file. */
async function openDescriptors(path: string): Promise<number> {
  const { readdir, readlink } = await import('node:fs/promises')
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link === path).length
}

describe('fromFile()', () => {
  it('opens any range, in chunks of any size, as Buffer.subarray() cuts it', async () => {
    const path = await file()
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 500, max: 6000 }), fc.nat(5000), fc.nat(5000), async (chunkBytes, a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        const source = await fromFile(path, { chunkBytes })
        expect(source.size).toBe(5000)
        const chunks: Uint8Array[] = []
        for await (const chunk of source.open({ start, end })) chunks.push(chunk)
        expect(Buffer.concat(chunks).equals(content.subarray(start, end))).toBe(true)
        expect(chunks.every((chunk) => chunk.length > 0 && chunk.length <= chunkBytes)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('can be opened again, twice at once, and refuses what lies outside at once', async () => {
    const source = await fromFile(await file())
    const [a, b] = await Promise.all([collect(source.open()), collect(source.open({ start: 4999 }))])
    expect(content.equals(a)).toBe(true)
    expect(content.subarray(4999).equals(b)).toBe(true)
    expect(await collect(source.open({ start: 5000 }))).toHaveLength(0)
    expect(() => source.open({ end: 5001 })).toThrow('Cannot open bytes 0 to 5001: the source has 5000')
  })

  it('takes a path that is no text', async () => {
    const path = await file(Buffer.from('bad\xff\nname', 'latin1'))
    const source = await fromFile(path)
    expect(source.localPath).toBe(path)
    expect(content.equals(await collect(source.open()))).toBe(true)
    await truncate(path, 3)
    await expect(collect(source.open())).rejects.toThrow(/bad\\xff\\nname" to byte 5000: the file ends at 3$/)
  })

  it('fails with a sentence when the file became shorter, and cuts what became longer', async () => {
    const path = (await file()) as string
    const source = await fromFile(path, { chunkBytes: 1000 })
    await truncate(path, 2500)
    const error: unknown = await collect(source.open({ start: 100 })).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(UnexpectedEndError)
    expect(error).toMatchObject({ wanted: 4900, got: 2400 })
    expect((error as Error).message).toBe(`Cannot read "${path}" to byte 5000: the file ends at 2500`)
    expect(content.subarray(0, 2500).equals(await collect(source.open({ end: 2500 })))).toBe(true)
    await expect(collect(source.open({ start: 4000 }))).rejects.toMatchObject({ wanted: 1000, got: 0 })

    const cut = await fromFile(path, { size: 700 })
    expect(content.subarray(0, 700).equals(await collect(cut.open()))).toBe(true)
  })

  it('passes on that a file is missing, now or later', async () => {
    const dir = await tempDir('bytes-')
    await expect(fromFile(join(dir, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
    const source = await fromFile(join(dir, 'missing'), { size: 5 })
    await expect(collect(source.open())).rejects.toMatchObject({ code: 'ENOENT' })
    // An empty file has to be there, too.
    const empty = await fromFile(join(dir, 'missing'), { size: 0 })
    await expect(collect(empty.open())).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('refuses what has no size: it would pass for an empty file', async () => {
    const dir = await tempDir('bytes-')
    await mkdir(join(dir, 'folder'))
    await expect(fromFile(join(dir, 'folder'))).rejects.toThrow(/folder": it is not a regular file$/)
    await expect(fromFile('/dev/null')).rejects.toThrow('Cannot read "/dev/null": it is not a regular file')
  })

  itWith('mkfifo', 'does not wait for a fifo', async () => {
    const path = join(await tempDir('bytes-'), 'fifo')
    await run(['mkfifo', path], { check: true })
    await expect(fromFile(path)).rejects.toThrow('it is not a regular file')
  })

  it('refuses options that make no sense', async () => {
    const path = await file()
    for (const bad of [0, -1, 1.5, Number.NaN]) {
      await expect(fromFile(path, { chunkBytes: bad })).rejects.toBeInstanceOf(RangeError)
    }
    for (const bad of [-1, 1.5, Number.NaN])
      await expect(fromFile(path, { size: bad })).rejects.toBeInstanceOf(RangeError)
  })

  it.skipIf(process.platform !== 'linux')('keeps no descriptor when its loop is left or fails', async () => {
    const path = (await file()) as string
    const source = await fromFile(path, { chunkBytes: 100 })
    source.open()
    expect(await openDescriptors(path)).toBe(0)
    for await (const chunk of source.open()) {
      expect(chunk).toHaveLength(100)
      expect(await openDescriptors(path)).toBe(1)
      break
    }
    expect(await openDescriptors(path)).toBe(0)
    await truncate(path, 50)
    await expect(collect(source.open())).rejects.toThrow()
    expect(await openDescriptors(path)).toBe(0)
  })
})
