// The real programs with the bridge below them. Judges: the emulator's account, the archive dir, and the trees.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffTrees, itWith, snapshotTree } from '@coalmine/fixtures'
import { duplicityPeer, type DuplicityVersion } from '@coalmine/interop'
import { expect } from 'vitest'
import { believedNames } from './believed.ts'
import {
  bridgeWorld,
  type BridgeWorld,
  email,
  long,
  mediaFire,
  type Outcome,
  password,
  program,
  versions,
} from './bridge-world.ts'

function done(outcome: Outcome): string {
  expect(outcome.code, outcome.said).toBe(0)
  return outcome.said
}

async function expectRestored({ source, restored, duplicity }: BridgeWorld, args: readonly string[], env = {}) {
  const target = restored()
  done(await duplicity(['restore', '--no-encryption', ...args, target], { env }))
  const ignored = ['fractions'] as const
  expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ignored })).toEqual([])
}

const withUser = `mf://${encodeURIComponent(email)}@mediafire.com`

/** So that puts are made in the background. */
function behindOf(version: DuplicityVersion): string[] {
  return version === '0.8.22' ? ['--asynchronous-upload'] : ['--concurrency', '2']
}

/** How an account is said: the URL, and the environment beside the emulator's address. */
const forms: readonly [string, Readonly<Record<string, string>>][] = [
  ['mf://Fol der/Ünï', { MEDIAFIRE_EMAIL: email, MEDIAFIRE_PASSWORD: password }],
  [`${withUser}/Fol%20der/%C3%9Cn%C3%AF`, { BACKEND_PASSWORD: password }],
  [`${withUser}/Fol%20der/%C3%9Cn%C3%AF`, { FTP_PASSWORD: password }],
  [`coalmine+${withUser.replace('@mediafire', `:${password}@mediafire`)}/Fol%20der/%C3%9Cn%C3%AF`, {}],
  ['coalmine+mf://Fol der/Ünï', { MEDIAFIRE_EMAIL: email, MEDIAFIRE_PASSWORD: password }],
]

for (const version of versions) {
  itWith(
    [duplicityPeer(version)],
    `duplicity ${version} backs up to mf:// in every form, and reads it back`,
    async () => {
      const world = await bridgeWorld(version)
      const { source, home, duplicity } = world
      const service = await mediaFire()
      // In the short run every form with one version; the first makes the archive.
      const rows = forms.filter((_, at) => long || at === 0 || at % 2 === versions.indexOf(version))
      for (const [at, [url, env]] of rows.entries()) {
        const all = { ...service.address, ...env }
        const action = at === 0 ? 'full' : 'incremental'
        writeFileSync(join(source, `file ${at}`), `content ${at}`)
        // One name for all of them, so that they are one archive.
        const common = ['--name', 'forms', '--no-encryption', '--volsize', '1']
        const said = done(await duplicity([action, ...common, source, url], { env: all }))
        expect(said.includes(password)).toBe(false)
        expect(service.names('/Fol der/Ünï')).toEqual(believedNames(home, false))
        if (at === rows.length - 1) await expectRestored(world, ['--name', 'forms', url], all)
      }
      expect(service.emulator.account().folders.map(({ privacy }) => privacy)).toEqual(['private', 'private'])
      expect(service.names('/Fol der/Ünï')).toHaveLength(4 + (rows.length - 1) * 3)
    },
  )

  itWith(
    [duplicityPeer(version)],
    `duplicity ${version} backs up to coalmine+file://, in the background too, two of them at once`,
    async () => {
      const world = await bridgeWorld(version)
      const { source, store, duplicity, home } = world
      writeFileSync(
        join(source, 'more'),
        Buffer.alloc(9_000_000, Array.from({ length: 9973 }, (_, at) => at % 251).join()),
      )
      const one = (name: string) =>
        duplicity([
          'full',
          '--no-encryption',
          '--no-compression',
          '--volsize',
          '1',
          ...behindOf(version),
          source,
          `coalmine+file://${store}/${name}`,
        ])
      const [first, second] = await Promise.all([one('a'), one('b')])
      done(first)
      done(second)
      const [a, b] = [readdirSync(join(store, 'a')), readdirSync(join(store, 'b'))]
      expect(a.length).toBeGreaterThan(9)
      // Both may have begun in one second, with the same names.
      const believed = believedNames(home, false).map((name) => name.replace('tar.gz', 'tar'))
      expect([...new Set([...a, ...b])].sort()).toEqual(believed)
      expect(a).toHaveLength(b.length)
      await expectRestored(world, [`coalmine+file://${store}/b`])
    },
  )

  itWith(
    [duplicityPeer(version)],
    `with duplicity ${version} a wrong password and a full account end at once, with its codes`,
    async () => {
      const { source, duplicity } = await bridgeWorld(version)
      const { emulator, address, env, names } = await mediaFire()
      const args = ['full', '--no-encryption', source, 'mf://Backup']
      const wrong = await duplicity(args, { env: { ...env, MEDIAFIRE_PASSWORD: 'wr0ng' } })
      expect(wrong.code, wrong.said).toBe(51)
      expect(wrong.said).toContain('the e-mail address and the password do not fit')
      expect(wrong.said).not.toMatch(/wr0ng|Traceback/)
      expect(emulator.log.count('user/get_session_token')).toBe(1)
      emulator.changeAccount({ baseStorage: 100_000, bonusStorage: 0 })
      // Told by a worker, or a thread.
      const full = await duplicity([...args, ...behindOf(version)], { env })
      // 0.8 has one code for whatever its thread fails with.
      expect(full.code, full.said).toBe(version === '0.8.22' ? 23 : 53)
      expect(full.said).toContain('the storage of the account is full')
      const inFront = await duplicity(args, { env })
      expect(inFront.code, inFront.said).toBe(53)
      expect(names('/Backup')).toEqual([])
      emulator.changeAccount({ baseStorage: 100_000_000 })
      expect(emulator.log.count('upload/resumable')).toBe(0)
      const fault = emulator.faults.add({ call: 'upload/*', fault: { kind: 'status', status: 500 } })
      const broken = await duplicity([...args, ...behindOf(version), '--num-retries', '2'], { env })
      expect(broken.code, broken.said).toBe(version === '0.8.22' ? 23 : 50)
      emulator.faults.remove(fault)
      done(await duplicity(args, { env }))
      if (!long && version === '3.0.4') return
      const none = await duplicity(args, { env: { ...address, MEDIAFIRE_EMAIL: email } })
      expect(none.code, none.said).toBe(51)
      expect(none.said).toContain('there is no password; set MEDIAFIRE_PASSWORD')
      const nowhere = await duplicity(
        ['full', '--no-encryption', source, `${withUser.replace('mediafire', 'example')}/x`],
        { env },
      )
      expect(nowhere.code, nowhere.said).toBe(50)
      expect(nowhere.said).toContain('"example.com" is not mediafire.com')
      const unknown = await duplicity(['full', '--no-encryption', source, 'coalmine+ftp://example.com/x'], { env })
      expect(unknown.said).toContain('the scheme "ftp" is not known, known are file, mf')
      expect(unknown.code).toBe(50)
    },
  )
}

for (const version of long ? versions : versions.slice(0, 1)) {
  itWith(
    [duplicityPeer(version)],
    `with duplicity ${version} what is not there is said: Node, an object, a folder`,
    async () => {
      const { source, ran, duplicity, store, home } = await bridgeWorld(version)
      const folder = join(program, '../../python/run')
      const env = { PYTHONPATH: folder, COALMINE_BRIDGE_COMMAND: '["/no/such/node"]' }
      const argv = ['duplicity', 'full', '--no-encryption', source, `coalmine+file://${store}`]
      const noNode = await ran(argv, { env })
      expect(noNode.code, noNode.said).toBe(50)
      expect(noNode.said).toContain('Cannot start the bridge "/no/such/node": No such file or directory')
      const empty = await duplicity(['collection-status', `coalmine+file://${store}`])
      expect(done(empty)).toContain('No backup chains with active signatures found')
      const restore = await duplicity(['restore', '--no-encryption', `coalmine+file://${store}`, join(home, 'out')])
      expect(restore.code, restore.said).not.toBe(0)
      // Its own backends are as they were.
      mkdirSync(join(home, 'plain'))
      done(await duplicity(['full', '--no-encryption', source, `file://${home}/plain`]))
      expect(readdirSync(join(home, 'plain'))).toHaveLength(3)
    },
  )
}
