import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createRandom,
  diffTrees,
  type Ignored,
  itWith,
  type RunResult,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { expect, it } from 'vitest'
import { duplicity, duplicityEnv, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, program, said } from './coalmine.ts'
import { emptyHome, gpgIn, makeKeyHome } from './key-home.ts'
import { long } from './turns.ts'

// Sets that were interrupted and went on. Judges: the real program, which lists, verifies, restores and continues them, and
// what the tree was.

const ignored: readonly Ignored[] = [
  'fractions',
  'symlink-times',
  ...(process.getuid?.() === 0 ? [] : (['ownership'] as const)),
]
const random = createRandom('interrupted')

async function makeWorld() {
  const folder = await tempDir('interrupted')
  const [source, storage, home, target] = ['source', 'storage', 'home', 'target'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const one of [source, storage, home, join(source, 'd')]) mkdirSync(one)
  for (const name of ['a', 'd/b', 'n']) writeFileSync(join(source, name), random.bytes(1_700_000))
  for (let file = 0; file < 30; file++) writeFileSync(join(source, 'd', `f${file}`), random.bytes(20_000))
  const url = `file://${storage}`
  const common = ['--archive-dir', join(folder, 'cache'), '--name', 'shared']
  // A kill in the middle of a put leaves a temporary file, which is no object of the storage.
  const stored = () =>
    readdirSync(storage)
      .filter((name) => name.startsWith('duplicity-'))
      .sort()
  return { folder, source, storage, home, target, url, common, stored }
}

type World = Awaited<ReturnType<typeof makeWorld>>

/** Starts a backup and ends it when that volume is stored. */
async function interruptedBackup(
  { source, url, common, home }: World,
  how: { action: string; signal: NodeJS.Signals; volume: number; env: Record<string, string>; more?: string[] },
) {
  const argv = [
    program,
    how.action,
    source,
    url,
    ...common,
    '--volsize',
    '1',
    '-v5',
    '--concurrency',
    '1',
    ...(how.more ?? []),
  ]
  const child = spawn(process.execPath, argv, { env: duplicityEnv(home, how.env), cwd: home })
  let out = ''
  const read = (chunk: Buffer) => {
    out += chunk.toString()
    if (!child.killed && out.includes(`Processed volume ${how.volume}\n`)) child.kill(how.signal)
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, out }
}

for (const [at, version] of (Object.keys(duplicityVersions) as DuplicityVersion[]).entries()) {
  const isPlain = at === 1
  const env: Record<string, string> = isPlain ? {} : { PASSPHRASE: 'interrupted' }
  itWith(
    [duplicityPeer(version)],
    `a killed full backup and an interrupted increment go on, and duplicity ${version} reads and continues them`,
    async () => {
      const world = await makeWorld()
      const { source, url, home, target, stored } = world
      const common = [...world.common, ...(isPlain ? ['--no-encryption'] : [])]
      const ours = async (...argv: string[]) => done(await coalmine([...argv, ...common], { env, home }))
      const theirs = async (...argv: string[]) => {
        return done(await duplicity(version, [argv[0]!, ...common, ...argv.slice(1)], { env, home })).stdout.toString()
      }
      const killed = await interruptedBackup(
        { ...world, common },
        { action: 'full', signal: 'SIGKILL', volume: 3, env },
      )
      expect(killed.signal, killed.out).toBe('SIGKILL')
      expect(stored().filter((name) => name.includes('manifest'))).toEqual([])
      const first = stored().find((name) => name.includes('.vol1.'))!
      const kept = statSync(join(world.storage, first)).mtimeMs
      // In the place of what was stored already nothing is put again.
      const again = (await ours('full', source, url, '--volsize', '1')).stdout.toString()
      expect(again).toContain('Last full backup left a partial set, restarting.')
      expect(again).toMatch(/^Restarting after volume [345], file d\/b, block \d+$|^Restarting after volume/m)
      expect(statSync(join(world.storage, first)).mtimeMs).toBe(kept)
      const state = await snapshotTree(source)
      expect(await theirs('verify', '--compare-data', url, source)).toContain(' 0 difference')

      appendFileSync(join(source, 'a'), random.bytes(1_500_000))
      writeFileSync(join(source, 'o'), random.bytes(2_000_000))
      rmSync(join(source, 'd', 'f7'))
      const interrupted = await interruptedBackup(
        { ...world, common },
        { action: 'incremental', signal: 'SIGINT', volume: 1, env },
      )
      expect(interrupted.code, interrupted.out).toBe(4)
      expect(interrupted.out).toMatch(/stays? stored: the next backup goes on from there\n/)
      const resumed = (await ours('incremental', source, url, '--volsize', '1')).stdout.toString()
      expect(resumed).toContain('Last inc backup left a partial set, restarting.')

      writeFileSync(join(source, 'p'), 'by them')
      expect(await theirs('incremental', source, url)).toContain('no sync needed')
      const last = await snapshotTree(source)
      await theirs('restore', url, target)
      expect(diffTrees(last, await snapshotTree(target), { ignore: ignored })).toEqual([])
      rmSync(target, { recursive: true })
      const full = /full\.(\d{8}T\d{6}Z)\.manifest/.exec(stored().join('\n'))![1]!
      const iso = full.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')
      await ours('restore', url, target, '--time', iso)
      expect(diffTrees(state, await snapshotTree(target), { ignore: ignored })).toEqual([])
    },
    180_000,
  )
}

it('an interrupted set is continued with its own passphrase and options only, and never stands in the way', async () => {
  const world = await makeWorld()
  const { source, url, common, home, stored } = world
  const env = { PASSPHRASE: 'right' }
  const killed = await interruptedBackup(world, { action: 'full', signal: 'SIGKILL', volume: 2, env })
  expect(killed.signal, killed.out).toBe('SIGKILL')
  const before = stored()
  const other = await coalmine(['backup', source, url, ...common], { env: { PASSPHRASE: 'wrong' }, home })
  expect(other.code, said(other)).toBe(31)
  expect(stored()).toEqual(before)
  // Another choice of files makes another set; the volumes stay for cleanup.
  const chosen = await coalmine(['backup', source, url, ...common, '--exclude', `${source}/n`], { env, home })
  expect(chosen.code, said(chosen)).toBe(0)
  expect(chosen.stdout.toString()).toMatch(
    /The interrupted backup of .* is not continued, because the choice of files changed: "cleanup" removes what is stored of it/,
  )
  for (const name of before) expect(stored()).toContain(name)
  // They are young, and no journal knows them any more.
  const young = await coalmine(['cleanup', '--force', url, ...common], { env, home })
  expect(young.code, said(young)).toBe(0)
  for (const name of before) expect(stored()).toContain(name)
  // A set of this very second is not older.
  await sleep(1001)
  const cleaned = await coalmine(['cleanup', '--force', '--older-than', '0s', url, ...common], { env, home })
  expect(cleaned.code, said(cleaned)).toBe(0)
  for (const name of before) expect(stored()).not.toContain(name)

  // Those that the journal knows need no age.
  writeFileSync(join(source, 'q'), random.bytes(3_000_000))
  const exclude = ['--exclude', `${source}/n`]
  const inc = await interruptedBackup(world, {
    action: 'incremental',
    signal: 'SIGKILL',
    volume: 1,
    env,
    more: exclude,
  })
  expect(inc.signal, inc.out).toBe('SIGKILL')
  expect(stored().filter((name) => name.startsWith('duplicity-inc.')).length).toBeGreaterThan(0)
  const own = await coalmine(['cleanup', '--force', url, ...common], { env, home })
  expect(own.code, said(own)).toBe(0)
  expect(stored().filter((name) => name.startsWith('duplicity-inc.'))).toEqual([])
  const last = await coalmine(['incremental', source, url, ...common, ...exclude], { env, home })
  expect(last.code, said(last)).toBe(0)
  expect(last.stdout.toString()).not.toContain('partial')
}, 120_000)

for (const [at, version] of (Object.keys(duplicityVersions) as DuplicityVersion[]).entries()) {
  if (!long && at === 0) continue
  // Who has the public key alone makes the set and goes on with it: by name in the keyring, or from an armored file.
  itWith(
    ['gpg', duplicityPeer(version)],
    `a set for a key, ${at === 0 ? 'in the keyring' : 'in a file'}, goes on with volumes of another size, and duplicity ${version} restores it`,
    async () => {
      const world = await makeWorld()
      const { source, url, target, stored } = world
      const keys = await makeKeyHome()
      const server = await emptyHome()
      const armored = await gpgIn(keys.home, ['--armor', '--export', keys.open])
      const file = join(world.folder, 'key.asc')
      writeFileSync(file, armored)
      if (at === 0) await gpgIn(server, ['--import', file])
      const key = ['--encrypt-key', at === 0 ? keys.open : file]
      const killed = await interruptedBackup(
        { ...world, home: server },
        { action: 'full', signal: 'SIGKILL', volume: 2, env: {}, more: key },
      )
      expect(killed.signal, killed.out).toBe('SIGKILL')
      const before = stored()
      const first = before.find((name) => name.includes('.vol1.'))!
      const kept = statSync(join(world.storage, first)).mtimeMs
      const words = ['full', source, url, ...world.common, ...key, '--volsize', '2']
      const again = await coalmine(words, { home: server })
      expect(again.code, said(again)).toBe(0)
      expect(again.stdout.toString()).toContain('Last full backup left a partial set, restarting.')
      expect(statSync(join(world.storage, first)).mtimeMs).toBe(kept)
      const sizes = stored().flatMap((name) => {
        return name.includes('.vol') ? [statSync(join(world.storage, name)).size] : []
      })
      expect(sizes.some((size) => size > 1_048_576) && sizes[0]! <= 1_048_576).toBe(true)
      const restored = await duplicity(version, ['restore', url, target, '--encrypt-key', keys.open], {
        home: keys.home,
        env: { PASSPHRASE: '' },
      })
      expect(restored.code, said(restored)).toBe(0)
      expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ignored })).toEqual([])
      // Another key makes another set.
      const more = await interruptedBackup(
        { ...world, home: keys.home },
        { action: 'full', signal: 'SIGKILL', volume: 2, env: {}, more: ['--encrypt-key', keys.open] },
      )
      expect(more.signal, more.out).toBe('SIGKILL')
      const other = await coalmine(['full', source, url, ...world.common, '--encrypt-key', keys.rsa], {
        home: keys.home,
      })
      expect(other.code, said(other)).toBe(0)
      expect(other.stdout.toString()).toContain('is not continued, because')
    },
    180_000,
  )
}

function done(outcome: RunResult): RunResult {
  expect(outcome.code, said(outcome)).toBe(0)
  return outcome
}
