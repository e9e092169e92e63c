import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { comparePaths, type RawPath } from '@coalmine/bytes'
import { chop, choppings, createRandom, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArchiveDir } from './archive-dir.ts'
import { type FileFacts, FileIndexDecoder, FileIndexEncoder } from './file-index.ts'
import { bindingOf, FileNotes, KnownFiles } from './known-files.ts'
import { nodeLocalEffects } from './local-effects.ts'

const raw = (path: string) => path as RawPath
const random = createRandom('known files')
const binding = bindingOf('duplicity-full.20231114T221320Z.manifest', { hostname: 'here', volumes: [] })
const factsOf = (path: string, more: Partial<FileFacts> = {}): FileFacts => {
  return {
    path: raw(path),
    size: 5,
    mtimeNanos: 999_999_999,
    ctimeMs: 1_700_000_000_000.25,
    inode: 2 ** 52 + 1,
    ...more,
  }
}

// Any paths, neighbours with much in common among them, in their order.
const anyFiles = fc
  .array(
    fc.record({
      path: fc.array(fc.constantFrom('a', 'b', '\xff', 'a long name', '.', '~'), { minLength: 1, maxLength: 5 }),
      size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      mtimeNanos: fc.nat({ max: 999_999_999 }),
      ctimeMs: fc.double({ min: -1e15, max: 1e15, noNaN: true }),
      inode: fc.double({ min: 0, max: 2 ** 64, noNaN: true }),
    }),
    { maxLength: 40 },
  )
  .map((files) => {
    const byPath = new Map(files.map((file) => [file.path.join('/'), { ...file, path: raw(file.path.join('/')) }]))
    return [...byPath.values()].sort((a, b) => comparePaths(a.path, b.path))
  })

function encode(files: readonly FileFacts[], bound: Uint8Array = binding): Buffer {
  const encoder = new FileIndexEncoder()
  const blocks = files.map((file) => encoder.add(file)).filter((block) => block !== undefined)
  return Buffer.concat([...blocks, encoder.finish(bound)])
}

function decode(chunks: Iterable<Uint8Array>): { files: FileFacts[]; ended: boolean } {
  const decoder = new FileIndexDecoder()
  const files: FileFacts[] = []
  for (const chunk of chunks) {
    for (const { paths, numbers } of decoder.push(chunk)) {
      for (const [at, path] of paths.entries()) {
        const [size, mtimeNanos, ctimeMs, inode] = numbers.slice(4 * at, 4 * at + 4) as unknown as [
          number,
          number,
          number,
          number,
        ]
        files.push({ path, size, mtimeNanos, ctimeMs, inode })
      }
    }
  }
  return { files, ended: decoder.ended }
}

async function judged(known: KnownFiles, files: readonly FileFacts[]): Promise<string[]> {
  const words: string[] = []
  for (const file of files) {
    let word = known.judge(file)
    for (; word === 'more'; word = known.judge(file)) await known.read()
    words.push(word)
  }
  await known.close()
  return words
}

async function kept(files: readonly FileFacts[]): Promise<{ archiveDir: ArchiveDir; path: string }> {
  const folder = await tempDir('known')
  const archiveDir = new ArchiveDir(folder)
  const notes = new FileNotes(archiveDir)
  for (const file of files) notes.add(file)
  notes.commit(binding)
  return { archiveDir, path: join(folder, 'coalmine', 'files') }
}

describe('the index of files', () => {
  it('gives back any files, whole, byte by byte and in random pieces', () => {
    fc.assert(
      fc.property(anyFiles, fc.nat(), (files, seed) => {
        const bytes = encode(files)
        for (const chunks of [[bytes], chop(bytes, 'bytes'), chop(bytes, { seed })]) {
          expect(decode(chunks)).toEqual({ files, ended: true })
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('takes a hundred thousand files in blocks, and long names', () => {
    const files = Array.from({ length: 100_000 }, (_, at) =>
      factsOf(`folder ${Math.floor(at / 100)}/${at}`, { size: at }),
    )
    const bytes = encode(files)
    // Compact: names without what they have in common with the one before.
    expect(bytes.length).toBeLessThan(100_000 * 45)
    expect(decode([bytes])).toEqual({ files, ended: true })
    const long = Array.from({ length: 60 }, (_, at) => factsOf(String.fromCharCode(48 + at).repeat(60_000)))
    for (const way of choppings(encode(long)).slice(0, 1)) expect(decode(way.chunks()).files).toEqual(long)
    expect(decode([encode([factsOf('x'.repeat(70_000)), factsOf('y')])]).files.map(({ path }) => path)).toEqual(['y'])
  })

  it('never gives anything else when it is damaged', () => {
    fc.assert(
      fc.property(anyFiles, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (files, place, flip, cut) => {
        const bytes = encode(files)
        const at = place % bytes.length
        if (!cut) bytes[at]! ^= flip
        let read = { files: [] as FileFacts[], ended: false }
        try {
          read = decode([cut ? bytes.subarray(0, at) : bytes])
        } catch (error) {
          expect(error).toMatchObject({ code: 'unreadable' })
        }
        expect(read.ended).toBe(false)
        expect(files.slice(0, read.files.length)).toEqual(read.files)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('KnownFiles', () => {
  const files = ['a', 'b', 'd', 'd/e', 'f'].map((path) => factsOf(path))

  it('says of each file whether it is what it was', async () => {
    const { archiveDir } = await kept(files)
    const open = () => KnownFiles.open(archiveDir, binding)
    expect(await judged(await open(), files)).toEqual(['same', 'same', 'same', 'same', 'same'])
    const now = [
      factsOf('a', { size: 6 }),
      factsOf('b', { mtimeNanos: 0 }),
      factsOf('c'),
      factsOf('d', { ctimeMs: 1_700_000_000_000.5 }),
      factsOf('d/e', { inode: 2 ** 52 }),
      factsOf('f'),
      factsOf('g'),
    ]
    expect(await judged(await open(), now)).toEqual(['other', 'other', 'other', 'other', 'other', 'same', 'other'])
    expect(await judged(await open(), files.slice(4))).toEqual(['same'])
    const { archiveDir: empty } = await kept([])
    expect(await judged(await KnownFiles.open(empty, binding), files.slice(0, 1))).toEqual(['other'])
  })

  it('does not vouch for a file that had just changed', async () => {
    const { archiveDir } = await kept([
      factsOf('a', { ctimeMs: Date.now() - 60_000 }),
      factsOf('b', { ctimeMs: Date.now() - 500 }),
    ])
    const now = [factsOf('b', { ctimeMs: Date.now() - 500 })]
    expect(await judged(await KnownFiles.open(archiveDir, binding), now)).toEqual(['other'])
  })

  it('knows nothing without an index, by one of another set, and where it is damaged', async () => {
    const many = Array.from({ length: 3000 }, (_, at) => factsOf(String(at).padStart(5, '0')))
    const { archiveDir, path } = await kept(many)
    const bytes = readFileSync(path)
    const words = async (bound = binding) => new Set(await judged(await KnownFiles.open(archiveDir, bound), many))
    const unknown = new Set(['unknown'])
    expect(await words()).toEqual(new Set(['same']))
    expect(await words(random.bytes(32))).toEqual(unknown)
    for (const at of [0, 17, 30, bytes.length - 1, bytes.length - 35]) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1
      writeFileSync(path, damaged)
      // Its end is looked at last, and its files were sound.
      expect([...(await words())].every((word) => word === 'unknown' || word === 'same')).toBe(true)
    }
    const half = Buffer.from(bytes)
    half[bytes.length >> 1]! ^= 1
    writeFileSync(path, half)
    expect((await words()).has('unknown')).toBe(true)
    expect((await words()).has('other')).toBe(false)
    for (const length of [0, 1, 63, 64, 1000]) {
      truncateSync(path, length)
      expect(await words()).toEqual(unknown)
      writeFileSync(path, bytes)
    }
    rmSync(path)
    expect(await words()).toEqual(unknown)
    mkdirSync(path)
    expect(await words()).toEqual(unknown)
  })
})

describe('FileNotes', () => {
  it('leaves no index, and stops nothing, where it cannot be written', async () => {
    for (const failing of ['createFile', 'write', 'rename', 'close'] as const) {
      const folder = await tempDir('notes')
      let calls = 0
      const effects = {
        ...nodeLocalEffects,
        [failing]: () => {
          calls += 1
          throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        },
      }
      const notes = new FileNotes(new ArchiveDir(folder, effects))
      for (let at = 0; at < 3000; at++) notes.add(factsOf(String(at).padStart(5, '0')))
      notes.commit(binding)
      expect(calls, failing).toBeGreaterThan(0)
      expect(new ArchiveDir(folder).source('coalmine/files'), failing).toBeUndefined()
    }
  })
})
