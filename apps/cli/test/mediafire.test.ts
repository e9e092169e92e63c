// Backups in a MediaFire account, as the program makes them. Judges: the emulator, a process of its own that shares no code
// with the client, and for what is restored the tree itself.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { AccountView } from '@coalmine/mediafire-emulator'
import { diffTrees, nastyTree, snapshotTree, tempDir } from '@coalmine/fixtures'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { endShared, runShared, said, world } from './coalmine.ts'
import { mediaFireWorld } from './mediafire-account.ts'

afterAll(endShared)

const emulatorPackage = createRequire(import.meta.url).resolve('@coalmine/mediafire-emulator/package.json')
const emulatorProgram = join(dirname(emulatorPackage), 'bin', 'mediafire-emulator.js')
const email = 'me@example.com'
const ignoredByFormat = ['fractions', 'times-before-1970', 'sockets'] as const
const password = 'Pa55w0rd-that-nobody-sees'

async function mediafire() {
  const dataDir = await tempDir('mf')
  const argv = [emulatorProgram, '--data-dir', dataDir, '--account', email]
  const env = { ...process.env, MEDIAFIRE_EMULATOR_PASSWORD: password }
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { url } = JSON.parse(line) as { url: string }
  return {
    env: { COALMINE_MEDIAFIRE_URL: url, MEDIAFIRE_EMAIL: email, MEDIAFIRE_PASSWORD: password },
    url,
    account: async () => (await (await fetch(`${url}/_emulator/account`)).json()) as AccountView,
    async change(wishes: Readonly<Record<string, unknown>>) {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${url}/_emulator/account`, { method: 'POST', headers, body: JSON.stringify(wishes) })
      expect(answer.status).toBe(200)
    },
  }
}

it('a folder goes to mf://Coalmine/Backup, is listed, continued, verified, restored and pruned; no secret is told', async () => {
  const service = await mediafire()
  const { run, folder, target } = await world()
  const url = 'mf://Coalmine/Backup'
  const logs = join(folder, 'tmp', 'logs')
  await nastyTree(logs, { seed: 6 })
  writeFileSync(join(logs, 'app.log'), 'one\n'.repeat(50_000))
  // What a child of the program is given.
  const seen = join(folder, 'seen-by-children')
  const asks = join(folder, 'passphrase')
  writeFileSync(asks, `#!/bin/sh\n{ env; tr '\\0' ' ' < /proc/$PPID/cmdline; } >> '${seen}'\necho test\n`)
  chmodSync(asks, 0o700)
  const outputs: string[] = []
  const coalmine = async (...args: string[]) => {
    const more = ['-v9', '--log-file', join(folder, 'log'), '--passphrase-command', asks]
    const outcome = await run([...args, ...more], { env: { ...service.env, PASSPHRASE: undefined } })
    outputs.push(outcome.out, outcome.err)
    return outcome
  }

  const full = await coalmine('full', 'tmp/logs/', url)
  expect(full.code, said(full)).toBe(0)
  const stored = await service.account()
  expect(stored.folders.map(({ path, privacy }) => [path, privacy])).toEqual([
    ['/Coalmine', 'private'],
    ['/Coalmine/Backup', 'private'],
  ])
  const names = stored.files.map(({ path }) => path.replace(/\d{8}T\d{6}Z/, 'T'))
  expect(names).toEqual([
    '/Coalmine/Backup/duplicity-full-signatures.T.sigtar.gpg',
    '/Coalmine/Backup/duplicity-full.T.manifest.gpg',
    '/Coalmine/Backup/duplicity-full.T.vol1.difftar.gpg',
  ])
  const listed = await coalmine('list-current-files', url)
  expect(listed.code, said(listed)).toBe(0)
  expect(listed.out).toContain(' app.log\n')

  writeFileSync(join(logs, 'app.log'), `${'one\n'.repeat(50_000)}two\n`)
  const incremental = await coalmine('incremental', 'tmp/logs/', url)
  expect(incremental.code, said(incremental)).toBe(0)
  const status = await coalmine('collection-status', url)
  expect(status.code, said(status)).toBe(0)
  expect(status.out).toMatch(/Incremental/)
  const verified = await coalmine('verify', '--compare-data', url, 'tmp/logs/')
  expect(verified.code, said(verified)).toBe(0)

  const restored = await coalmine('restore', url, target)
  expect(restored.code, said(restored)).toBe(0)
  expect(diffTrees(await snapshotTree(logs), await snapshotTree(target), { ignore: ignoredByFormat })).toEqual([])

  const second = await coalmine('full', 'tmp/logs/', url)
  expect(second.code, said(second)).toBe(0)
  const pruned = await coalmine('remove-all-but-n-full', '1', '--force', url)
  expect(pruned.code, said(pruned)).toBe(0)
  const cleaned = await coalmine('cleanup', '--force', url)
  expect(cleaned.code, said(cleaned)).toBe(0)
  const left = await service.account()
  expect(left.files).toHaveLength(3)
  expect(left.usedBytes).toBe(left.files.reduce((sum, { size }) => sum + size, 0))

  const everything = [...outputs, ...filesIn(join(folder, 'cache')), ...[seen, join(folder, 'log')].map(textOf)].join(
    '\n',
  )
  // Never the whole text as what was expected: it has megabytes.
  expect(everything.includes('MediaFire: upload/check')).toBe(true)
  expect(readFileSync(seen, 'latin1').includes('HOME=')).toBe(true)
  expect(everything.includes(password)).toBe(false)
  // Tokens have more than a hundred digits; a name in the tree has as many of one.
  expect(
    /(?=f*[0-9a-e])[0-9a-f]{100}|(?:session_token|signature)=.{0,20}/.exec(everything)?.[0].slice(0, 40),
  ).toBeUndefined()
})

it('a wrong password is one sentence and code 51; a full account 53, and there is room again afterwards', async () => {
  const service = await mediafire()
  const { run, folder } = await world()
  writeFileSync(join(folder, 'file'), Buffer.alloc(300_000, 'x'))
  const source = [join(folder, 'file'), 'mf://me%40example.com@mediafire.com/Backup'] as const
  const env = { COALMINE_MEDIAFIRE_URL: service.url }

  const wrong = await run(['full', ...source], { env: { ...env, BACKEND_PASSWORD: 'wr0ng' } })
  expect(wrong.code, said(wrong)).toBe(51)
  const lines = wrong.err.split('\n').filter((line) => line !== '')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('the e-mail address and the password do not fit')
  expect(said(wrong)).not.toContain('wr0ng')
  const none = await run(['full', ...source], { env })
  expect(none.code, said(none)).toBe(51)
  expect(none.err).toContain('there is no password; set BACKEND_PASSWORD')

  const right = { ...env, FTP_PASSWORD: password }
  await service.change({ baseStorage: 100, bonusStorage: 0 })
  const full = await run(['full', ...source], { env: right })
  expect(full.code, said(full)).toBe(53)
  expect(full.err).toContain('the storage of the account is full')
  expect((await service.account()).files).toEqual([])
  await service.change({ baseStorage: 10_000_000 })
  const again = await run(['full', ...source], { env: right })
  expect(again.code, said(again)).toBe(0)
  expect((await service.account()).files).toHaveLength(3)
})

it('a full backup is compared with the room that is left, before anything is stored', async () => {
  const { env, emulator, folder } = await mediaFireWorld()
  const coalmine = (...args: string[]) => runShared(folder, [...args, '--no-encryption'], { env })
  mkdirSync(join(folder, 'source'))
  writeFileSync(join(folder, 'source', 'zeros'), Buffer.alloc(300_000))
  emulator.changeAccount({ baseStorage: 200_000, bonusStorage: 0 })
  const plain = await coalmine('full', 'source', 'mf://B', '--no-compression')
  expect(plain.code, said(plain)).toBe(53)
  expect(plain.err).toBe('Cannot back up: the account has 195 KB left, and the files have 293 KB\n')
  expect([emulator.account().folders, emulator.log.count('upload/*')]).toEqual([[], 0])
  const told =
    'The backup may not fit: the account has 195 KB left, and the files have 293 KB before they are compressed'
  const packed = await coalmine('full', 'source', 'mf://B')
  expect(packed.code, said(packed)).toBe(0)
  expect(packed.out).toContain(told)
  emulator.changeAccount({ baseStorage: 400_000 })
  const roomy = await coalmine('full', 'source', 'mf://C', '--no-compression')
  expect([roomy.code, roomy.out.includes('may not fit')], said(roomy)).toEqual([0, false])

  // An increment takes in what is new or changed; the rest may be larger than the room.
  emulator.changeAccount({ baseStorage: emulator.account().usedBytes + 100_000 })
  writeFileSync(join(folder, 'source', 'small'), Buffer.alloc(20_000))
  const small = await coalmine('incremental', 'source', 'mf://C', '--no-compression')
  expect([small.code, small.out.includes('may not fit')], said(small)).toEqual([0, false])
  writeFileSync(join(folder, 'source', 'large'), Buffer.alloc(200_000))
  const large = await coalmine('incremental', 'source', 'mf://C')
  expect(large.code, said(large)).toBe(0)
  expect(large.out).toMatch(
    /may not fit: the account has \d+(\.\d+)? KB left, and the new and changed files have 19[59] KB before/,
  )
  writeFileSync(join(folder, 'source', 'other'), Buffer.alloc(200_000))
  const full = await coalmine('incremental', 'source', 'mf://C', '--no-compression')
  expect(full.code, said(full)).toBe(53)
  expect(full.out).toMatch(
    /may not fit: the account has \d+(\.\d+)? KB left, and the new and changed files have 19[59] KB\n/,
  )
  // What was stored before can be restored, and with room the next run goes on.
  const status = await coalmine('restore', 'mf://C', 'back')
  expect(status.code, said(status)).toBe(0)
  expect(readdirSync(join(folder, 'back')).sort()).toEqual(['large', 'small', 'zeros'])
  emulator.changeAccount({ baseStorage: 10_000_000 })
  const again = await coalmine('incremental', 'source', 'mf://C', '--no-compression')
  expect([again.code, again.out.includes('may not fit')], said(again)).toEqual([0, false])
})

it('a folder that others can see is told at each run, and made private by the next backup; --mf-purge is taken', async () => {
  const { env, emulator, folder, mf } = await mediaFireWorld()
  const coalmine = async (...args: string[]) => {
    const outcome = await runShared(folder, args, { env })
    expect(outcome.code, said(outcome)).toBe(0)
    return outcome.out
  }
  mkdirSync(join(folder, 'source'))
  const full = ['full', 'source', 'mf://B', '--no-encryption']
  expect(await coalmine(...full)).not.toContain('folder is')
  expect((await mf(['publish', '/B'])).code).toBe(0)
  const seen = 'mf://B: the folder is public: whoever has its address sees what is in it\n'
  expect(await coalmine('collection-status', 'mf://B')).toContain(seen)
  expect(await coalmine('list-current-files', 'mf://B')).toContain(seen)
  expect(await coalmine(...full)).toContain('mf://B: the folder was public, and has been made private\n')
  expect(emulator.account().folders[0]!.privacy).toBe('private')
  expect(await coalmine('collection-status', 'mf://B')).not.toContain('folder is')
  for (const [field, words] of [
    ['shared', 'the folder is shared: others can see what is in it'],
    ['dropbox_enabled', 'strangers may put files into the folder: its filedrop is on'],
  ] as const) {
    const set = { [`folder_info.${field}`]: 'yes' }
    emulator.faults.add({ call: 'folder/get_info', fault: { kind: 'patch', set } })
    expect(await coalmine('collection-status', 'mf://B')).toContain(`mf://B: ${words}\n`)
    emulator.faults.clear()
  }
  await coalmine('remove-all-but-n-full', '1', '--force', '--mf-purge', 'mf://B')
  expect([emulator.account().files.length, emulator.account().trash]).toEqual([3, []])
})

/** Names and bytes of every file below a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${path}\n${textOf(path)}`)
}

function textOf(path: string): string {
  return readFileSync(path, 'latin1')
}
