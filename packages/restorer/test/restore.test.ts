import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes, type RawPath } from '@coalmine/bytes'
import { createRandom, itWith, run, tempDir } from '@coalmine/fixtures'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import type { Storage } from '@coalmine/storage'
import { type DiffTarMember, gzipEnvelope } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import type { RestoreEvent } from '../src/index.ts'
import { deleted, diff, file, folder, restoreInto, setsOf, world } from './made-sets.ts'
import { encodeDelta } from './model.ts'

const random = createRandom('restore')
const path = (text: string) => text as RawPath
const kept = (events: readonly RestoreEvent[], type: RestoreEvent['type']) =>
  events.filter((event) => event.type === type)

async function keyOf(storage: Storage, part: string): Promise<string> {
  for await (const { key } of storage.list()) if (key.includes(part)) return key
  throw new Error(`no ${part}`)
}

const volumesIn = (gets: readonly string[]) =>
  gets.filter((key) => key.includes('.vol')).map((key) => key.replace(/^duplicity-(full|inc).*(vol\d+).*$/, '$1 $2'))

describe('restore()', () => {
  it('writes what the sets say, tells it, and counts', async () => {
    const { open, target, temp } = await world(
      [
        [folder(''), file('a', 'one'), folder('d'), file('d/x', 'two'), file('gone', '')],
        [file('a', 'three'), deleted('gone')],
      ],
      { envelope: gzipEnvelope({}) },
    )
    const repository = open()
    const { summary, events, problems } = await restoreInto(target, { repository })
    expect(problems).toEqual([])
    expect(summary).toEqual({ entries: 4, bytes: 8, incomplete: 0, lost: 0, kept: 0, spared: 0 })
    expect(kept(events, 'entry').map((event) => 'path' in event && event.path)).toEqual(['', 'a', 'd', 'd/x'])
    expect(kept(events, 'volume')).toHaveLength(2)
    expect(kept(events, 'volume').at(-1)).toMatchObject({ done: 2, total: 2 })
    expect(readFileSync(join(target, 'a'), 'utf8')).toBe('three')
    expect(readFileSync(join(target, 'd/x'), 'utf8')).toBe('two')
    expect(readdirSync(target).sort()).toEqual(['a', 'd'])
    repository.close()
    expect(readdirSync(temp)).toEqual([])
  })

  it('makes the path itself the target: a folder, or a file', async () => {
    const members = [folder(''), folder('d'), folder('d/e'), file('d/e/f', 'deep'), file('d.f', 'beside')]
    const { open, base } = await world([members, [diff('d/e/f', encodeDelta([{ start: 0, length: 2 }]))]])
    const repository = open()
    const sub = await restoreInto(join(base, 'sub'), { repository, path: path('d') })
    expect(sub.summary).toEqual({ entries: 3, bytes: 2, incomplete: 0, lost: 0, kept: 0, spared: 0 })
    expect(readFileSync(join(base, 'sub/e/f'), 'utf8')).toBe('de')
    await restoreInto(join(base, 'one'), { repository, path: path('d/e/f') })
    expect(readFileSync(join(base, 'one'), 'utf8')).toBe('de')
    await restoreInto(join(base, 'two'), {
      repository,
      path: path('d.f'),
      sets: (await setsOf(repository)).slice(0, 1),
    })
    expect(readFileSync(join(base, 'two'), 'utf8')).toBe('beside')
    repository.close()
  })

  it('says what is not there, and leaves nothing', async () => {
    const { open, base } = await world([[folder(''), file('a', ''), file('b', '')], [deleted('b')]])
    const repository = open()
    for (const name of ['nowhere', 'a/x', 'b', '0', 'zz']) {
      await expect(restoreInto(join(base, 'out'), { repository, path: path(name) })).rejects.toMatchObject({
        name: 'RestoreError',
        code: 'path-not-found',
        message: `Cannot restore "${name}": it is not in the backup`,
      })
      expect(existsSync(join(base, 'out'))).toBe(false)
    }
    await expect(restoreInto(join(base, 'out'), { repository, sets: [] })).rejects.toThrow(RangeError)
    await expect(
      restoreInto(join(base, 'out'), { repository, sets: (await setsOf(repository)).slice(1) }),
    ).rejects.toThrow(RangeError)
    repository.close()
  })

  it('fetches only the volumes that hold the path, of every set, and no volume twice', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `f${String(index).padStart(2, '0')}`)
    const full = [folder(''), ...names.flatMap((name) => (name === 'f10' ? [] : [file(name, name)]))]
    full.splice(11, 0, file('f10', random.bytes(200_000)))
    const inc = [diff('f03', encodeDelta([{ start: 0, length: 3 }])), file('f10', 'small'), file('f19', 'last')]
    // A volume for each member.
    const { open, base, gets } = await world([full, inc], { volumeBytes: 1 })
    const repository = open()
    const sets = await setsOf(repository)
    const fetched = async (name: string, count: number) => {
      gets.length = 0
      await restoreInto(join(base, `${name}-${count}`), { repository, path: path(name), sets: sets.slice(0, count) })
      return volumesIn(gets).sort()
    }
    expect(await fetched('f00', 1)).toEqual(['full vol2'])
    expect(await fetched('f19', 1)).toEqual(['full vol24'])
    expect(await fetched('f10', 1)).toEqual(['full vol12', 'full vol13', 'full vol14', 'full vol15'])
    expect(await fetched('f03', 2)).toEqual(['full vol5', 'inc vol1'])
    // Not touched by the increment: nothing of it is fetched.
    expect(await fetched('f04', 2)).toEqual(['full vol6'])
    gets.length = 0
    await restoreInto(join(base, 'all'), { repository, sets })
    expect(volumesIn(gets)).toHaveLength(24 + 3)
    expect(new Set(gets).size).toBe(gets.length)
    repository.close()
  })

  it('stops reading behind the path', async () => {
    const after = Array.from({ length: 50 }, (_, index) => file(`z${index + 10}`, random.bytes(50_000)))
    const { open, base } = await world([[folder(''), file('a', 'x'), ...after]])
    const repository = open()
    const { events } = await restoreInto(join(base, 'a'), { repository, path: path('a') })
    // The volume was left before its end.
    expect(kept(events, 'volume')).toEqual([])
    repository.close()
  })

  describe('leaves no half file when', () => {
    // Above a MiB a file is written while it comes.
    const large = random.bytes(3_000_000)
    const members = [folder(''), file('before', 'x'), file('large', large), file('z', 'after')]
    const copy = encodeDelta([{ start: 0, length: large.length }])

    it('a volume is missing, or not what the manifest says', async () => {
      for (const damage of ['delete', 'change'] as const) {
        for (const sets of [[members], [members, [diff('large', copy)]]]) {
          const { open, memory, target, temp } = await world(sets, { volumeBytes: 1_000_000 })
          const key = await keyOf(memory, 'full.20231114T221320Z.vol3.')
          if (damage === 'delete') await memory.delete(key)
          else await memory.put(key, fromBytes(Buffer.from('something else')))
          const repository = open()
          await expect(restoreInto(target, { repository })).rejects.toMatchObject({
            code: damage === 'delete' ? 'missing-volume' : 'hash-mismatch',
          })
          expect(readdirSync(target)).toEqual(['before'])
          repository.close()
          expect(readdirSync(temp)).toEqual([])
        }
      }
    })

    it('it is stopped by its signal', async () => {
      for (const sets of [[members], [members, [diff('large', copy)]]]) {
        const { open, target } = await world(sets, { volumeBytes: 1_000_000 })
        const controller = new AbortController()
        const reason = new Error('enough')
        const repository = open({
          signal: controller.signal,
          onEvent: (event) => {
            if (event.type === 'get' && event.key.includes('vol3')) controller.abort(reason)
          },
        })
        await expect(restoreInto(target, { repository, signal: controller.signal })).rejects.toBe(reason)
        expect(readdirSync(target).filter((name) => name !== 'before')).toEqual([])
        repository.close()
      }
    })

    it('a change turns out to be damaged, and goes on with the next file', async () => {
      const beyond = encodeDelta([
        { start: 0, length: large.length },
        { start: large.length, length: 1 },
      ])
      const { open, target } = await world([members, [diff('large', beyond), file('zz', 'new')]])
      const repository = open()
      const { summary, events } = await restoreInto(target, { repository })
      expect(readdirSync(target).sort()).toEqual(['before', 'z', 'zz'])
      expect(summary).toMatchObject({ entries: 4, incomplete: 1 })
      expect(kept(events, 'incomplete')).toEqual([
        { type: 'incomplete', path: 'large', message: expect.stringMatching(/^a change of it cannot be applied: /) },
      ])
      await expect(restoreInto(`${target}-2`, { repository, path: path('large') })).rejects.toMatchObject({
        code: 'damaged',
        message: expect.stringMatching(/^Cannot restore "large": a change of it cannot be applied: /),
      })
      expect(existsSync(`${target}-2`)).toBe(false)
      repository.close()
    })

    it('the disk is full', async () => {
      const { open, base } = await world([members])
      const repository = open()
      const sets = await setsOf(repository)
      const { restore } = await import('../src/index.ts')
      const { createTreeWriter, nodeEffects } = await import('@coalmine/filetree')
      let written = 0
      const writer = createTreeWriter(join(base, 'full'), {
        ownership: 'none',
        onProblem: () => undefined,
        effects: {
          ...nodeEffects,
          write(descriptor, bytes) {
            written += bytes.length
            if (written > 2_000_000) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
            nodeEffects.write(descriptor, bytes)
          },
        },
      })
      await expect(restore({ repository, sets, writer })).rejects.toMatchObject({ code: 'ENOSPC' })
      writer.close()
      expect(readdirSync(join(base, 'full'))).toEqual(['before'])
      repository.close()
    })
  })

  describe('in a damaged set', () => {
    it('leaves out a file whose first blocks are missing', async () => {
      const tail = ['m', 'm'].map((name, index) => ({ ...file(name, 'x'), block: index + 2 }) as DiffTarMember)
      for (const more of [[], [[file('n', 'new')]]]) {
        const { open, target } = await world([[folder(''), file('a', 'x'), ...tail, file('z', 'x')], ...more])
        const repository = open()
        const { summary, events } = await restoreInto(target, { repository })
        expect(summary.incomplete).toBe(1)
        expect(kept(events, 'incomplete')).toMatchObject([{ path: 'm', message: /missing/ }])
        expect(readdirSync(target)).not.toContain('m')
        expect(readdirSync(target)).toEqual(expect.arrayContaining(['a', 'z']))
        await expect(restoreInto(`${target}-m`, { repository, path: path('m') })).rejects.toMatchObject({
          code: 'damaged',
        })
        repository.close()
      }
    })

    it('leaves out changes in a full set', async () => {
      const { open, target } = await world([[folder(''), diff('m', encodeDelta([])), deleted('n'), file('z', 'x')]])
      const repository = open()
      const { summary } = await restoreInto(target, { repository })
      expect(summary).toMatchObject({ entries: 2, incomplete: 1 })
      expect(readdirSync(target)).toEqual(['z'])
      repository.close()
    })

    it('refuses a manifest that leaves out a volume: its files would be missing without a word', async () => {
      const { open, memory, target } = await world([[folder(''), file('a', 'x'), file('b', 'y')]], { volumeBytes: 1 })
      const key = await keyOf(memory, 'manifest')
      const text = Buffer.from(await collect(memory.get(key))).toString('latin1')
      const [begin, end] = [text.indexOf('Volume 2:'), text.indexOf('Volume 3:')]
      await memory.put(key, fromBytes(Buffer.from(text.slice(0, begin) + text.slice(end), 'latin1')))
      const repository = open()
      await expect(restoreInto(target, { repository })).rejects.toMatchObject({
        code: 'damaged',
        message: `Cannot restore from "${key}": the manifest leaves out volume 2`,
      })
      expect(existsSync(target)).toBe(false)
      repository.close()
    })

    it('refuses a plain manifest that was cut off between two volumes', async () => {
      const { open, memory, target } = await world([[folder(''), file('a', 'x'), file('b', 'y')]], { volumeBytes: 1 })
      const key = await keyOf(memory, 'manifest')
      const whole = Buffer.from(await collect(memory.get(key)))
      await memory.put(key, fromBytes(whole.subarray(0, whole.indexOf('Volume 3:'))))
      const repository = open()
      await expect(restoreInto(target, { repository })).rejects.toMatchObject({
        code: 'damaged',
        message: `Cannot restore from "${key}": the manifest is cut off before volume 3, which is on the storage`,
      })
      // With its list of files, which comes last, it is whole: the volume was left behind by an interrupted run.
      const again = open()
      await memory.put(
        key,
        fromBytes(Buffer.concat([whole.subarray(0, whole.indexOf('Volume 3:')), Buffer.from('Filelist 0\n')])),
      )
      await restoreInto(target, { repository: again })
      expect(readdirSync(target)).toEqual(['a'])
      repository.close()
      again.close()
    })

    it('refuses an increment whose manifest names no volume: it is no empty change', async () => {
      const { open, memory, target } = await world([[folder(''), file('a', 'x')], [file('b', 'y')]])
      const key = await keyOf(memory, 'duplicity-inc.20231114T221320Z.to.20231114T221500Z.manifest')
      const text = Buffer.from(await collect(memory.get(key))).toString('latin1')
      await memory.put(key, fromBytes(Buffer.from(`${text.replace('Volume 1:', 'Wolume 1:')}Filelist 0\n`, 'latin1')))
      const repository = open()
      await expect(restoreInto(target, { repository })).rejects.toMatchObject({
        code: 'damaged',
        message: `Cannot restore from "${key}": the manifest names no volume`,
      })
      repository.close()
    })

    it('believes the ranges of a plain manifest, which nothing protects: a changed one hides a volume from one path', async () => {
      const members = [folder(''), folder('b'), file('b/x', 'x'), file('b/y', 'y'), file('c', 'c')]
      const { open, memory, target } = await world([members], { volumeBytes: 1 })
      const key = await keyOf(memory, 'manifest')
      const text = Buffer.from(await collect(memory.get(key))).toString('latin1')
      expect(text).toContain('StartingPath   b/y')
      await memory.put(key, fromBytes(Buffer.from(text.replace('StartingPath   b/y', 'StartingPath   c/y'), 'latin1')))
      const repository = open()
      await restoreInto(target, { repository, path: path('b') })
      expect(readdirSync(target)).toEqual(['x'])
      // All of them are read for the whole.
      await restoreInto(`${target}-whole`, { repository })
      expect(readdirSync(`${target}-whole/b`)).toEqual(['x', 'y'])
      repository.close()
    })

    it('names the volume that is no archive, though its hash is right', async () => {
      const garbage = { bytes: Buffer.alloc(1024, 'x'), path: path('b') }
      const { open, target } = await world([[folder(''), file('a', 'x'), garbage]])
      const repository = open()
      await expect(restoreInto(target, { repository })).rejects.toMatchObject({
        code: 'damaged',
        message: expect.stringMatching(/^Cannot read the volume "duplicity-full.*vol1.difftar": /),
      })
      // What stood before it is there.
      expect(readdirSync(target)).toEqual(['a'])
      repository.close()
    })
  })

  it('patches files larger than what it holds in memory, and leaves nothing beside them', async () => {
    const large = Buffer.concat([random.bytes(40_000_000), Buffer.from('end')])
    const turn = encodeDelta([
      { start: 20_000_000, length: large.length - 20_000_000 },
      { literal: Buffer.from('middle') },
      { start: 0, length: 20_000_000 },
    ])
    const cut = encodeDelta([{ start: 0, length: 39_000_000 }])
    const { open, target } = await world([
      [folder(''), file('large', large)],
      [diff('large', turn)],
      [diff('large', cut)],
    ])
    const repository = open()
    const { summary } = await restoreInto(target, { repository })
    expect(summary.bytes).toBe(39_000_000)
    expect(readdirSync(target)).toEqual(['large'])
    const expected = Buffer.concat([large.subarray(20_000_000), Buffer.from('middle'), large.subarray(0, 20_000_000)])
    expect(Buffer.compare(readFileSync(join(target, 'large')), expected.subarray(0, 39_000_000))).toBe(0)
    repository.close()
  })

  itWith(['rdiff'], 'applies what the real rdiff made, set after set', async () => {
    const work = await tempDir('rdiff')
    const sizes = [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 131_072, 300_000]
    const edits: ((old: Buffer) => Buffer)[] = [
      (old) => Buffer.concat([old, Buffer.from('appended')]),
      (old) => Buffer.concat([Buffer.from('in front of it'), old]),
      (old) => old.subarray(0, Math.floor(old.length / 2)),
      (old) => Buffer.concat([old.subarray(Math.floor(old.length / 2)), old.subarray(0, Math.floor(old.length / 2))]),
      () => random.bytes(70_000),
      () => Buffer.alloc(0),
      (old) => old,
      (old) => Buffer.concat([old, old, old]),
    ]
    const contents = new Map(sizes.map((size) => [`f${String(size).padStart(6, '0')}`, random.bytes(size)]))
    const sets: DiffTarMember[][] = [[folder(''), ...[...contents].map(([name, bytes]) => file(name, bytes))]]
    const states = [new Map(contents)]
    for (let round = 0; round < 4; round++) {
      const members: DiffTarMember[] = []
      for (const [index, [name, old]] of [...contents].entries()) {
        if ((index + round) % 5 === 4) continue
        const now = edits[(index + round * 3) % edits.length]!(old)
        writeFileSync(join(work, 'old'), old)
        writeFileSync(join(work, 'new'), now)
        await run(
          ['rdiff', '--force', '-H', 'md4', '-R', 'rollsum', '-b', '512', '-S', '8', 'signature', 'old', 'sig'],
          {
            cwd: work,
            check: true,
          },
        )
        await run(['rdiff', '--force', 'delta', 'sig', 'new', 'delta'], { cwd: work, check: true })
        members.push(diff(name, readFileSync(join(work, 'delta'))))
        contents.set(name, now)
      }
      sets.push(members)
      states.push(new Map(contents))
    }
    const envelope = createPassphraseEnvelope({ passphrase: 'test', s2kCount: 1024 })
    const { open, base } = await world(sets, { envelope, volumeBytes: 200_000 })
    const repository = open()
    const chain = await setsOf(repository)
    for (const [index, state] of states.entries()) {
      const target = join(base, `at-${index}`)
      const { summary } = await restoreInto(target, { repository, sets: chain.slice(0, index + 1) })
      expect(summary.incomplete).toBe(0)
      for (const [name, content] of state) {
        expect(Buffer.compare(readFileSync(join(target, name)), content), `${name} at ${index}`).toBe(0)
      }
      expect(statSync(join(target, 'f000000')).mode & 0o777).toBe(index === 0 ? 0o644 : 0o600)
    }
    repository.close()
  })
})
