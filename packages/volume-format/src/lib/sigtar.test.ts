import { comparePaths, concat, fromChunks, type ByteStream, type RawPath } from '@coalmine/bytes'
import { choppings } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeDiffTarMember, encodeSigTarMember, sigTarEnd, type SigTarMember } from './encode-members.ts'
import type { EntryMeta } from './entry-meta.ts'
import { FormatError } from './format-error.ts'
import { groupSigTars, mergeSigTars } from './sigtar-merge.ts'
import { readSigTar, type ReadSigTarOptions, type SigTarEntry } from './sigtar-reader.ts'

const raw = (text: string) => text as RawPath
const meta = (path: string, kind: EntryMeta['kind'] = 'file', more: Partial<EntryMeta> = {}): EntryMeta => ({
  path: raw(path),
  kind,
  mode: 0o644,
  uid: 1,
  gid: 2,
  mtimeSeconds: 1_600_000_000,
  userName: 'u',
  groupName: 'g',
  ...more,
})
const signature = (path: string, text = 'signature', more: Partial<EntryMeta> = {}): SigTarMember => ({
  action: 'signature',
  meta: meta(path, 'file', more),
  signature: Buffer.from(text),
})
const folder = (path: string): SigTarMember => ({ action: 'snapshot', meta: meta(path, 'directory') })
const deleted = (path: string): SigTarMember => ({ action: 'deleted', path: raw(path) })

function archive(members: readonly SigTarMember[]): Uint8Array {
  const body = concat(members.map(encodeSigTarMember))
  return concat([body, sigTarEnd(body.length)])
}

async function read(stream: ByteStream, options?: ReadSigTarOptions): Promise<SigTarEntry[]> {
  const entries: SigTarEntry[] = []
  for await (const batch of readSigTar(stream, options)) {
    expect(batch.length).toBeGreaterThan(0)
    entries.push(...batch)
  }
  return entries
}

async function failure(stream: ByteStream): Promise<unknown> {
  return read(stream).then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('readSigTar()', () => {
  const members = [
    folder(''),
    signature('a', ''),
    folder('d'),
    signature('d/x', 'x'.repeat(3000)),
    deleted('e'),
    signature('f'),
  ]

  it('gives entries with their signatures, however the stream is cut', async () => {
    for (const way of choppings(archive(members), 1)) {
      const entries = await read(way.stream())
      expect(entries.map(({ action, path, signatureBytes }) => [action, path, signatureBytes])).toEqual([
        ['snapshot', '', undefined],
        ['signature', 'a', 0],
        ['snapshot', 'd', undefined],
        ['signature', 'd/x', 3000],
        ['deleted', 'e', undefined],
        ['signature', 'f', 9],
      ])
      expect(entries.map((entry) => entry.signature && Buffer.from(entry.signature).toString())).toEqual([
        undefined,
        '',
        undefined,
        'x'.repeat(3000),
        undefined,
        'signature',
      ])
      expect(entries[3]!.meta).toEqual(meta('d/x'))
      expect(entries[4]!.meta).toBeUndefined()
    }
  })

  it('gives signatures of their own, not views of what was read', async () => {
    const bytes = archive([signature('a', 'abc')])
    const [entry] = await read(fromChunks([bytes]))
    bytes.fill(0)
    expect(Buffer.from(entry!.signature!).toString()).toBe('abc')
  })

  it('passes over signatures when it is told to, and over long ones', async () => {
    for (const way of choppings(archive(members), 1)) {
      const without = await read(way.stream(), { signatures: false })
      expect(without.every((entry) => entry.signature === undefined)).toBe(true)
      expect(without[3]!.signatureBytes).toBe(3000)
      const short = await read(way.stream(), { maxSignatureBytes: 9 })
      expect(short.map((entry) => entry.signature?.length)).toEqual([undefined, 0, undefined, undefined, undefined, 9])
    }
  })

  it('takes nothing, and zeros, for no entries', async () => {
    expect(await read(fromChunks([]))).toEqual([])
    expect(await read(fromChunks([new Uint8Array(10_240)]))).toEqual([])
  })

  it('reads its stream to the end, where damage may come to light', async () => {
    async function* stream(): ByteStream {
      yield archive(members)
      throw new Error('the integrity check failed')
    }
    expect(await failure(stream())).toMatchObject({ message: 'the integrity check failed' })
  })

  it.each([
    ['the same path twice', [signature('a'), signature('a')]],
    ['a folder after what it holds', [signature('d/x'), folder('d')]],
    ['another order than that of components', [signature('a.b'), signature('a/z')]],
  ])('refuses %s', async (_, members) => {
    for (const way of choppings(archive(members), 1)) {
      expect(await failure(way.stream())).toMatchObject({ name: 'FormatError', code: 'corrupt' })
    }
  })

  it('takes the order of components', async () => {
    const entries = await read(fromChunks([archive([folder('a'), signature('a/z'), signature('a.b')])]))
    expect(entries).toHaveLength(3)
  })

  it('refuses members of another kind of archive', async () => {
    const difftar = encodeDiffTarMember({ action: 'diff', meta: meta('a') })
    expect(await failure(fromChunks([difftar]))).toMatchObject({ code: 'corrupt' })
  })

  it('of damaged and arbitrary bytes gives entries or a FormatError, the same however they are cut', async () => {
    const good = archive(members).subarray(0, 8000)
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))
    const hurt = fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
      const bytes = Buffer.from(good)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
    const outcome = async (stream: ByteStream) => {
      try {
        return (await read(stream)).map(({ path, action, signature }) => `${action} ${path} ${signature?.length}`)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        return String(error)
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.oneof(hurt, fc.uint8Array({ maxLength: 1100 })), fc.nat(), async (bytes, seed) => {
        const [whole, , ...pieces] = choppings(bytes, seed)
        const expected = await outcome(whole!.stream())
        for (const way of pieces) expect(await outcome(way.stream())).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('mergeSigTars()', () => {
  const entry = (member: SigTarMember): SigTarEntry =>
    member.action === 'deleted' ? member : { ...member, path: member.meta.path }

  async function* batches(entries: SigTarEntry[], size: number): AsyncGenerator<SigTarEntry[]> {
    for (let at = 0; at < entries.length; at += size) yield entries.slice(at, at + size)
  }

  async function merge(files: SigTarEntry[][], size = 2): Promise<SigTarEntry[]> {
    const merged: SigTarEntry[] = []
    for await (const batch of mergeSigTars(files.map((file) => batches(file, size)))) merged.push(...batch)
    return merged
  }

  it('gives the state at the last: the newest counts, deleted is absence', async () => {
    const full = [folder(''), signature('a', '1'), signature('b', '1'), folder('d'), signature('d/x', '1')].map(entry)
    const first = [folder(''), signature('a', '2'), deleted('b'), deleted('d'), deleted('d/x')].map(entry)
    const second = [folder(''), signature('b', '3'), signature('c', '3')].map(entry)
    const show = (entries: SigTarEntry[]) =>
      entries.map(({ path, signature }) => path + Buffer.from(signature ?? []).toString())
    expect(show(await merge([full]))).toEqual(['', 'a1', 'b1', 'd', 'd/x1'])
    expect(show(await merge([full, first]))).toEqual(['', 'a2'])
    expect(show(await merge([full, first, second]))).toEqual(['', 'a2', 'b3', 'c3'])
    expect(await merge([])).toEqual([])
    expect(await merge([[], full, []])).toEqual(full)
  })

  it('does what a map does that all files are put into', async () => {
    const path = fc.constantFrom('', 'a', 'a/b', 'a/b/c', 'a.b', 'b', 'b c', '\xff').map(raw)
    const member = fc.record({
      path,
      action: fc.constantFrom<SigTarEntry['action'][]>('signature', 'snapshot', 'deleted'),
    })
    const file = fc
      .uniqueArray(member, { selector: (entry) => entry.path })
      .map((entries): SigTarEntry[] => entries.sort((a, b) => comparePaths(a.path, b.path)))
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 9 }), fc.integer({ min: 1, max: 4 }), async (files, size) => {
        const state = new Map<RawPath, SigTarEntry>()
        for (const entries of files) for (const entry of entries) state.set(entry.path, entry)
        const expected = [...state.values()].filter((entry) => entry.action !== 'deleted')
        const merged = await merge(files, size)
        expect(merged).toEqual(expected.sort((a, b) => comparePaths(a.path, b.path)))
        const groups: unknown[] = []
        for await (const more of groupSigTars(files.map((entries) => batches(entries, size)))) groups.push(...more)
        const every = files.flatMap((entries, file) => entries.map((entry) => ({ file, entry })))
        const paths = [...new Set(every.map(({ entry }) => entry.path))].sort(comparePaths)
        const of = (one: RawPath) => every.filter(({ entry }) => entry.path === one).toReversed()
        expect(groups).toEqual(paths.map((one) => ({ path: one, entries: of(one) })))
      }),
      { numRuns: 1000 },
    )
  })

  it('lets go of all files when it is left early, and when one fails', async () => {
    let open = 0
    async function* file(fails: boolean): AsyncGenerator<SigTarEntry[]> {
      open += 1
      try {
        yield Array.from({ length: 2000 }, (_, i) => ({
          action: 'deleted' as const,
          path: raw(String(i).padStart(4, '0')),
        }))
        if (fails) throw new FormatError('corrupt', 'Cannot read on: a test')
        yield [{ action: 'snapshot', path: raw('x') }]
      } finally {
        open -= 1
      }
    }
    for await (const _ of mergeSigTars([file(false), file(false)])) break
    expect(open).toBe(0)
    const all = async () => {
      for await (const _ of mergeSigTars([file(false), file(true)]));
    }
    await expect(all()).rejects.toThrow(FormatError)
    expect(open).toBe(0)
  })
})
