import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collect } from '@coalmine/bytes'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { expect, it } from 'vitest'
import { createFileStorage } from '../src/index.ts'

const program = fileURLToPath(new URL('put-for-ever.ts', import.meta.url))

// Judge: the kernel's SIGKILL, at moments that chance decides.
it('put() that is killed leaves the old object or the new one, whole', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = createRandom(seed)
  const path = join(await tempDir('kill'), 'storage')
  for (const how of ['durable', 'fast', 'fast', 'durable']) {
    const child = spawn(process.execPath, [...process.execArgv, program, path, how], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let said = ''
    child.stdout.on('data', (text: Buffer) => (said += text.toString()))
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, random.integer(1, 60)))
    child.kill('SIGKILL')
    await exited
    const what = `seed ${seed}, ${how}`
    const storage = createFileStorage({ path })
    const bytes = Buffer.from(await collect(storage.get('k')))
    expect(bytes.length, what).toBe(2_000_000)
    const word = bytes.subarray(0, 8)
    expect(bytes.equals(Buffer.alloc(2_000_000, word)), what).toBe(true)
    expect(Number(word.toString()), what).toBeGreaterThanOrEqual(Number(said.trim().split('\n').at(-1)))
    const keys: string[] = []
    for await (const { key } of storage.list()) keys.push(key)
    expect(keys, what).toEqual(['k'])
    const others = readdirSync(path).filter((name) => name !== 'k')
    expect(
      others.every((name) => name.startsWith('.coalmine-tmp-')),
      what,
    ).toBe(true)
  }
})
