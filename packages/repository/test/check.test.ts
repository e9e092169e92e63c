import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, type MemoryObject, passThrough, type Storage } from '@coalmine/storage'
import { gzipEnvelope, plainEnvelope, type SetTimes, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import {
  type FindingKind,
  type LocalEffects,
  nodeLocalEffects,
  openRepository,
  type RepositoryEvent,
} from '../src/index.ts'

const times: readonly SetTimes[] = [
  { type: 'full', timeSeconds: 1_700_000_000 },
  { type: 'inc', startSeconds: 1_700_000_000, endSeconds: 1_700_001_000 },
  { type: 'inc', startSeconds: 1_700_001_000, endSeconds: 1_700_002_000 },
]

async function* members() {
  for (const name of ['a', 'b', 'c']) yield [{ path: name as RawPath, bytes: Buffer.alloc(600, name) }]
}

/** A chain of three sets of three volumes each, by this machine. */
async function world() {
  const base = await tempDir('check')
  const objects = new Map<string, MemoryObject>()
  const memory = createMemoryStorage({ objects })
  const gets: string[] = []
  const events: RepositoryEvent[] = []
  const storage = passThrough(memory, {
    get(key, options) {
      gets.push(key)
      return memory.get(key, options)
    },
  })
  const archiveDir = join(base, 'archive')
  const open = (more: { lock?: boolean; storage?: Storage; effects?: LocalEffects } = {}) =>
    openRepository({
      ...{ storage, envelope: gzipEnvelope({}), tempDir: base, archiveDir },
      openerFor: ({ compressed }) => (compressed ? gzipEnvelope({}) : plainEnvelope()),
      onEvent: (event) => events.push(event),
      ...more,
    })
  const write = async (set: SetTimes, more: Parameters<typeof open>[0] = {}) => {
    const repository = open({ lock: true, ...more })
    try {
      const writer = await repository.createSet({ times: set, volumeBytes: 512 })
      await writer.signatures.write(sigTarEnd(0))
      await writer.writeVolumes(members())
      await writer.commit({ files: [] })
    } finally {
      repository.close()
    }
  }
  for (const set of times) await write(set)
  const find = (...parts: string[]) => [...objects.keys()].find((key) => parts.every((part) => key.includes(part)))!
  const check = async (more: Parameters<typeof open>[0] = {}) => {
    gets.length = 0
    const repository = open(more)
    try {
      return await repository.check()
    } finally {
      repository.close()
    }
  }
  const kinds = async () => (await check()).findings.map(({ kind, damage }) => `${kind}${damage ? '!' : ''}`)
  return { objects, gets, events, archiveDir, open, write, find, check, kinds }
}

const last = 'to.20231114T224640Z'

describe('check', () => {
  it('finds nothing where nothing is wrong, knows every object, and reads none', async () => {
    const { check, gets } = await world()
    const { sets, findings } = await check()
    expect(findings).toEqual([])
    expect(sets).toEqual(
      [0, 1, 2].map((at) => ({
        ...{ seconds: 1_700_000_000 + at * 1000, type: at === 0 ? 'full' : 'incremental', chain: 0 },
        ...{ objects: 5, known: 'ledger', damaged: false },
      })),
    )
    expect(gets).toEqual([])
  })

  it('without a ledger says presence only, and looks at manifests alone', async () => {
    const { check, gets, archiveDir } = await world()
    rmSync(archiveDir, { recursive: true })
    const { sets, findings } = await check()
    expect([findings, sets.map(({ known }) => known)]).toEqual([[], ['presence', 'presence', 'presence']])
    expect(gets.length).toBe(3)
    expect(gets.every((key) => key.includes('manifest'))).toBe(true)
  })

  const damages: readonly [string, FindingKind, (at: Awaited<ReturnType<typeof world>>) => void][] = [
    ['a volume is gone', 'lost', ({ objects, find }) => objects.delete(find(last, 'vol2'))],
    ['signatures are gone', 'lost', ({ objects, find }) => objects.delete(find('new-signatures', last))],
    ['the newest manifest is gone', 'lost', ({ objects, find }) => objects.delete(find(last, 'manifest'))],
    [
      'the newest set is gone',
      'lost',
      ({ objects }) => {
        for (const key of objects.keys()) if (key.includes(last)) objects.delete(key)
      },
    ],
    [
      'a volume has another size',
      'changed',
      ({ objects, find }) => {
        objects.set(find(last, 'vol2'), { bytes: new Uint8Array(9), modifiedMs: 0 })
      },
    ],
    [
      'two volumes are swapped',
      'changed',
      ({ objects, find }) => {
        const [one, two] = [find(last, 'vol1'), find(last, 'manifest')]
        const [first, second] = [objects.get(one)!, objects.get(two)!]
        objects.set(one, second)
        objects.set(two, first)
      },
    ],
    [
      'a manifest is empty',
      'changed',
      ({ objects, find }) => {
        objects.set(find(last, 'manifest'), { bytes: new Uint8Array(0), modifiedMs: 0 })
      },
    ],
  ]

  it.each(damages)('when %s: says so until it is accepted', async (_, kind, damage) => {
    const place = await world()
    damage(place)
    expect(await place.kinds()).toContain(`${kind}!`)
    for (let run = 0; run < 2; run++) {
      const reader = place.open()
      const lost = await reader.losses()
      reader.close()
      expect(lost.map((one) => one.kind)).toContain(kind)
    }
    const repository = place.open({ lock: true })
    expect(await repository.accept()).toBeGreaterThan(0)
    expect(await repository.losses()).toEqual([])
    repository.close()
    const after = place.open()
    expect(await after.losses()).toEqual([])
    after.close()
  })

  it('without a ledger notices what names, numbers and sizes show', async () => {
    const { kinds, objects, find, archiveDir } = await world()
    rmSync(archiveDir, { recursive: true })
    objects.delete(find('full.', 'vol2'))
    objects.set(find('full.', 'vol3'), { bytes: new Uint8Array(0), modifiedMs: 0 })
    expect(await kinds()).toEqual(['missing-volume!', 'empty!'])
    objects.delete(find('full-signatures'))
    objects.set(find('inc.', last, 'vol3').replace('vol3', 'vol4'), { bytes: new Uint8Array(1), modifiedMs: 0 })
    expect(await kinds()).toEqual([
      'no-signatures',
      'missing-volume!',
      'empty!',
      'unnamed-volume',
      'orphaned-signatures',
      'orphaned-signatures',
    ])
    objects.delete(find('inc.20231114T221320Z', 'manifest'))
    const more = await kinds()
    expect(more).toContain('orphaned-set!')
    expect(more).toContain('incomplete-set')
  })

  it('names a manifest that is damaged, cut or another one than before', async () => {
    const { check, objects, find, archiveDir } = await world()
    const key = find(last, 'manifest')
    const good = Buffer.from(objects.get(key)!.bytes)
    const kindsOf = async (bytes: Buffer) => {
      objects.set(key, { bytes, modifiedMs: 0 })
      return (await check()).findings.filter(({ keys }) => keys.includes(key)).map(({ kind }) => kind)
    }
    rmSync(join(archiveDir, 'coalmine'), { recursive: true })
    expect(await kindsOf(Buffer.from(good.toString().replace('Volume 2', 'Volume 4')))).toEqual(['copies-differ'])
    rmSync(archiveDir, { recursive: true })
    expect(await kindsOf(good.subarray(0, good.indexOf('Volume')))).toContain('wrong-manifest')
    expect(await kindsOf(Buffer.from(good.toString().replace('Volume 2', 'Volume 4')))).toContain('wrong-manifest')
    expect(await kindsOf(Buffer.from('Volume x'))).toEqual(['unreadable-manifest'])
  })

  it('does not take for lost what this machine removed, nor what a newer full backup makes needless', async () => {
    const { write, open, objects, check, archiveDir } = await world()
    await write({ type: 'full', timeSeconds: 1_700_010_000 })
    const repository = open({ lock: true })
    const { chains, signatureChains } = await repository.collect()
    await repository.remove({ sets: [chains[0]!.incs.at(-1)!], signatures: [signatureChains[0]!.incs.at(-1)!] })
    expect(await repository.losses()).toEqual([])
    repository.close()
    for (const key of objects.keys()) if (key.includes('20231114T221320Z')) objects.delete(key)
    const { findings } = await check()
    expect(new Set(findings.map(({ kind, damage }) => `${kind} ${damage}`))).toEqual(new Set(['removed false']))
    expect(readFileSync(join(archiveDir, 'coalmine', 'ledger'), 'utf8')).toContain('"gone"')
  })

  it('does not take for lost what others cleared away of a set that was never finished', async () => {
    const { open, objects, find, archiveDir, kinds } = await world()
    const ledger = readFileSync(join(archiveDir, 'coalmine', 'ledger'), 'utf8').split('\n')
    const manifest = find(last, 'manifest')
    const rest = ledger.filter((line) => !line.includes(manifest))
    writeFileSync(join(archiveDir, 'coalmine', 'ledger'), rest.join('\n'))
    for (const key of objects.keys()) if (key.includes(last)) objects.delete(key)
    const repository = open()
    expect((await repository.losses()).filter(({ damage }) => damage)).toEqual([])
    repository.close()
    expect(new Set(await kinds())).toEqual(new Set(['removed']))
  })

  it('compares digests where the storage tells them', async () => {
    const { open, check, objects, find } = await world()
    const key = find('full.', 'vol1')
    const telling = (sha1: string): Storage => {
      const inner = createMemoryStorage({ objects })
      return passThrough(inner, {
        async *list(options) {
          for await (const info of inner.list(options)) yield info.key === key ? { ...info, digests: { sha1 } } : info
        },
      })
    }
    expect((await check({ storage: telling('00') })).findings).toMatchObject([
      { kind: 'changed', damage: true, keys: [key] },
    ])
    const repository = open()
    const { chains } = await repository.collect()
    const manifest = await repository.manifest(chains[0]!.full)
    repository.close()
    expect((await check({ storage: telling(manifest.volumes.get(1)!.hashes[0]!.hex.toUpperCase()) })).findings).toEqual(
      [],
    )
  })

  it('knows less, and costs no backup, when the ledger cannot be written', async () => {
    const { write, check, events } = await world()
    const effects: LocalEffects = {
      ...nodeLocalEffects,
      openToAppend() {
        throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
      },
    }
    events.length = 0
    await write({ type: 'full', timeSeconds: 1_700_010_000 }, { effects })
    expect(events.filter(({ type }) => type === 'ledger-not-kept')).toHaveLength(1)
    expect((await check()).sets.map(({ known }) => known)).toEqual(['ledger', 'ledger', 'ledger', 'presence'])
  })

  it('says when there is a ledger that cannot be read; everything else goes on', async () => {
    const { open, write, check, events, archiveDir, find } = await world()
    const path = join(archiveDir, 'coalmine', 'ledger')
    rmSync(path)
    mkdirSync(path)
    events.length = 0
    const { findings, sets } = await check()
    expect(findings).toMatchObject([{ kind: 'unreadable-ledger', damage: false, keys: [] }])
    expect(findings[0]!.message).toContain(`"${path}": it is no regular file`)
    expect(new Set(sets.map(({ known }) => known))).toEqual(new Set(['presence']))
    expect(events).toContainEqual({ type: 'ledger-unreadable', message: expect.stringContaining(path) })
    events.length = 0
    await write({ type: 'full', timeSeconds: 1_700_010_000 })
    expect(events.map(({ type }) => type)).not.toContain('ledger-not-kept')
    const repository = open({ lock: true })
    expect(await repository.losses()).toEqual([])
    expect(await repository.accept()).toBe(0)
    repository.verified({ key: find('full.', 'vol1'), size: 1, sha1: 'ff' })
    repository.close()
    // Out of the way, the next backup begins a new one.
    renameSync(path, `${path}.old`)
    await write({ type: 'inc', startSeconds: 1_700_010_000, endSeconds: 1_700_011_000 })
    expect((await check()).sets.map(({ known }) => known)).toEqual([...Array(4).fill('presence'), 'ledger'])
  })

  it('writes a ledger anew of which little still holds, and forgets nothing by that', async () => {
    const { write, check, open, archiveDir } = await world()
    const path = join(archiveDir, 'coalmine', 'ledger')
    const old = Array.from({ length: 2000 }, (_, at) => `{"put":"${at}","size":1,"sha1":"f"}\n{"gone":"${at}"}\n`)
    writeFileSync(path, Buffer.concat([Buffer.from(old.join('')), readFileSync(path)]))
    // Readers leave it alone.
    expect((await check()).findings).toEqual([])
    const reader = open()
    await reader.losses()
    reader.close()
    expect(readFileSync(path).length).toBeGreaterThan(100_000)
    await write({ type: 'inc', startSeconds: 1_700_002_000, endSeconds: 1_700_003_000 })
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(20)
    expect((await check()).sets.map(({ known }) => known)).toEqual(['ledger', 'ledger', 'ledger', 'ledger'])
  })
})
