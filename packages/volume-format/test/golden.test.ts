import { createHash } from 'node:crypto'
import { chmodSync, lutimesSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { collect, concat, fromBytes, fromChunks, type ByteSource, type RawPath } from '@coalmine/bytes'
import { chop, createRandom, itWith, nastyTree, run, tempDir } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import {
  collectSets,
  encodeSigTarMember,
  formatManifest,
  formatName,
  gzipEnvelope,
  matchChains,
  mergeSigTars,
  parseManifest,
  readSigTar,
  setsForTime,
  sigTarEnd,
  type EntryMeta,
  type Manifest,
  type SigTarEntry,
} from '../src/index.ts'
import { decodeVolumes, encodeEntry, objectsIn, signaturesIn, type WholeEntry } from './archives.ts'
import { duplicity, duplicityGnu } from './oracle.ts'
import { readTree, type TreeFile } from './tree.ts'

const plain = ['--no-encryption', '--no-compression', '--verbosity', 'error', '--no-print-statistics']

async function backUp(action: 'full' | 'inc', base: string, options: string[] = plain): Promise<void> {
  const common = ['--archive-dir', join(base, 'cache'), ...options]
  await duplicityGnu([action, ...common, join(base, 'src'), `file://${join(base, 'store')}`], { cwd: base })
}

/** The signature file of a tree, with the signatures themselves taken from another one. */
function encodeSignatures(tree: readonly TreeFile[], others: readonly SigTarEntry[]): Uint8Array {
  const signatures = new Map(others.map((entry) => [entry.path, entry.signature]))
  const members = tree.map(({ meta }) =>
    meta.kind === 'file'
      ? encodeSigTarMember({ action: 'signature', meta, signature: signatures.get(meta.path)! })
      : encodeSigTarMember({ action: 'snapshot', meta }),
  )
  const body = concat(members)
  return concat([body, sigTarEnd(body.length)])
}

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex')
}

function expectSameBytes(ours: Uint8Array, theirs: Uint8Array): void {
  if (Buffer.compare(ours, theirs) === 0) return
  let at = 0
  while (at < ours.length && ours[at] === theirs[at]) at += 1
  const block = at - (at % 512)
  expect(Buffer.from(ours.subarray(block, block + 512)).toString('latin1'), `block at ${block}`).toBe(
    Buffer.from(theirs.subarray(block, block + 512)).toString('latin1'),
  )
  expect(ours.length).toBe(theirs.length)
}

describe('the archives of duplicity 0.8.22 with GNU tar headers', () => {
  itWith(duplicity, 'are written byte for byte the same: a full set of the nasty tree', async () => {
    const base = await tempDir('golden')
    await nastyTree(join(base, 'src'))
    await backUp('full', base)
    const store = objectsIn(join(base, 'store'))
    const tree = readTree(join(base, 'src'))

    const difftar = concat(tree.map(({ meta, content }) => encodeEntry('snapshot', meta.path, meta, content)))
    expectSameBytes(difftar, concat(store.volumes('full')))
    expectSameBytes(encodeSignatures(tree, await signaturesIn(store.signatures('full'))), store.signatures('full'))

    const manifest: Manifest = {
      hostname: hostname(),
      localDir: join(base, 'src') as RawPath,
      volumes: new Map([
        [
          1,
          {
            number: 1,
            start: { path: '' as RawPath },
            end: { path: tree.at(-1)!.meta.path },
            hashes: [{ name: 'SHA1', hex: sha1(difftar) }],
          },
        ],
      ]),
      files: tree.flatMap(({ meta }) => (meta.kind === 'file' ? [{ action: 'new' as const, path: meta.path }] : [])),
    }
    expectSameBytes(formatManifest(manifest), store.manifest('full'))
    const set = store.set('full')
    expect(store.names.sort()).toEqual(
      [
        formatName({ object: 'volume', set, volume: 1 }),
        formatName({ object: 'manifest', set }),
        formatName({ object: 'signatures', set }),
      ].sort(),
    )

    // And read: with these headers, and with the pax headers that it writes by itself.
    const entries = decodeVolumes([chop(concat(store.volumes('full')), { seed: 1 })])
    expect(entries.map(({ path, action, meta }) => ({ path, action, meta }))).toEqual(
      tree.map(({ meta }) => ({ path: meta.path, action: 'snapshot', meta })),
    )
    for (const [i, { content = Buffer.alloc(0) }] of tree.entries()) {
      expect(Buffer.compare(entries[i]!.data, content), entries[i]!.path).toBe(0)
    }
    const pax = join(base, 'pax')
    const args = ['full', '--archive-dir', join(base, 'cache-pax'), ...plain, join(base, 'src'), `file://${pax}`]
    await run(['duplicity', ...args], { check: true })
    const again = objectsIn(pax)
    expect(digests(decodeVolumes([again.volumes('full')]))).toEqual(digests(entries))
    expect(await signaturesIn(again.signatures('full'))).toEqual(await signaturesIn(store.signatures('full')))
  })

  itWith(duplicity, 'are written and read byte for byte the same: an increment, in volumes of 1 MiB', async () => {
    const base = await tempDir('golden')
    const src = join(base, 'src')
    makeTree(src)
    const before = readTree(src)
    await backUp('full', base, [...plain, '--volsize', '1'])
    changeTree(src)
    const after = readTree(src)
    await backUp('inc', base, [...plain, '--volsize', '1'])
    const store = objectsIn(join(base, 'store'))

    for (const [type, tree] of [
      ['full', before],
      ['inc', after],
    ] as const) {
      const volumes = store.volumes(type)
      expect(volumes.length).toBeGreaterThan(1)
      const entries = decodeVolumes(volumes.map((volume) => chop(volume, { seed: volume.length })))
      const metas = new Map(tree.map(({ meta }) => [meta.path, meta]))
      const members = entries.map(({ action, path, data }) => {
        const meta = metas.get(path)
        return encodeEntry(action, path, meta, meta?.kind === 'file' ? data : undefined)
      })
      expectSameBytes(concat(members), concat(volumes))
      const manifest = parseManifest(store.manifest(type))
      expectSameBytes(formatManifest(manifest), store.manifest(type))
      expect([...manifest.volumes.values()].map(({ hashes }) => hashes[0]!.hex)).toEqual(volumes.map(sha1))
      expectRanges(manifest, volumes, entries)
    }

    const increment = await signaturesIn(store.signatures('inc'))
    expectSameBytes(encodeIncrement(increment, after), store.signatures('inc'))
    const merged = await merge([store.signatures('full'), store.signatures('inc')])
    expect(merged.map(({ path, meta }) => [path, meta])).toEqual(after.map(({ meta }) => [meta.path, meta]))

    const collection = collectSets(store.names.map((key) => ({ key, size: 0 })))
    expect(matchChains(collection)).toMatchObject({ chain: { sets: [{}, {}] }, signatures: { sets: [{}, {}] } })
    expect(setsForTime(collection, Date.now() / 1000)?.sets).toHaveLength(2)
  })

  itWith(duplicity, 'a set of ours in gzip files is verified by it without a difference', async () => {
    const base = await tempDir('golden')
    const src = join(base, 'src')
    await nastyTree(src, { without: ['times-before-1970'] })
    await backUp('full', base)
    const theirs = objectsIn(join(base, 'store'))
    const tree = readTree(src)
    const store = join(base, 'ours')
    mkdirSync(store)
    const envelope = gzipEnvelope()
    const set = { type: 'full', timeSeconds: 1_700_000_000 } as const
    const put = async (object: 'volume' | 'signatures', plain: Uint8Array) => {
      const name = formatName({
        object,
        set,
        suffix: envelope.suffixOf(object),
        ...(object === 'volume' ? { volume: 1 } : {}),
      })
      const stored = await collect(envelope.seal(object, fromBytes(plain).open()))
      writeFileSync(join(store, name), stored)
      return stored
    }
    const difftar = concat(tree.map(({ meta, content }) => encodeEntry('snapshot', meta.path, meta, content)))
    const volume = await put('volume', difftar)
    await put('signatures', encodeSignatures(tree, await signaturesIn(theirs.signatures('full'))))
    const manifest: Manifest = {
      volumes: new Map([
        [
          1,
          {
            number: 1,
            start: { path: '' as RawPath },
            end: { path: tree.at(-1)!.meta.path },
            hashes: [{ name: 'SHA1', hex: sha1(volume) }],
          },
        ],
      ]),
    }
    writeFileSync(join(store, formatName({ object: 'manifest', set })), formatManifest(manifest))
    const result = await run(
      [
        'duplicity',
        'verify',
        '--compare-data',
        '--no-encryption',
        '--archive-dir',
        join(base, 'cache-ours'),
        `file://${store}`,
        src,
      ],
      { check: true },
    )
    expect(result.stdout.toString()).toContain(`Verify complete: ${tree.length} files compared, 0 differences found.`)
  })

  itWith(duplicity, 'its own gzip files are opened', async () => {
    const base = await tempDir('golden')
    makeTree(join(base, 'src'))
    await backUp('full', base, ['--no-encryption', '--verbosity', 'error', '--no-print-statistics'])
    const store = objectsIn(join(base, 'store'))
    const envelope = gzipEnvelope()
    const open = (kind: 'volume' | 'signatures' | 'manifest', bytes: Uint8Array) =>
      collect(envelope.open(kind, chopped(bytes)))
    const tree = readTree(join(base, 'src'))
    const difftar = concat(tree.map(({ meta, content }) => encodeEntry('snapshot', meta.path, meta, content)))
    expectSameBytes(await open('volume', store.volumes('full')[0]!), difftar)
    const signatures = await open('signatures', store.signatures('full'))
    expectSameBytes(encodeSignatures(tree, await signaturesIn(signatures)), signatures)
    expectSameBytes(
      formatManifest(parseManifest(await open('manifest', store.manifest('full')))),
      store.manifest('full'),
    )
  })
})

function chopped(bytes: Uint8Array): ByteSource {
  return { ...fromBytes(bytes), open: () => fromChunks(chop(bytes, { seed: bytes.length })) }
}

function encodeIncrement(entries: readonly SigTarEntry[], tree: readonly TreeFile[]): Uint8Array {
  const metas = new Map<RawPath, EntryMeta>(tree.map(({ meta }) => [meta.path, meta]))
  const members = entries.map(({ action, path, signature }) => {
    if (action === 'deleted') return encodeSigTarMember({ action, path })
    const meta = metas.get(path)!
    return action === 'signature'
      ? encodeSigTarMember({ action, meta, signature: signature! })
      : encodeSigTarMember({ action, meta })
  })
  const body = concat(members)
  return concat([body, sigTarEnd(body.length)])
}

async function merge(files: readonly Uint8Array[]): Promise<SigTarEntry[]> {
  const entries: SigTarEntry[] = []
  for await (const batch of mergeSigTars(files.map((bytes) => readSigTar(fromBytes(bytes).open()))))
    entries.push(...batch)
  return entries
}

/** The entries with a digest in place of their data: what is compared by structure should be small. */
function digests(entries: readonly WholeEntry[]) {
  return entries.map(({ data, ...entry }) => ({ ...entry, data: sha1(data) }))
}

/** What the manifest says of each volume is what the decoder finds in it, read alone. */
function expectRanges(manifest: Manifest, volumes: readonly Uint8Array[], all: readonly WholeEntry[]): void {
  for (const [i, volume] of volumes.entries()) {
    const entries = decodeVolumes([[volume]])
    const { start, end } = manifest.volumes.get(i + 1)!
    expect(entries[0]!.path).toBe(start.path)
    expect(entries.at(-1)!.path).toBe(end.path)
    // The number of a chunk is there, but for the last chunk of a file.
    if (start.block !== undefined) expect(entries[0]!.firstBlock).toBe(start.block)
    if (start.block === undefined && i > 0) {
      expect(entries[0]!.firstBlock ?? 1).toBe(
        Math.ceil((all.find(({ path }) => path === start.path)!.data.length + 1) / 65_536),
      )
    }
  }
}

function bytesOf(length: number, seed: number): Buffer {
  return createRandom(seed).bytes(length)
}

/** All kinds that an increment is about, and files that go on in the next volume. */
function makeTree(src: string): void {
  mkdirSync(join(src, 'folder/inner'), { recursive: true })
  mkdirSync(join(src, 'gone/deep'), { recursive: true })
  mkdirSync(join(src, 'to file'))
  const files: Record<string, Buffer> = {
    'a few': bytesOf(10, 1),
    big: bytesOf(2_500_000, 3),
    'chunks/exact': bytesOf(131_072, 5),
    'chunks/last': bytesOf(65_535, 7),
    empty: Buffer.alloc(0),
    'folder/inner/x': bytesOf(700, 9),
    'folder/touched': bytesOf(700, 9),
    'gone/deep/y': bytesOf(700, 9),
    'gone/z': Buffer.alloc(0),
    'to file/w': bytesOf(5, 1),
    'to folder': bytesOf(5, 1),
    unchanged: bytesOf(100_000, 11),
  }
  mkdirSync(join(src, 'chunks'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(src, name), content)
  symlinkSync('a few', join(src, 'link'))
  symlinkSync('somewhere', join(src, 'to real'))
  settle(src, 1_600_000_000)
}

function changeTree(src: string): void {
  for (const name of ['gone', 'to file', 'to folder', 'to real', 'link']) rmSync(join(src, name), { recursive: true })
  writeFileSync(join(src, 'a few'), bytesOf(12, 1))
  writeFileSync(join(src, 'big'), Buffer.concat([bytesOf(1_500_000, 13), bytesOf(2_500_000, 3)]))
  writeFileSync(join(src, 'new'), bytesOf(70_000, 1))
  writeFileSync(join(src, 'to file'), 'file')
  mkdirSync(join(src, 'to folder'))
  writeFileSync(join(src, 'to folder/in it'), 'x')
  writeFileSync(join(src, 'to real'), 'real')
  symlinkSync('elsewhere', join(src, 'link'))
  chmodSync(join(src, 'folder/inner'), 0o700)
  utimesSync(join(src, 'folder/touched'), 1_600_000_007, 1_600_000_007)
  for (const name of ['a few', 'big']) utimesSync(join(src, name), 1_600_000_099, 1_600_000_099)
}

/** Gives everything one time, so that what is changed later shows. */
function settle(dir: string, time: number): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) settle(path, time)
    else lutimesSync(path, time, time)
  }
  utimesSync(dir, time, time)
}
