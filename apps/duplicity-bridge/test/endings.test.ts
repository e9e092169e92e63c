// Runs that are interrupted, killed, or lose their bridge. Judges: the processes of this machine, and the emulator's account.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { itWith } from '@coalmine/fixtures'
import { duplicityEnv, duplicityPeer, type DuplicityVersion } from '@coalmine/interop'
import { expect, onTestFinished } from 'vitest'
import { believedNames } from './believed.ts'
import { bridgeWorld, type BridgeWorld, long, mediaFire, versions } from './bridge-world.ts'
import { type Process, processesOf, until } from './processes.ts'

/** Starts a full backup that stands still in its first upload. */
async function stalled(world: BridgeWorld, more: readonly string[] = []) {
  const { source, home, argvOf, bridge } = world
  const service = await mediaFire()
  const fault = service.emulator.faults.add({ call: 'upload/*', fault: { kind: 'stall', when: 'before' } })
  const words = [
    'full',
    '--no-encryption',
    '--volsize',
    '1',
    ...more,
    source,
    'mf://Backup',
    '--backend-retry-delay',
    '1',
  ]
  const [program, ...args] = argvOf([...bridge, 'run', '--', 'duplicity', ...words])
  const child = spawn(program!, args, { env: duplicityEnv(home, service.env), stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => processesOf(home).forEach(({ pid }) => process.kill(pid, 'SIGKILL')))
  let said = ''
  const hear = (chunk: Buffer) => (said += chunk.toString())
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = once(child, 'close').then(([code]) => code as number | null)
  await until(() => service.emulator.faults.list().some(({ done }) => done > 0) || child.exitCode !== null)
  const signal = (kind: Process['kind'] | 'all', name: NodeJS.Signals) => {
    const found = processesOf(home).filter((one) => kind === 'all' || one.kind === kind)
    expect(found.length, said).toBeGreaterThan(0)
    for (const { pid } of found) process.kill(pid, name)
  }
  return { ...service, ended, signal, said: () => said, goOn: () => service.emulator.faults.remove(fault) }
}

const behind: readonly (readonly [DuplicityVersion, string])[] = [
  ['0.8.22', ''],
  ['3.0.4', '--concurrency=2'],
  ['0.8.22', '--asynchronous-upload'],
  ['3.0.4', ''],
]

for (const [version, option] of long ? behind : behind.slice(0, 2)) {
  itWith(
    [duplicityPeer(version)],
    `Ctrl-C ends duplicity ${version} ${option} and its bridge; nothing half is stored, the next run works`,
    async () => {
      const world = await bridgeWorld(version)
      const { signal, ended, names, goOn, said, env } = await stalled(world, option === '' ? [] : [option])
      const kinds = new Set(processesOf(world.home).map(({ kind }) => kind))
      expect([...kinds].sort()).toEqual(['bridge', 'duplicity', 'run'])
      signal('all', 'SIGINT')
      expect(await ended, said()).toBe(4)
      await until(() => processesOf(world.home).length === 0)
      expect(names('/Backup')).toEqual([])
      goOn()
      const again = await world.duplicity(['full', '--no-encryption', world.source, 'mf://Backup'], { env })
      expect(again.code, again.said).toBe(0)
      expect(names('/Backup')).toEqual(believedNames(world.home, false))
    },
  )
}

for (const version of long ? versions : versions.slice(0, 1)) {
  itWith(
    [duplicityPeer(version)],
    `with duplicity ${version} a bridge that is killed is told and started again`,
    async () => {
      const world = await bridgeWorld(version)
      const { signal, ended, names, goOn, said } = await stalled(
        world,
        long && version === '3.0.4' ? ['--concurrency', '1'] : [],
      )
      goOn()
      signal('bridge', 'SIGKILL')
      expect(await ended, said()).toBe(0)
      expect(said()).toContain('The bridge ended by signal 9; it is started again for the next try')
      await until(() => processesOf(world.home).length === 0)
      expect(names('/Backup')).toEqual(believedNames(world.home, false))
    },
  )
}

for (const version of long ? versions : versions.slice(1)) {
  itWith([duplicityPeer(version)], `a killed duplicity ${version} takes its bridge with it`, async () => {
    const world = await bridgeWorld(version)
    const { signal, ended, names } = await stalled(world)
    signal('duplicity', 'SIGKILL')
    expect(await ended).toBe(128 + 9)
    await until(() => processesOf(world.home).length === 0)
    expect(names('/Backup')).toEqual([])
  })
}
