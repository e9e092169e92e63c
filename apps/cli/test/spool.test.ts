import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRandom, itWith } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { program, said, world } from './coalmine.ts'

const slow = fileURLToPath(new URL('slow-storage.mjs', import.meta.url))
const mebibyte = 1 << 20

/** A source, a storage, and a folder for temporary files that nothing else uses. */
async function place(content: Uint8Array) {
  const made = await world()
  const source = join(made.folder, 'source')
  const temp = join(made.folder, 'temp')
  for (const path of [source, temp]) mkdirSync(path)
  writeFileSync(join(source, 'file'), content)
  return { ...made, source, temp, storage: join(made.folder, 'storage') }
}

type Place = Awaited<ReturnType<typeof place>>

interface Sample {
  /** By path: what lies in the spool, and what the process has open of files without a name. */
  readonly files: Map<string, { bytes: number; mode: number; content: Buffer }>
  readonly folders: { path: string; mode: number }[]
}

/** Runs the program with a slow storage and looks into its temporary folder again and again. */
async function watched(
  { folder, temp }: Place,
  args: readonly string[],
  options: { look: (sample: Sample, kill: (signal: NodeJS.Signals) => void) => void; before?: string; ms?: number },
) {
  const argv = [process.execPath, '--import', slow, program, ...args, '--tempdir', temp]
  // The shell is replaced by the program: signals reach it.
  const child = spawn('sh', ['-c', `${options.before ?? ':'}; exec "$@"`, 'sh', ...argv], {
    cwd: folder,
    env: {
      PATH: process.env['PATH']!,
      HOME: folder,
      XDG_CACHE_HOME: join(folder, 'cache'),
      PASSPHRASE: 'test',
      SLOW_MS: String(options.ms ?? 100),
    },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  let samples = 0
  while (child.exitCode === null && child.signalCode === null) {
    const sample = look(temp, child.pid!)
    if (sample.folders.length > 0) samples += 1
    options.look(sample, (signal) => child.kill(signal))
    await sleep(4)
  }
  const [code, signal] = await closed
  return { code, signal, out, err, samples }
}

function look(temp: string, pid: number): Sample {
  const sample: Sample = { files: new Map(), folders: [] }
  for (const name of namesIn(temp)) {
    const path = join(temp, name)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) continue
    if (stats.isDirectory()) sample.folders.push({ path, mode: stats.mode & 0o7777 })
    else add(sample, path, path)
    for (const inner of stats.isDirectory() ? namesIn(path) : []) add(sample, join(path, inner), join(path, inner))
  }
  for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
    const link = `/proc/${pid}/fd/${descriptor}`
    try {
      const target = readlinkSync(link)
      if (target.endsWith(' (deleted)')) add(sample, target, link)
    } catch {
      // Closed meanwhile.
    }
  }
  return sample
}

function add(sample: Sample, name: string, path: string): void {
  try {
    const { size, mode } = statSync(path)
    sample.files.set(name, { bytes: size, mode: mode & 0o7777, content: readFileSync(path) })
  } catch {
    // Gone meanwhile.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const spoolOf = (sample: Sample, temp: string) => [...sample.files].filter(([name]) => name.startsWith(`${temp}/`))

describe('the spool', () => {
  it('holds the volumes that are on their way, one that is made, and the signatures; while reading, two', async () => {
    const made = await place(createRandom('spool').bytes(14 * mebibyte))
    const { source, url, temp, target } = made
    const most = { files: 0, bytes: 0 }
    const take = (sample: Sample) => {
      const files = spoolOf(sample, temp)
      most.files = Math.max(most.files, files.length)
      most.bytes = Math.max(
        most.bytes,
        files.reduce((sum, [, { bytes }]) => sum + bytes, 0),
      )
    }
    const options = ['--volsize', '1', '--concurrency', '2']
    const backup = await watched(made, ['full', ...options, source, url], { look: take })
    expect(backup.code, backup.out + backup.err).toBe(0)
    expect(backup.samples).toBeGreaterThan(20)
    // Two are put, one is made; the signatures, of 512 bytes in all a block, grow beside them.
    expect(most.files).toBe(4)
    expect(most.bytes).toBeGreaterThan(2 * mebibyte)
    expect(most.bytes).toBeLessThanOrEqual(3.3 * mebibyte)
    expect(readdirSync(temp)).toEqual([])

    Object.assign(most, { files: 0, bytes: 0 })
    const restore = await watched(made, ['restore', url, target], { look: take, ms: 20 })
    expect(restore.code, restore.out + restore.err).toBe(0)
    expect(restore.samples).toBeGreaterThan(20)
    expect(most.files).toBe(2)
    expect(most.bytes).toBeLessThanOrEqual(2 * mebibyte)
    expect(readdirSync(temp)).toEqual([])
  })

  it('is for its owner alone, whatever the umask is', async () => {
    const made = await place(createRandom('umask').bytes(3 * mebibyte))
    const modes = new Set<string>()
    const take = ({ files, folders }: Sample) => {
      for (const { mode } of folders) modes.add(`folder ${mode.toString(8)}`)
      for (const { mode } of files.values()) modes.add(`file ${mode.toString(8)}`)
    }
    const { source, url, target } = made
    for (const args of [
      ['full', '--volsize', '1', source, url],
      ['restore', url, target],
    ]) {
      modes.clear()
      const { code, out, err } = await watched(made, args, { look: take, before: 'umask 0', ms: 30 })
      expect(code, out + err).toBe(0)
      expect([...modes].sort()).toEqual(['file 600', 'folder 700'])
    }
  })

  it('goes away with every end that can be seen coming, and with the next run after the others', async () => {
    const made = await place(createRandom('ends').bytes(5 * mebibyte))
    const { source, url, temp, target, storage } = made
    const full = ['full', '--volsize', '1', source, url]
    const written = await made.run(full)
    expect(written.code, said(written)).toBe(0)
    const objects = readdirSync(storage)
    const restore = ['restore', '--force', url, target]
    for (const [args, signal, code, times] of [
      [full, 'SIGINT', 4, 1],
      [full, 'SIGTERM', 143, 2],
      [full, 'SIGHUP', 129, 1],
      [restore, 'SIGINT', 4, 2],
      [restore, 'SIGTERM', 143, 1],
    ] as const) {
      let sent = 0
      const ended = await watched(made, args, {
        ms: 150,
        look(sample, kill) {
          // In the middle of a volume; for the second time while the first end is under way.
          if (spoolOf(sample, temp).length < 2 || sent >= times) return
          kill(signal)
          sent += 1
        },
      })
      const at = `${args[0]} ${signal} ${times}: ${ended.out} ${ended.err}`
      expect(sent, at).toBeGreaterThan(0)
      expect([ended.code, ended.signal], at).toEqual([code, null])
      expect(readdirSync(temp), at).toEqual([])
    }
    for (const args of [full, restore]) {
      const killed = await watched(made, args, {
        ms: 150,
        look(sample, kill) {
          if (spoolOf(sample, temp).length < 2) return
          kill('SIGKILL')
        },
      })
      expect(killed.signal).toBe('SIGKILL')
      const left = readdirSync(temp)
      expect(left).toHaveLength(1)
      expect(readdirSync(join(temp, left[0]!)).length).toBeGreaterThan(0)
      // Things of others that look like it stay where they are.
      const others = join(made.folder, 'others')
      mkdirSync(others, { recursive: true })
      writeFileSync(join(others, '0123456789abcdef'), 'theirs')
      const link = join(temp, `${left[0]!.slice(0, -1)}${left[0]!.endsWith('0') ? '1' : '0'}`)
      symlinkSync(others, link)
      const next = await made.run(['restore', '--force', url, `${target}-next`, '--tempdir', temp])
      expect(next.code, said(next)).toBe(0)
      expect(readdirSync(temp)).toEqual([link.slice(temp.length + 1)])
      expect(readdirSync(others)).toEqual(['0123456789abcdef'])
      execFileSync('rm', [link])
    }
    // Ended twice, a set may stay in part; never a manifest of it.
    expect(readdirSync(storage).filter((name) => name.includes('manifest'))).toHaveLength(1)
    expect(objects.every((name) => existsSync(join(storage, name)))).toBe(true)
  })

  it('never holds what is backed up in clear', async () => {
    const marker = Buffer.from('THIS-IS-PLAINTEXT-OF-THE-SOURCE;')
    const content = Buffer.alloc(8 * mebibyte)
    for (let at = 0; at < content.length; at += 64) {
      marker.copy(content, at)
      content.writeUInt32LE(Math.imul(at + 1, 0x9e3779b1) >>> 0, at + 40)
    }
    const seen = new Set<string>()
    let held = 0
    const take = (sample: Sample) => {
      for (const [name, file] of sample.files) {
        held += 1
        if (file.content.includes(marker)) seen.add(name.replace(/[0-9a-f]{16}/g, 'X').replace(/-[0-9a-z]+-X/g, '-X'))
      }
    }
    const made = await place(content)
    const { source, url, target } = made
    const backup = await watched(made, ['full', '--volsize', '1', source, url], { look: take, ms: 30 })
    expect(backup.code, backup.out + backup.err).toBe(0)
    const restore = await watched(made, ['restore', url, target], { look: take, ms: 10 })
    expect(restore.code, restore.out + restore.err).toBe(0)
    expect(held).toBeGreaterThan(20)
    expect([...seen]).toEqual([])

    // That the marker would have been found: without encryption the volumes are plain, and lie there so.
    const plain = ['--no-encryption', '--no-compression', '--volsize', '1', source, `${url}-plain`]
    await watched(made, ['full', ...plain], { look: take, ms: 30 })
    expect(seen.size).toBeGreaterThan(0)
  })
})

describe('room for the spool', () => {
  itWith(['root', 'mount'], 'is looked for before a backup begins', async () => {
    const made = await place(createRandom('room').bytes(100_000))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', made.temp])
    try {
      const args = (mebibytes: number) => [
        'full',
        made.source,
        made.url,
        '--tempdir',
        made.temp,
        '--volsize',
        String(mebibytes),
      ]
      const refused = await made.run(args(2))
      expect(refused.code, said(refused)).toBe(34)
      expect(refused.err).toMatch(
        /^Cannot keep volumes on their way in ".*\/temp\/coalmine-spool-.*": 4823450 bytes are needed there and 4194304 are free\n$/,
      )
      expect(namesIn(made.storage)).toEqual([])
      expect(readdirSync(made.temp)).toEqual([])
      const fewer = await made.run(args(1))
      expect(fewer.code, said(fewer)).toBe(0)
      expect(fewer.out).toMatch(/has room for few volumes: 2 instead of 4 at a time/)
      // What is fetched has to find room as well.
      writeFileSync(join(made.temp, 'full'), Buffer.alloc(4 * mebibyte - 4096))
      const restore = await made.run(['restore', made.url, made.target, '--tempdir', made.temp])
      expect(restore.code, said(restore)).toBe(34)
      expect(existsSync(made.target)).toBe(false)
      expect(readdirSync(made.temp)).toEqual(['full'])
    } finally {
      execFileSync('umount', [made.temp])
    }
  })
})
