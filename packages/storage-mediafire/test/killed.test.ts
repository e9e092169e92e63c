// A process that is killed while it puts a volume, and sessions that end all the time. Judge: the emulator's own count of
// what came, by its request log.
import { spawn } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collect, fromBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { tempDir } from '@coalmine/fixtures'
import { createMediaFire, passwordAuth } from '@coalmine/mediafire'
import { expect, it, onTestFinished } from 'vitest'
import { createMediaFireStorage } from '../src/index.ts'
import { account, bytesOf, emulated } from './emulated.ts'

const mebibytes = 200
const unit = 4_194_304

it(`after kill -9 in the middle of ${mebibytes} MiB a new process goes on: no whole unit is sent again`, async () => {
  const { emulator } = await emulated({ settings: { profile: 'instant' } })
  onTestFinished(() => emulator.stop())
  const path = join(await tempDir('volume'), 'volume')
  const bytes = randomFillSync(Buffer.allocUnsafe(mebibytes * 2 ** 20))
  await writeFile(path, bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const program = fileURLToPath(new URL('put-for-ever.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, program], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      TEST_URL: emulator.url,
      TEST_FILE: path,
      TEST_EMAIL: account.email,
      TEST_PASSWORD: account.password,
    },
  })
  const exited = once(child, 'exit')
  const ready = () => emulator.account().uploads[0]?.unitsReady ?? 0
  while (ready() < 20) {
    expect(child.exitCode).toBe(null)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  child.kill('SIGKILL')
  expect(await exited).toEqual([null, 'SIGKILL'])
  // What is still in the emulator's hands is finished or dropped.
  for (let before = -1; before !== ready();) {
    before = ready()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  const kept = ready()
  expect(kept).toBeLessThan(50)
  const first = emulator.log.calls('upload/resumable').length
  const client = createMediaFire({ baseUrl: emulator.url, auth: passwordAuth(account) })
  const storage = createMediaFireStorage({ client, folder: ['Coalmine', 'Backup'], listLagMs: 0 })
  const stored = await storage.put('volume', await fromFile(path))
  await storage.close()
  expect(stored).toMatchObject({ size: bytes.length, digests: { sha256 } })
  expect(emulator.account().files.map(({ hash }) => hash)).toEqual([sha256])
  const calls = emulator.log.calls('upload/resumable')
  const whole = new Map<string, number>()
  for (const { note, bodyBytes } of calls) if (bodyBytes === unit) whole.set(note, (whole.get(note) ?? 0) + 1)
  expect(whole.size).toBe(50)
  expect([...whole.values()].filter((times) => times > 1)).toEqual([])
  expect(calls.length - first).toBe(50 - kept)
}, 120_000)

it('sessions, action tokens and links that end every few calls let nothing fail', async () => {
  const { emulator, open } = await emulated({ settings: { profile: 'instant', v2MaxCalls: 3 } })
  onTestFinished(() => emulator.stop())
  const storage = open()
  for (let step = 0; step < 12; step++) {
    if (step % 2 === 1) emulator.expireAll()
    const bytes = bytesOf(step === 5 ? 4_300_000 : 1000 + step)
    if (step === 5) emulator.faults.add({ call: 'upload/resumable', fault: { kind: 'expire' }, nth: [2, 3] })
    await storage.put(`volume ${step}`, fromBytes(bytes))
    emulator.expireAll()
    expect(Buffer.compare(await collect(storage.get(`volume ${step}`)), bytes)).toBe(0)
    if (step % 3 === 2) await storage.delete(`volume ${step}`)
  }
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  expect(keys).toHaveLength(8)
  await storage.close()
  expect(emulator.log.calls().filter(({ error }) => error === 105).length).toBeGreaterThan(5)
})
