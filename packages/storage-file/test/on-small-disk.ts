// Runs on a file system of 1 MiB that nobody else sees, fills it, makes it read-only, and says what happened.
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { createFileStorage } from '../src/index.ts'

const [disk = '', spool = join(tmpdir(), 'spool')] = process.argv.slice(2)
const path = join(disk, 'storage')
const storage = createFileStorage({ path })
const bytes = new Uint8Array(600_000).fill(7)
writeFileSync(spool, bytes)
const said: Record<string, unknown> = {}

async function attempt(name: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
    said[name] = 'done'
  } catch (error) {
    const { code, retry, message } = error as { code?: string; retry?: string; message?: string }
    said[name] = { code, retry, message: message?.replace(disk, 'DISK') }
  }
}

await attempt('fits', () => storage.put('fits', fromBytes(bytes)))
await attempt('full', () => storage.put('full', fromBytes(bytes)))
await attempt('copied', async () => storage.put('copied', await fromFile(spool)))
await attempt('replaced', () => storage.put('fits', fromBytes(bytes)))
said['names'] = readdirSync(path)
said['usage'] = await storage.usage!()
await attempt('small', () => storage.put('small', fromBytes(bytes.subarray(0, 1000))))
const [mount, ...readOnly] = ['mount', '-o', 'remount,ro', disk] as const
execFileSync(mount, readOnly)
await attempt('read-only put', () => storage.put('new', fromBytes(bytes.subarray(0, 10))))
await attempt('read-only delete', () => storage.delete('small'))
await attempt('read-only stat', () => storage.stat('small'))
said['names in the end'] = readdirSync(path).sort()
process.stdout.write(JSON.stringify(said))
