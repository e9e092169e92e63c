import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { openRepository } from '@coalmine/repository'
import { createMemoryStorage, type MemoryObject, passThrough } from '@coalmine/storage'
import {
  type DiffTarMember,
  encodeDiffTarMember,
  encodeSigTarMember,
  gzipEnvelope,
  plainEnvelope,
  sigTarEnd,
} from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { planRestore } from '../src/index.ts'
import { deleted, file, folder, restoreInto } from './made-sets.ts'

const path = (text: string) => text as RawPath
const firstSeconds = 1_700_000_000

/** A chain whose signature files name what its sets hold. `gets` lists what is fetched. */
async function world(sets: readonly (readonly DiffTarMember[])[]) {
  const base = await tempDir('plan')
  const objects = new Map<string, MemoryObject>()
  const memory = createMemoryStorage({ objects })
  const gets: string[] = []
  const storage = passThrough(memory, {
    get(key, options) {
      gets.push(key)
      return memory.get(key, options)
    },
  })
  const archiveDir = join(base, 'archive')
  const open = (more: { lock?: boolean; archiveDir?: string } = {}) =>
    openRepository({ storage, envelope: gzipEnvelope({}), openerFor, tempDir: base, ...more })
  const repository = open({ lock: true, archiveDir })
  for (const [at, members] of sets.entries()) {
    const endSeconds = firstSeconds + at * 100
    const times =
      at === 0
        ? ({ type: 'full', timeSeconds: endSeconds } as const)
        : ({ type: 'inc', startSeconds: endSeconds - 100, endSeconds } as const)
    const writer = await repository.createSet({ times, volumeBytes: 1 << 20 })
    for (const member of members) await writer.signatures.write(signatureOf(member))
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(
      (async function* () {
        for (const member of members) {
          const at = member.action === 'deleted' ? member.path : member.meta.path
          yield [{ bytes: encodeDiffTarMember(member), path: at }]
        }
      })(),
    )
    await writer.commit({})
  }
  repository.close()
  gets.length = 0
  const find = (...parts: string[]) => [...objects.keys()].find((key) => parts.every((part) => key.includes(part)))!
  return { base, open, gets, objects, find, archiveDir, target: join(base, 'target') }
}

const openerFor = ({ compressed }: { compressed: boolean }) => (compressed ? gzipEnvelope({}) : plainEnvelope())

function signatureOf(member: DiffTarMember): Uint8Array {
  if (member.action === 'deleted') return encodeSigTarMember({ action: 'deleted', path: member.path })
  const { meta } = member
  if (meta.kind !== 'file') return encodeSigTarMember({ action: 'snapshot', meta })
  return encodeSigTarMember({ action: 'signature', meta, signature: Buffer.from('a signature') })
}

/** Does not shrink: its volume is larger than the signature file. */
const noise = (seed: number) => {
  let state = seed
  return Buffer.from(Array.from({ length: 20_000 }, () => (state = Math.imul(state, 1_103_515_245) + 12_345) >>> 24))
}

const tree = [folder(''), file('a', noise(1)), file('m', 'the middle'), file('z', noise(2))]
// Ranges from "a" to "z" hold "m", too; only the third of these increments says anything of it.
const sets = [
  tree,
  [file('a', noise(3)), file('z', noise(4))],
  [file('a', noise(5)), file('m', 'changed'), file('z', noise(6))],
]

const kinds = (gets: readonly string[]) =>
  gets.map((key) => (key.includes('.vol') ? 'volume' : key.includes('signatures') ? 'signatures' : 'manifest')).sort()

describe('a restore of one path', () => {
  it('leaves out sets whose signature files do not name it, at the price of small files alone', async () => {
    const { open, gets, target } = await world(sets)
    const repository = open()
    await restoreInto(target, { repository, path: path('m') })
    expect(readFileSync(target, 'utf8')).toBe('changed')
    const count = ['manifest', 'manifest', 'manifest', 'signatures', 'signatures', 'signatures', 'volume', 'volume']
    expect(kinds(gets)).toEqual(count)
    repository.close()
  })

  it('fetches no signature file that the archive dir has, nor one that costs more than it saves', async () => {
    const { open, gets, target, archiveDir } = await world(sets)
    const repository = open({ archiveDir })
    await restoreInto(target, { repository, path: path('m') })
    expect(kinds(gets)).toEqual(['volume', 'volume'])
    repository.close()
    // Volumes of a few bytes are fetched rather than a signature file.
    const small = await world([
      [folder(''), file('a', ''), file('z', '')],
      [file('a', 'x'), file('z', 'x')],
    ])
    const bare = small.open()
    for (const [key, object] of small.objects) {
      const bytes = Buffer.concat([object.bytes, Buffer.alloc(4096)])
      if (key.includes('signatures')) small.objects.set(key, { ...object, bytes })
    }
    await restoreInto(small.target, { repository: bare, path: path('z') })
    expect(kinds(small.gets)).toEqual(['manifest', 'manifest', 'volume', 'volume'])
    bare.close()
  })

  it('takes deletions, folders and links for what they are: entries of the path', async () => {
    const { open, target, base } = await world([
      [folder(''), folder('d'), file('d/x', noise(1)), file('z', noise(1))],
      [deleted('d/x'), file('z', noise(2))],
      [file('a', noise(3)), file('z', noise(4))],
    ])
    const repository = open()
    await expect(restoreInto(target, { repository, path: path('d/x') })).rejects.toMatchObject({
      code: 'path-not-found',
    })
    const { summary } = await restoreInto(join(base, 'd'), { repository, path: path('d') })
    expect(summary.entries).toBe(1)
    repository.close()
  })

  it('believes no signature file that is damaged or does not agree with its manifest', async () => {
    const { open, objects, find, gets, target } = await world(sets)
    const key = find('new-signatures', 'to.20231114T221640Z')
    // What names "m" is replaced by what does not; and then by nothing that can be read.
    for (const [at, bytes] of [objects.get(find('full-signatures'))!.bytes, Buffer.from('no gzip')].entries()) {
      objects.set(key, { bytes, modifiedMs: 0 })
      const repository = open()
      await restoreInto(`${target}-${at}`, { repository, path: path('m') })
      expect(readFileSync(`${target}-${at}`, 'utf8')).toBe('changed')
      repository.close()
    }
    expect(gets.filter((key) => key.includes('to.20231114T221640Z.vol1'))).toHaveLength(2)
  })

  it('is planned before it is done: volumes and bytes, and none that are not needed', async () => {
    const { open, objects, gets } = await world(sets)
    const repository = open()
    const [chain] = (await repository.collect()).chains
    const { volumes, bytes } = await planRestore({ repository, sets: chain!.sets, path: path('m') })
    expect(volumes.map(({ key }) => key!.replace(/\d{8}T\d{6}Z/g, ''))).toEqual([
      'duplicity-full..vol1.difftar.gz',
      'duplicity-inc..to..vol1.difftar.gz',
    ])
    expect(bytes).toBe(volumes.reduce((sum, { key }) => sum + objects.get(key!)!.bytes.length, 0))
    expect(gets.some((key) => key.includes('.vol'))).toBe(false)
    const all = await planRestore({ repository, sets: chain!.sets, path: path('') })
    expect(all.volumes).toHaveLength(3)
    repository.close()
  })
})
