// What a person at a terminal sees and says. Judges: duplicity's machine log, the emulator's account, the terminal.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, onTerminalOf, type Peer } from '@coalmine/fixtures'
import { duplicityPeer, type DuplicityVersion } from '@coalmine/interop'
import { expect } from 'vitest'
import { believedNames } from './believed.ts'
import { bridgeWorld, email, long, mediaFire, password, versions } from './bridge-world.ts'

/** All of them in the long run, else one. */
const of = (one: DuplicityVersion) => (long ? versions : [one])
const peers = (version: DuplicityVersion): (Peer | string)[] => [duplicityPeer(version), 'python3']

for (const version of of('0.8.22')) {
  itWith(peers(version), `duplicity ${version} shows the progress of an upload while it lasts`, async () => {
    const { source, home, duplicity } = await bridgeWorld(version)
    const { emulator, env } = await mediaFire()
    writeFileSync(join(source, 'more'), Buffer.alloc(6_000_000, 'x'))
    const log = join(home, 'log')
    emulator.faults.add({ call: 'upload/*', every: 6, fault: { kind: 'stall', when: 'before', ms: 1000 } })
    const words = [
      'full',
      '--no-encryption',
      '--no-compression',
      '--volsize',
      '1',
      '--progress',
      '--progress-rate',
      '1',
    ]
    const { code, said } = await duplicity([...words, '--log-file', log, source, 'mf://Backup'], { env })
    expect(code, said).toBe(0)
    const sent = [...readFileSync(log, 'utf8').matchAll(/^NOTICE 16 (\d+) /gm)].map(([, bytes]) => Number(bytes))
    expect(
      sent.some((bytes) => bytes > 500_000 && bytes < 7_000_000),
      said,
    ).toBe(true)
    const stored = emulator.account().files.filter(({ path }) => path.includes('difftar'))
    const all = stored.reduce((sum, { size }) => sum + size, 0)
    // The last record is of some moment before the end.
    expect(sent.at(-1), said).toBeGreaterThan(all - 1_100_000)
    expect(sent.at(-1), said).toBeLessThan(all + 100_000)
  })
}

for (const version of of('3.0.4')) {
  itWith(peers(version), `duplicity ${version} asks for the password on a terminal, and does not show it`, async () => {
    const { source, home, ran, bridge } = await bridgeWorld(version)
    const { address, names } = await mediaFire()
    const url = `mf://${encodeURIComponent(email)}@mediafire.com/Backup`
    const words = [...bridge, 'run', '--', 'duplicity', 'full', '--no-encryption', source, url]
    const right = await ran(onTerminalOf(words, [`${password}\n`]), { env: address })
    expect(right.code, right.said).toBe(0)
    expect(right.said).toMatch(/[Pp]assword for '?me@example\.com/)
    expect(right.said).not.toContain(password)
    expect(names('/Backup')).toEqual(believedNames(home, false))
  })
}

for (const version of of('0.8.22')) {
  itWith(
    peers(version),
    `duplicity ${version} stores and finds names with long prefixes, not of ASCII too`,
    async () => {
      const { source, restored, duplicity } = await bridgeWorld(version)
      const { names, env } = await mediaFire()
      const prefix = 'ünï-日本-'.repeat(8)
      const common = ['--no-encryption', '--volsize', '1', '--file-prefix', prefix]
      const each = ['archive', 'manifest', 'signature'].flatMap((one) => [`--file-prefix-${one}`, `${one.repeat(4)} `])
      for (const action of ['full', 'incremental']) {
        writeFileSync(join(source, action), action)
        const { code, said } = await duplicity([action, ...common, ...each, source, 'mf://Backup'], { env })
        expect(code, said).toBe(0)
      }
      // Another archive in the same folder is another archive.
      const other = await duplicity(['full', '--no-encryption', '--name', 'other', source, 'mf://Backup'], { env })
      expect(other.code, other.said).toBe(0)
      const ours = names('/Backup').filter((name) => name.startsWith(prefix))
      expect(ours).toHaveLength(4 + 3)
      expect(names('/Backup')).toHaveLength(4 + 3 + 3)
      const target = restored()
      const { code, said } = await duplicity(['restore', ...common, ...each, 'mf://Backup', target], { env })
      expect(code, said).toBe(0)
      expect(readFileSync(join(target, 'incremental'), 'utf8')).toBe('incremental')
    },
  )
}

for (const version of of('3.0.4')) {
  itWith(peers(version), `duplicity ${version} is told that the service is busy, waits, and tries again`, async () => {
    const { source, home, duplicity } = await bridgeWorld(version)
    const { emulator, names, env } = await mediaFire()
    const busy = { kind: 'status', status: 429, retryAfter: '1' } as const
    emulator.faults.add({ call: 'upload/*', fault: busy, times: 2 })
    const { code, said } = await duplicity(['full', '--no-encryption', source, 'mf://Backup'], { env })
    expect(code, said).toBe(0)
    expect(said).toMatch(/Attempt of (?:put|_do_put|move) Nr\. 1 failed\..*(?:busy|too many|429)/i)
    expect(names('/Backup')).toEqual(believedNames(home, false))
  })
}
