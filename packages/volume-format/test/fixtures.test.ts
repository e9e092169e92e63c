import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { collect, fromBytes } from '@coalmine/bytes'
import { inflate } from '@coalmine/deflate'
import { readTar, TarDecoder } from '@coalmine/tar'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  collectSets,
  gzipEnvelope,
  matchChains,
  mergeSigTars,
  parseManifest,
  parseName,
  readSigTar,
  setsForTime,
  type SigTarEntry,
} from '../src/index.ts'
import { decodeVolumes, type WholeEntry } from './archives.ts'

// The judge of all this is duplicity 0.8.22, which wrote these files: see fixtures/README.md.

async function unpack(name: string): Promise<Map<string, Uint8Array>> {
  const text = readFileSync(new URL(`fixtures/${name}.tar.gz.b64`, import.meta.url), 'latin1')
  const tar = inflate(fromBytes(Buffer.from(text, 'base64')).open(), { format: 'gzip' })
  const files = new Map<string, Uint8Array>()
  for await (const entry of readTar(tar)) files.set(entry.header.name, await collect(entry.body()))
  return files
}

const names = {
  fullManifest: 'duplicity-full.20231114T221320Z.manifest',
  fullVolume: 'duplicity-full.20231114T221320Z.vol1.difftar.gz',
  fullSignatures: 'duplicity-full-signatures.20231114T221320Z.sigtar.gz',
  incManifest: 'duplicity-inc.20231114T221320Z.to.20231115T221320Z.manifest',
  incVolume: 'duplicity-inc.20231114T221320Z.to.20231115T221320Z.vol1.difftar.gz',
  incSignatures: 'duplicity-new-signatures.20231114T221320Z.to.20231115T221320Z.sigtar.gz',
}

const digest = (algorithm: 'md5' | 'sha1', bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('hex')
const head = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 4)).toString('hex')
const [full, inc] = [1_700_000_000, 1_700_086_400]

describe('the repository that duplicity 0.8.22 wrote without encryption', () => {
  let files: Map<string, Uint8Array>
  let plain: Record<keyof typeof names, Uint8Array>

  beforeAll(async () => {
    files = await unpack('plain')
    const envelope = gzipEnvelope()
    const open = async (name: string) => {
      const object = parseName(name)!.object as 'volume' | 'signatures' | 'manifest'
      return collect(envelope.open(object, fromBytes(files.get(name)!)))
    }
    const opened = Object.entries(names).map(async ([what, name]) => [what, await open(name)] as const)
    plain = Object.fromEntries(await Promise.all(opened)) as typeof plain
  })

  it('has the names of one chain', () => {
    expect([...files.keys()].sort()).toEqual(Object.values(names).sort())
    const objects = [...files].map(([key, bytes]) => ({ key, size: bytes.length }))
    const collection = collectSets(objects)
    expect(collection).toMatchObject({ orphanedSets: [], incompleteSets: [], duplicates: [], foreign: 0 })
    expect(collection.chains).toMatchObject([{ startSeconds: full, endSeconds: inc, incs: [{ startSeconds: full }] }])
    expect(collection.chains[0]!.sets.map((set) => [set.encrypted, set.compressed, set.volumes.size])).toEqual([
      [false, true, 1],
      [false, true, 1],
    ])
    expect(matchChains(collection)).toEqual({ chain: collection.chains[0], signatures: collection.signatureChains[0] })
    expect(setsForTime(collection, inc - 1)?.sets).toHaveLength(1)
    expect(setsForTime(collection, inc)?.sets).toHaveLength(2)
    expect(setsForTime(collection, full - 1)).toBeUndefined()
  })

  it('has manifests with the digests of its volumes', () => {
    const manifest = (hex: string) => ({
      hostname: 'vm',
      localDir: 'src',
      volumes: new Map([[1, { number: 1, start: { path: '' }, end: { path: 'z' }, hashes: [{ name: 'SHA1', hex }] }]]),
    })
    expect(parseManifest(plain.fullManifest)).toEqual({
      ...manifest(digest('sha1', files.get(names.fullVolume)!)),
      files: [
        { action: 'new', path: 'a' },
        { action: 'new', path: 'd/b' },
        { action: 'new', path: 'z' },
      ],
      fileCount: 3,
    })
    expect(parseManifest(plain.incManifest)).toEqual({
      ...manifest(digest('sha1', files.get(names.incVolume)!)),
      files: [
        { action: 'changed', path: 'a' },
        { action: 'changed', path: 'd/b' },
        { action: 'new', path: 'n' },
        { action: 'deleted', path: 'z' },
      ],
      fileCount: 4,
    })
  })

  it('has the streams that were noted when it was written', () => {
    expect([plain.fullSignatures.length, digest('sha1', plain.fullSignatures)]).toEqual([
      10_240,
      '76c22ef7ebb5a0d710413d6eba4860990fa78822',
    ])
    expect([plain.fullVolume.length, digest('sha1', plain.fullVolume)]).toEqual([
      74_752,
      'eaacc8a34bee7d00e494acc91b083e4b8d3d912c',
    ])
    expect([plain.incVolume.length, digest('sha1', plain.incVolume)]).toEqual([
      5120,
      '210dc406b6b082d0cf66e027de245b9fee15e81f',
    ])
    expect([plain.incSignatures.length, digest('sha1', plain.incSignatures)]).toEqual([
      10_240,
      'afd8a5826d11ab1acf32d7deccfc0600bb1efec0',
    ])
  })

  it('has members where they were noted', () => {
    const decoder = new TarDecoder()
    const parts = [...decoder.push(plain.fullVolume), ...decoder.finish()]
    expect(parts.flatMap((part) => (part.type === 'header' ? [[part.header.name, part.offset]] : []))).toEqual([
      ['snapshot/./', 0],
      ['snapshot/a', 512],
      ['snapshot/d/', 1536],
      ['multivol_snapshot/d/b/1', 2048],
      ['multivol_snapshot/d/b/2', 68_096],
      ['snapshot/l', 73_216],
      ['snapshot/z', 73_728],
    ])
  })

  const show = ({ action, path, meta, firstBlock, sizeBytes, data }: WholeEntry) => [
    action,
    path,
    meta?.kind,
    meta?.mode.toString(8),
    meta?.mtimeSeconds,
    firstBlock,
    sizeBytes,
    data.length,
  ]

  it('has a full volume with the files as they were', () => {
    const entries = decodeVolumes([[plain.fullVolume]])
    expect(entries.map(show)).toEqual([
      ['snapshot', '', 'directory', '755', 1_600_000_000, undefined, undefined, 0],
      ['snapshot', 'a', 'file', '644', 1_600_000_000, undefined, 6, 6],
      ['snapshot', 'd', 'directory', '755', 1_600_000_000, undefined, undefined, 0],
      ['snapshot', 'd/b', 'file', '644', 1_600_000_000, 1, undefined, 70_000],
      ['snapshot', 'l', 'symlink', '777', 1_600_000_000, undefined, undefined, 0],
      ['snapshot', 'z', 'file', '644', 1_600_000_000, undefined, 4, 4],
    ])
    expect(entries[4]!.meta).toMatchObject({ linkTarget: 'a', uid: 0, gid: 0, userName: 'root', groupName: 'root' })
    expect(digest('md5', entries[1]!.data)).toBe('b1946ac92492d2347c6235b4d2611184')
    expect(digest('md5', entries[3]!.data)).toBe('c23931624f640fd74fabb47deac2aeb5')
    expect(digest('md5', entries[5]!.data)).toBe('814fa5ca98406a903e22b43d9b610105')
  })

  it('has an incremental volume with what changed', () => {
    const entries = decodeVolumes([[plain.incVolume]])
    expect(entries.map(show)).toEqual([
      ['snapshot', '', 'directory', '755', 1_600_001_000, undefined, undefined, 0],
      ['diff', 'a', 'file', '644', 1_600_001_000, undefined, 18, 18],
      ['snapshot', 'd', 'directory', '755', 1_600_001_000, undefined, undefined, 0],
      ['diff', 'd/b', 'file', '644', 1_600_001_000, undefined, 910, 910],
      ['snapshot', 'n', 'file', '644', 1_600_001_000, undefined, 4, 4],
      ['deleted', 'z', undefined, undefined, undefined, undefined, undefined, 0],
    ])
    expect(Buffer.from(entries[1]!.data).toString('hex')).toBe('727302360c68656c6c6f0a776f726c640a00')
    expect(head(entries[3]!.data)).toBe('72730236')
    expect(digest('md5', entries[4]!.data)).toBe('9cd599a3523898e6a12e13ec787da50a')
  })

  it('has signatures that give the tree at both times', async () => {
    const state = async (...streams: Uint8Array[]) => {
      const entries: SigTarEntry[] = []
      const readers = streams.map((bytes) => readSigTar(fromBytes(bytes).open()))
      for await (const batch of mergeSigTars(readers)) entries.push(...batch)
      return entries
    }
    const show = ({ action, path, meta, signatureBytes, signature }: SigTarEntry) => [
      action,
      path,
      meta?.kind,
      meta?.mtimeSeconds,
      signatureBytes,
      signature && head(signature),
    ]
    const first = await state(plain.fullSignatures)
    expect(first.map(show)).toEqual([
      ['snapshot', '', 'directory', 1_600_000_000, undefined, undefined],
      ['signature', 'a', 'file', 1_600_000_000, 24, '72730136'],
      ['snapshot', 'd', 'directory', 1_600_000_000, undefined, undefined],
      ['signature', 'd/b', 'file', 1_600_000_000, 1656, '72730136'],
      ['snapshot', 'l', 'symlink', 1_600_000_000, undefined, undefined],
      ['signature', 'z', 'file', 1_600_000_000, 24, '72730136'],
    ])
    // The signature of `hello\n`, as rdiff writes it.
    expect(Buffer.from(first[1]!.signature!).toString('hex')).toBe('7273013600000200000000080ad002d863481c78ae04c201')
    expect((await state(plain.fullSignatures, plain.incSignatures)).map(show)).toEqual([
      ['snapshot', '', 'directory', 1_600_001_000, undefined, undefined],
      ['signature', 'a', 'file', 1_600_001_000, 24, '72730136'],
      ['snapshot', 'd', 'directory', 1_600_001_000, undefined, undefined],
      ['signature', 'd/b', 'file', 1_600_001_000, 1656, '72730136'],
      ['snapshot', 'l', 'symlink', 1_600_000_000, undefined, undefined],
      ['signature', 'n', 'file', 1_600_001_000, 24, '72730136'],
    ])
  })
})

describe('the same repository, encrypted', () => {
  it('has the same names with another end', async () => {
    const files = await unpack('symmetric')
    const plain = Object.values(names).map((name) => `${name.replace(/\.gz$/, '')}.gpg`)
    expect([...files.keys()].sort()).toEqual(plain.sort())
    const { chains } = collectSets([...files].map(([key, bytes]) => ({ key, size: bytes.length })))
    expect(chains[0]!.sets.map((set) => [set.encrypted, set.compressed])).toEqual([
      [true, false],
      [true, false],
    ])
    // Each is an OpenPGP message that begins with a passphrase's packet.
    for (const bytes of files.values()) expect(head(bytes)).toBe('8c0d0409')
  })
})
