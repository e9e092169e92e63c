import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  recordCase,
  run,
  type Snapshot,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityEnv, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { compatOf } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { copyHome, emptyHome, gpgIn, type HomeKeys, makeKeyHome, phrases } from './key-home.ts'
import { NastyChanges } from './nasty-changes.ts'
import { long } from './turns.ts'

// A server that holds the public key alone makes a full set and increments, from what its archive dir has, and cannot read
// them; whoever has the secret key can. By us, and begun by the real program and continued by us. Judges: what the tree was
// when each set was made, and the real program that restores it.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const isRoot = process.getuid?.() === 0
const always: readonly Ignored[] = [
  ...(['sockets', 'fractions', 'times-before-1970'] as const),
  ...(isRoot ? [] : (['ownership', 'set-id-bits', 'devices'] as const)),
]
const byDuplicity: readonly Ignored[] = [...always, 'symlink-times']

type Program = 'us' | 'them'

/** Who makes each set. In the short run each kind with one version. */
const kinds: readonly { name: string; writers: readonly Program[]; brief: number }[] = [
  { name: 'all by us', writers: ['us', 'us', 'us'], brief: 1 },
  { name: 'theirs, continued by us', writers: ['them', 'them', 'us'], brief: 0 },
]
const setCount = 3
const secondsOf = (set: number) => 1_700_000_000 + set * 10_000

let folder = ''
let keys: HomeKeys
const states: Snapshot[] = []

beforeAll(async () => {
  folder = await tempDir('ki')
  keys = await makeKeyHome()
  const source = join(folder, 'source')
  const { seed } = await nastyTree(source)
  const random = createRandom(`keys ${seed}`)
  const changes = new NastyChanges(source, random)
  // The source as it is at each set, so that every chain sees the same.
  for (let set = 0; set < setCount; set++) {
    if (set > 0) changes.change(states.at(-1)!, random.fork(`set ${set}`), set)
    states.push(await snapshotTree(source))
    await run(['cp', '-a', source, join(folder, `source ${set}`)], { check: true })
  }
}, 300_000)

for (const version of versions) {
  for (const { name, writers, brief } of kinds) {
    if (!long && versions[brief] !== version) continue
    describe(`increments with a public key alone, ${name}, with duplicity ${version}`, () => {
      itWith(
        [duplicityPeer(version), 'gpg'],
        'are made from the archive dir, not read where they were made, and restored with the secret key',
        async () => {
          const own = join(folder, `${name} ${version}`)
          mkdirSync(join(own, 'storage'), { recursive: true })
          const server = await emptyHome()
          const exported = await run(['gpg', '--export', keys.locked], { env: duplicityEnv(keys.home), check: true })
          await gpgIn(server, ['--import'], exported.stdout)
          const url = `file://${own}/storage`
          const compat = compatOf(version)
          const start = (program: Program, home: string, words: readonly string[], phrase: string) => {
            const options = { env: { PASSPHRASE: phrase }, home, timeoutMs: 300_000 }
            return program === 'us' ? coalmine([...words, ...compat], options) : duplicity(version, words, options)
          }

          const source = join(own, 'source')
          const key = ['--encrypt-key', keys.locked, '--gpg-options=--trust-model=always']
          for (const [set, writer] of writers.entries()) {
            // The same path each time: its name is in the manifest.
            await run(['rm', '-rf', source], { check: true })
            await run(['cp', '-a', join(folder, `source ${set}`), source], { check: true })
            const words = [set === 0 ? 'full' : 'incremental', source, url, ...key, '--volsize', '1']
            const more = ['--current-time', String(secondsOf(set)), '--archive-dir', join(own, 'cache')]
            const outcome = await start(writer, server, [...words, ...more], '')
            expect(outcome.code, said(outcome)).toBe(0)
            expect(outcome.stdout.toString()).toContain('\nErrors 0\n')
          }
          const stored = readdirSync(join(own, 'storage'))
          expect(stored.filter((one) => /^duplicity-inc.*manifest\.gpg$/.test(one))).toHaveLength(setCount - 1)
          expect(stored.every((one) => one.endsWith('.gpg'))).toBe(true)

          const restore = async (program: Program, home: string, set: number) => {
            const target = join(own, `${program} ${set}`)
            const place = ['--archive-dir', `${target} cache`, '-t', String(secondsOf(set))]
            const outcome = await start(program, home, ['restore', url, target, ...place], phrases.recipient)
            return { outcome, target }
          }
          // Neither on the server, whatever passphrase is there, nor with the cache it has.
          const refused = await restore('us', server, setCount - 1)
          expect(refused.outcome.code, said(refused.outcome)).toBe(31)
          cpSync(join(own, 'cache'), join(own, 'us 1 cache'), { recursive: true })
          expect((await restore('us', server, 1)).outcome.code).toBe(31)

          const reader = await copyHome(keys)
          const differences: string[] = []
          for (const set of states.keys()) {
            for (const program of ['us', 'them'] as const) {
              // The newest needs all sets.
              if (program === 'them' && !long && set !== setCount - 1) continue
              const { outcome, target } = await restore(program, program === 'us' ? keys.home : reader.home, set)
              expect(outcome.code, said(outcome)).toBe(0)
              const ignore = program === 'us' ? always : byDuplicity
              const found = diffTrees(states[set]!, await snapshotTree(target), { ignore })
              differences.push(...found.map((line) => `${program} ${set}: ${line}`))
            }
          }
          const outcome = differences.length === 0 ? ('same' as const) : ('different' as const)
          const directions = writers.includes('them')
            ? (['duplicity-to-coalmine', 'coalmine-to-duplicity'] as const)
            : (['coalmine-to-duplicity'] as const)
          for (const direction of directions) {
            recordCase({
              version,
              direction,
              encryption: 'public key',
              volsize: 1,
              outcome,
              name: `increments, ${name}`,
            })
          }
          expect(differences).toEqual([])
        },
        1_200_000,
      )
    })
  }
}
