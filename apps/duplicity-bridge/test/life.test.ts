// Whole lives of archives on an account, as real programs lead them. Judges: after each step the emulator's account against
// the archive dir, in which duplicity keeps what it believes; for what is restored, the tree.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRandom, diffTrees, itWith, run, snapshotTree } from '@coalmine/fixtures'
import { duplicityEnv, duplicityPeer, type DuplicityVersion } from '@coalmine/interop'
import type { Fault, Faults } from '@coalmine/mediafire-emulator'
import { expect } from 'vitest'
import { believedNames } from './believed.ts'
import { bridgeWorld, long, mediaFire, versions } from './bridge-world.ts'
import { processesOf } from './processes.ts'

const coalmine = fileURLToPath(new URL('../../cli/bin/coalmine.js', import.meta.url))
const folder = '/Coal/Backup'
const url = 'mf://Coal/Backup'
const ignored = ['fractions', 'symlink-times'] as const

interface Life {
  readonly version: DuplicityVersion
  readonly encrypted: boolean
  readonly options: readonly string[]
}

async function begin({ version, encrypted, options }: Life) {
  const world = await bridgeWorld(version)
  const service = await mediaFire()
  const { source, home } = world
  const random = createRandom(`life ${version}`)
  const secret: Record<string, string> = encrypted ? { PASSPHRASE: 'a päss phrase' } : {}
  const env = { ...service.env, ...secret }
  const common = [...options, ...(encrypted ? [] : ['--no-encryption'])]
  const believe = (what: string) => expect(service.names(folder), what).toEqual(believedNames(home, encrypted))
  const duplicity = async (action: string, ...args: readonly string[]) => {
    const outcome = await world.duplicity([action, ...common, ...args], { env })
    expect(outcome.code, `${action}: ${outcome.said}`).toBe(0)
    believe(action)
    return outcome.said
  }
  return {
    ...world,
    ...service,
    env,
    common,
    random,
    believe,
    duplicity,
    change: (round: number) => {
      appendFileSync(join(source, 'large'), random.bytes(700_000))
      writeFileSync(join(source, `new ${round}`), random.bytes(20_000))
      rmSync(join(source, `new ${round - 1}`), { force: true })
    },
    expectRestored: async (args: readonly string[] = []) => {
      const target = world.restored()
      await duplicity('restore', ...args, url, target)
      expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ignored })).toEqual([])
    },
    coalmine: async (...args: readonly string[]) => {
      const argv = [process.execPath, coalmine, ...args.slice(0, 1), ...(encrypted ? [] : ['--no-encryption'])]
      const { code, stdout, stderr } = await run([...argv, ...args.slice(1)], {
        env: duplicityEnv(home, env),
        cwd: home,
      })
      expect(code, `${stdout.toString()}${stderr.toString()}`).toBe(0)
      return stdout.toString()
    },
  }
}

/** Starts a backup and interrupts it when so many volumes are stored. */
async function interrupted(
  life: Awaited<ReturnType<typeof begin>>,
  action: string,
  volumes: number,
): Promise<number | null> {
  const { argvOf, bridge, common, source, home, env, names } = life
  const before = names(folder).length
  const words = [action, ...common, '--volsize', '1', source, url, '--backend-retry-delay', '1']
  const [program, ...args] = argvOf([...bridge, 'run', '--', 'duplicity', ...words])
  const child = spawn(program!, args, { env: duplicityEnv(home, env), stdio: 'ignore' })
  const ended = once(child, 'close') as Promise<[number | null]>
  while (names(folder).length < before + volumes && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5))
  for (const { pid, kind } of processesOf(home)) if (kind === 'duplicity') process.kill(pid, 'SIGINT')
  return (await ended)[0]
}

/** Five calls in a hundred go wrong, each in its way. */
function troubled(faults: Faults): void {
  const kinds: readonly Fault[] = [
    { kind: 'drop', when: 'before' },
    { kind: 'drop', when: 'after' },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 503, retryAfter: '1' },
    { kind: 'status', status: 502, applied: true },
    { kind: 'expire' },
    { kind: 'truncate', bytes: 100 },
  ]
  for (const fault of kinds) faults.add({ call: '*', chance: 0.05 / kinds.length, fault })
  faults.add({ call: 'download', chance: 0.05, fault: { kind: 'corrupt' } })
}

const lives: readonly (Life & { readonly trouble: boolean })[] = [
  { version: '0.8.22', encrypted: true, trouble: false, options: [] },
  { version: '3.0.4', encrypted: false, trouble: true, options: ['--concurrency', '2', '--num-retries', '12'] },
  { version: '0.8.22', encrypted: false, trouble: true, options: ['--num-retries', '12'] },
  { version: '3.0.4', encrypted: true, trouble: false, options: [] },
]

for (const life of long ? lives : lives.slice(0, 2)) {
  const { version, trouble, encrypted } = life
  const how = `${encrypted ? 'encrypted' : 'plain'}${trouble ? ', while 5 % of all calls fail' : ''}`
  itWith(
    [duplicityPeer(version)],
    `a whole life of an archive of duplicity ${version} on an account, ${how}: what is there is what it believes`,
    async () => {
      const { duplicity, change, expectRestored, emulator, source, names } = await begin(life)
      if (trouble) troubled(emulator.faults)
      await duplicity('full', '--volsize', '1', source, url)
      change(1)
      await duplicity('incremental', '--volsize', '1', source, url)
      expect(await duplicity('verify', '--compare-data', url, source)).toContain(' 0 difference')
      expect(await duplicity('list-current-files', url)).toContain('new 1')
      expect(await duplicity('collection-status', url)).toContain('No orphaned or incomplete backup sets found')
      await expectRestored()
      change(2)
      await duplicity('full', '--volsize', '1', source, url)
      if (trouble) expect(emulator.faults.list().reduce((sum, { done }) => sum + done, 0)).toBeGreaterThan(0)
      expect(emulator.account().trash).toEqual([])
      // Trouble is waited out: the rest of such a life takes half a minute.
      if (trouble && !long) return
      change(3)
      await duplicity('incremental', source, url)
      const before = names(folder).length
      await duplicity('remove-all-but-n-full', '1', '--force', url)
      expect(names(folder).length).toBeLessThan(before)
      change(4)
      await duplicity('full', source, url)
      // A time after the end of the newest chain would make both versions delete that chain's signatures too.
      const time = names(folder)
        .flatMap((name) => /full\.(\d+T\d+Z)\.manifest/.exec(name)?.[1] ?? [])
        .sort()
        .at(-1)!
      const iso = time.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')
      await duplicity('remove-older-than', iso, '--force', url)
      expect(names(folder)).toHaveLength(3)
      await expectRestored()
      if (trouble) expect(emulator.faults.list().reduce((sum, { done }) => sum + done, 0)).toBeGreaterThan(5)
      expect(emulator.account().trash).toEqual([])
    },
  )
}

for (const version of long ? versions : versions.slice(0, 1)) {
  itWith(
    [duplicityPeer(version)],
    `an interrupted backup of duplicity ${version} is resumed, or cleaned away`,
    async () => {
      const life = await begin({ version, encrypted: false, options: [] })
      const { duplicity, change, expectRestored, names, source, believe, home, random } = life
      writeFileSync(join(source, 'larger'), random.bytes(6_000_000))
      expect(await interrupted(life, 'full', 3)).toBe(4)
      const stored = names(folder)
      expect(stored.every((name) => name.includes('.vol'))).toBe(true)
      // The last one may have been complete before duplicity could write it down.
      const known = believedNames(home, false)
      expect(stored.slice(0, -1).every((name) => known.includes(name)) || stored.length === known.length).toBe(true)
      expect(await duplicity('full', '--volsize', '1', source, url)).toContain('left a partial set, restarting')
      await expectRestored()

      change(1)
      expect(await interrupted(life, 'incremental', 1)).toBe(4)
      expect(names(folder).filter((name) => name.startsWith('duplicity-inc'))).not.toEqual([])
      await duplicity('cleanup', '--force', url)
      expect(names(folder).filter((name) => name.startsWith('duplicity-inc'))).toEqual([])
      believe('cleanup')
      await duplicity('incremental', source, url)
      await expectRestored()
    },
  )
}

for (const version of long ? versions : versions.slice(1)) {
  itWith(
    [duplicityPeer(version)],
    `coalmine and duplicity ${version} through the bridge take turns on one account`,
    async () => {
      const { duplicity, coalmine, change, expectRestored, source, believe, restored } = await begin({
        version,
        encrypted: true,
        options: [],
      })
      await duplicity('full', source, url)
      change(1)
      await coalmine('incremental', source, url, ...(version === '0.8.22' ? ['--compat', '0.8'] : []))
      believe('an increment of coalmine')
      await expectRestored()
      change(2)
      await duplicity('incremental', source, url)
      expect(await coalmine('verify', '--compare-data', url, source)).toContain(' 0 difference')
      const target = restored()
      await coalmine('restore', url, target)
      expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ignored })).toEqual([])
    },
  )
}
