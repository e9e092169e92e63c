import { spawn } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect, it } from 'vitest'
import { duplicityEnv } from '../src/index.ts'
import { long } from './turns.ts'

// The command as it is installed, with the flags it starts Node with.
const program = fileURLToPath(new URL('../../../apps/cli/bin/coalmine', import.meta.url))
const limitMegabytes = 200
const bigBytes = long ? 2 ** 31 : 2 ** 27
const folders = long ? 5000 : 100
const filesEach = 200

interface Peak {
  readonly code: number | null
  readonly megabytes: number
  readonly said: string
}

/** Runs the command; its peak of resident memory is what the kernel says (VmHWM), asked from outside. */
async function peakOf(args: readonly string[], home: string, env: Record<string, string> = {}): Promise<Peak> {
  const child = spawn(program, args, { cwd: home, env: duplicityEnv(home, { PASSPHRASE: 'x', ...env }) })
  let said = ''
  let kilobytes = 0
  child.stdout.resume()
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const look = () => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      kilobytes = Math.max(kilobytes, Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0))
    } catch {
      // Ended between two looks.
    }
  }
  const timer = setInterval(look, 10)
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearInterval(timer)
  return { code, megabytes: Math.round(kilobytes / 1024), said }
}

let home = ''
const at = (name: string) => join(home, name)

beforeAll(async () => {
  home = await tempDir('memory')
  mkdirSync(at('big'))
  writeBig(join(at('big'), 'file'), bigBytes)
  for (let folder = 0; folder < folders; folder++) {
    const path = join(at('many'), `folder ${folder}`)
    mkdirSync(path, { recursive: true })
    for (let i = 0; i < filesEach; i++) writeFileSync(join(path, `a file of its own ${i}`), `${folder} ${i}\n`)
  }
}, 1_800_000)

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Half of it shrinks: deflate and stored blocks both have their turn. */
function writeBig(path: string, bytes: number): void {
  const file = openSync(path, 'wx')
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  const half = Buffer.alloc(2 ** 19)
  for (let done = 0; done < bytes; done += 2 * half.length) {
    writeSync(file, noise.update(half))
    writeSync(file, half.fill(done / half.length))
  }
  closeSync(file)
}

function count(folder: string): number {
  return readdirSync(folder, { recursive: true }).length
}

// The kernel tells it under /proc.
describe.skipIf(process.platform !== 'linux')('peak of resident memory, asked of the kernel from outside', () => {
  it.each([
    [`a file of ${bigBytes / 2 ** 20} MiB`, 'big'],
    [`${folders * filesEach} small files`, 'many'],
  ])(
    '%s',
    async (_, source) => {
      const url = `file://${at(`${source} storage`)}`
      const target = at(`${source} target`)
      // A small machine's heap.
      const env = { NODE_OPTIONS: '--max-old-space-size=128' }
      const runs = [
        ['full', at(source), url],
        ['list-current-files', url],
        ['restore', url, target],
      ]
      const peaks: Record<string, number> = {}
      for (const args of runs) {
        const { code, megabytes, said } = await peakOf(args, home, env)
        expect(code, said).toBe(0)
        peaks[args[0]!] = megabytes
      }
      process.stderr.write(`peak MB, ${source}: ${JSON.stringify(peaks)}\n`)
      for (const [action, megabytes] of Object.entries(peaks)) {
        expect(megabytes, action).toBeGreaterThan(30)
        expect(megabytes, action).toBeLessThan(limitMegabytes)
      }
      expect(count(target)).toBe(count(at(source)))
      if (source === 'big') expect(await digest(join(target, 'file'))).toBe(await digest(join(at(source), 'file')))
    },
    3_600_000,
  )

  it.skipIf(!long)(
    'a chain of three sets over 100,000 files and one of 512 MiB: what reads all signatures, or all data',
    async () => {
      const source = at('chain')
      const url = `file://${at('chain storage')}`
      const env = { NODE_OPTIONS: '--max-old-space-size=128' }
      mkdirSync(source)
      writeBig(join(source, 'big'), 2 ** 29)
      const peaks: Record<string, number> = {}
      const peakOfRun = async (...args: string[]) => {
        const { code, megabytes, said } = await peakOf(args, home, env)
        expect(code, said).toBe(0)
        peaks[args[0]!] = Math.max(peaks[args[0]!] ?? 0, megabytes)
      }
      for (let set = 0; set < 3; set++) {
        for (let folder = 0; folder < 500; folder++) {
          const path = join(source, `folder ${folder}`)
          mkdirSync(path, { recursive: true })
          for (let i = 0; i < 200; i++) {
            if (set === 0 || i % 10 === set)
              writeFileSync(join(path, `a file of its own ${i}`), `${folder} ${i} ${set}\n`)
          }
        }
        const middle = openSync(join(source, 'big'), 'r+')
        writeSync(middle, Buffer.alloc(2 ** 22, set), 0, 2 ** 22, 2 ** 28)
        closeSync(middle)
        const time = ['--current-time', String(1_700_000_000 + set * 1000)]
        await peakOfRun(set === 0 ? 'full' : 'incremental', '--volsize', '25', ...time, source, url)
      }
      await peakOfRun('incremental', '--dry-run', source, url)
      await peakOfRun('find', '*7', url)
      await peakOfRun('versions', 'folder 7/a file of its own 2', url)
      await peakOfRun('diff', '1700000000', '1700002000', url)
      await peakOfRun('check', '--read-data', url)
      await peakOfRun('verify', '--compare-data', url, source)
      await peakOfRun('restore', url, at('chain target'))
      process.stderr.write(`peak MB, chain: ${JSON.stringify(peaks)}\n`)
      expect(count(at('chain target'))).toBe(count(source))
      expect(await digest(join(at('chain target'), 'big'))).toBe(await digest(join(source, 'big')))
      for (const [action, megabytes] of Object.entries(peaks)) {
        expect(megabytes, action).toBeGreaterThan(30)
        expect(megabytes, action).toBeLessThan(limitMegabytes)
      }
    },
    3_600_000,
  )
})
