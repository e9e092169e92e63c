// The command as a process of its own. Judges: the kernel's SIGKILL, SHA-256, and the exit code.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createRandom, run, tempDir } from '@coalmine/fixtures'
import { expect, it, onTestFinished } from 'vitest'
import { startEmulator } from '../src/index.ts'
import { type Caller, email, items, login, password, sha256, textOf } from './caller.ts'

const program = fileURLToPath(new URL('start.ts', import.meta.url))
const argv = (dataDir: string): string[] => [...process.execArgv, program, '--data-dir', dataDir, '--account', email]
const env = { ...process.env, MEDIAFIRE_EMULATOR_PASSWORD: password }

async function start(dataDir: string, more: string[] = []): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [...argv(dataDir), ...more], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, url: (JSON.parse(line) as { url: string }).url }
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Works on the account until the connection breaks, and notes what was answered. */
async function work(bob: Caller, known: Map<string, string>, turn: number): Promise<void> {
  const { folder_key } = await bob.ok('folder/create', { foldername: `turn ${turn}` })
  for (let n = 0; ; n++) {
    const content = `content ${turn} ${n} ${'x'.repeat(n * 1000)}`
    const key = await bob.put(`f${n}.txt`, content, { folder_key: textOf(folder_key) })
    known.set(key, sha256(content))
    if (n % 4 === 3) {
      const [oldest] = known.keys()
      if (oldest !== undefined) {
        known.delete(oldest)
        await bob.ok('file/purge', { quick_key: oldest })
      }
    }
  }
}

it('killed at random moments, it has all that was answered, and nothing that is half', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = createRandom(seed)
  const dataDir = await tempDir('mfkill')
  const known = new Map<string, string>()
  for (let turn = 0; turn < (process.env['COALMINE_LONG'] ? 40 : 3); turn++) {
    const { child, url } = await start(dataDir, ['--profile', 'instant'])
    const bob = await login({ url })
    const ended = work(bob, known, turn).catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, random.integer(20, 400)))
    await kill(child)
    // The connection breaks, wherever the work is then.
    expect(await ended, `seed ${seed}`).toBeInstanceOf(TypeError)
  }
  const emulator = await startEmulator({ dataDir, accounts: [{ email, password }], settings: { profile: 'instant' } })
  onTestFinished(() => emulator.stop())
  const bob = await login(emulator)
  const { files } = emulator.account()
  for (const [key, hash] of known) expect(files.find((file) => file.key === key)?.hash, `seed ${seed}`).toBe(hash)
  for (const file of files) {
    const content = Buffer.from(await (await bob.get(file.key)).arrayBuffer())
    expect([file.size, file.hash], `seed ${seed}`).toEqual([content.length, sha256(content)])
  }
  const waiting = emulator.account().uploads.filter((upload) => upload.status === 'stored').length
  const stored = readdirSync(join(dataDir, 'files')).flatMap((name) => readdirSync(join(dataDir, 'files', name)))
  expect(stored.length, `seed ${seed}`).toBeLessThanOrEqual(new Set(files.map((file) => file.hash)).size + waiting)
  expect(readdirSync(join(dataDir, 'incoming'))).toEqual([])
})

it('an upload goes on after a kill with the units that were confirmed', async () => {
  const dataDir = await tempDir('mfkill')
  const content = Buffer.alloc(5 * 2 ** 20 + 7, 'abcdefg')
  const hash = sha256(content)
  const check = { filename: 'big.bin', size: String(content.length), hash, resumable: 'yes' }
  const unitSize = 2 ** 20
  const sendUnit = (bob: Caller, unit: number) => {
    const body = content.subarray(unit * unitSize, (unit + 1) * unitSize)
    return bob.ok(
      'upload/resumable',
      {},
      {
        body,
        headers: {
          'x-filesize': String(content.length),
          'x-filehash': hash,
          'x-unit-id': String(unit),
          'x-unit-size': String(body.length),
          'x-unit-hash': sha256(body),
        },
      },
    )
  }
  const first = await start(dataDir)
  const bob = await login(first)
  const { resumable_upload: begun } = await bob.ok('upload/check', check)
  for (const unit of [0, 1, 4]) await sendUnit(bob, unit)
  const cut = sendUnit(bob, 2).catch(() => undefined)
  await kill(first.child)
  await cut
  const second = await start(dataDir)
  await expect(login(second).then((caller) => caller.ok('user/get_info'))).resolves.toMatchObject({ result: 'Success' })
  const again = await login(second)
  expect((await again.call('user/get_info', {})).status).toBe(200)
  const { resumable_upload: now } = await again.ok('upload/check', check)
  expect(now?.['upload_key']).toEqual(begun?.['upload_key'])
  const word = Number(textOf(items(now?.['bitmap']?.['words'])[0]))
  // The unit that was on its way may have arrived or not.
  expect(word & ~(1 << 2)).toBe(0b1_0011)
  for (let unit = 0; unit < 6; unit++) if (!((word >> unit) & 1)) await sendUnit(again, unit)
  for (;;) {
    const { doupload } = await again.ok('upload/poll_upload', { key: textOf(now?.['upload_key']) })
    if (!doupload?.['quickkey']) continue
    const stored = Buffer.from(await (await again.get(textOf(doupload['quickkey']))).arrayBuffer())
    expect(sha256(stored)).toBe(hash)
    return
  }
})

it('one folder belongs to one emulator, until that is gone', async () => {
  const dataDir = await tempDir('mflock')
  const { child } = await start(dataDir)
  const accounts = [{ email, password }]
  await expect(startEmulator({ dataDir, accounts })).rejects.toMatchObject({ code: 'in-use' })
  const second = await run([process.execPath, ...argv(dataDir)], { env })
  expect([second.code, second.stderr.toString()]).toEqual([1, expect.stringContaining('is using it')])
  await kill(child)
  const emulator = await startEmulator({ dataDir, accounts })
  await expect(startEmulator({ dataDir, accounts })).rejects.toMatchObject({ code: 'in-use' })
  await emulator.stop()
  expect(existsSync(join(dataDir, 'pid'))).toBe(false)
})

it('ends by SIGTERM with code 0; wrong use ends with code 2 and a sentence', async () => {
  const dataDir = await tempDir('mfcli')
  const { child } = await start(dataDir, ['--tls'])
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await gone).toEqual([0, null])
  expect(readFileSync(join(dataDir, 'certificate.pem'), 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----/)
  const rules = join(dataDir, 'rules.json')
  writeFileSync(rules, '[{"call":"*","fault":{"kind":"melt"}}]')
  const wrong: [string[], RegExp][] = [
    [['--what'], /Unknown option '--what'/],
    [['--faults', rules], /no fault of kind "melt"/],
  ]
  for (const [more, words] of wrong) {
    const { code, stderr } = await run([process.execPath, ...argv(dataDir), ...more], { env })
    expect([code, stderr.toString()]).toEqual([2, expect.stringMatching(words)])
  }
})

it('keeps no password and no token on disk', async () => {
  const dataDir = await tempDir('mfsecret')
  const emulator = await startEmulator({ dataDir, accounts: [{ email, password }], tls: true })
  const bob = await login({ url: `http://127.0.0.1:${emulator.port}` })
  const { action_token } = await bob.ok('user/get_action_token', { type: 'upload' })
  await bob.ok('folder/create', { foldername: 'x' })
  emulator.clock.advance(1000)
  await emulator.stop()
  const all = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')
  expect(all).toContain(email)
  for (const secret of [password, bob.token, textOf(action_token), 'PRIVATE KEY']) expect(all).not.toContain(secret)
})
