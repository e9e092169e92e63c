import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RawPath } from '@coalmine/bytes'
import { diffTrees, itWith, run, type Snapshot, snapshotTree, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { entry } from '../../test/trees.ts'
import { openTreeWriter, type OpenTreeWriterOptions } from './threaded-writer.ts'
import { createTreeWriter } from './tree-writer.ts'
import type { AsyncTreeWriter, WriteProblem } from './write-entry.ts'

let folder: string
let target: string
let problems: WriteProblem[]

beforeEach(async () => {
  folder = await tempDir('threaded-writer')
  target = join(folder, 'target')
  problems = []
})

const open = (options: Partial<OpenTreeWriterOptions> = {}): Promise<AsyncTreeWriter> =>
  openTreeWriter(target, { ownership: 'numeric', onProblem: (problem) => problems.push(problem), ...options })

/** A worker that says this much, and no more. */
async function workerOf(code: string): Promise<URL> {
  const path = join(folder, `worker-${Math.random()}.mjs`)
  writeFileSync(path, `import { parentPort } from 'node:worker_threads'\n${code}\n`)
  return pathToFileURL(path)
}

const noise = (bytes: number, seed: number): Buffer => Buffer.alloc(bytes, `${seed} and more`)

/** What a writer is told: names that meet, names that are not safe, contents from nothing to several batches. */
type Told =
  | { make: 'directory' | 'symlink' | 'fifo'; path: string }
  | { make: 'file'; path: string; bytes: number }
  | { make: 'pieces'; path: string; bytes: readonly number[]; end: 'commit' | 'abort' }

const names = fc.constantFrom('a', 'b', 'c', 'd', '\xff', 'a b', '..', '', 'x'.repeat(256))
const path = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const size = fc.oneof(fc.nat(3000), fc.integer({ min: 1_048_570, max: 1_048_580 }), fc.nat(2_200_000))
const told: fc.Arbitrary<Told> = fc.oneof(
  fc.record({ make: fc.constantFrom('directory', 'symlink', 'fifo'), path }),
  fc.record({ make: fc.constant('file'), path, bytes: size }),
  fc.record({
    make: fc.constant('pieces'),
    path,
    bytes: fc.array(size, { maxLength: 4 }),
    end: fc.constantFrom('commit', 'abort'),
  }),
)

async function tell(writer: AsyncTreeWriter, steps: readonly Told[]): Promise<void> {
  writer.directory(entry('', 'directory', { mode: 0o750 }))
  for (const [at, step] of steps.entries()) {
    const facts = { mode: 0o640 + (at % 8), mtimeSeconds: 1_000_000 + at }
    if (step.make === 'file') writer.file(entry(step.path, 'file', facts), noise(step.bytes, at))
    else if (step.make === 'pieces') {
      const sink = writer.openFile(entry(step.path, 'file', facts))
      for (const bytes of step.bytes) sink.write(noise(bytes, at))
      sink[step.end]()
    } else {
      writer[step.make](entry(step.path, step.make, { ...facts, linkTarget: `to ${at}` as RawPath }))
    }
    await writer.ready?.()
  }
  await writer.finish()
}

/** Folders that no entry was given for have the time at which they were made: that is not compared. */
async function written(root: string): Promise<Snapshot> {
  // A file in the place of the target that was aborted has taken it away.
  if (!existsSync(root)) return new Map()
  const all = await snapshotTree(root)
  for (const [path, found] of all) {
    if (found.mtimeSeconds > 2_000_000) all.set(path, { ...found, mtimeSeconds: 0, mtimeNanos: 0 })
  }
  return all
}

describe('openTreeWriter()', () => {
  // Judge: the same steps with every call made in place.
  it('writes what createTreeWriter() writes, and tells the same problems', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(told, { maxLength: 12 }), fc.boolean(), async (steps, overwrite) => {
        const [here, there] = [await tempDir('here'), await tempDir('there')]
        const found: { inPlace: WriteProblem[]; threaded: WriteProblem[] } = { inPlace: [], threaded: [] }
        const options = { ownership: 'numeric', overwrite } as const
        const onProblem = (to: WriteProblem[]) => (problem: WriteProblem) => to.push(problem)
        await tell(createTreeWriter(here, { ...options, onProblem: onProblem(found.inPlace) }), steps)
        await tell(await openTreeWriter(there, { ...options, onProblem: onProblem(found.threaded) }), steps)
        expect(found.threaded).toEqual(found.inPlace)
        expect(diffTrees(await written(here), await written(there), { ignore: [] })).toEqual([])
      }),
      { numRuns: process.env['COALMINE_LONG'] === undefined ? 8 : 100 },
    )
  })

  it('takes a target that is no text, and one that is a file', async () => {
    const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0x0a])])
    const writer = await openTreeWriter(odd, { ownership: 'none', onProblem: (problem) => problems.push(problem) })
    writer.directory(entry('', 'directory'))
    writer.file(entry('a', 'file'), Buffer.from('A'))
    await writer.finish()
    expect(readFileSync(Buffer.concat([odd, Buffer.from('/a')]), 'utf8')).toBe('A')
    const single = await open()
    single.file(entry('', 'file'), Buffer.from('all'))
    await single.finish()
    expect([readFileSync(target, 'utf8'), problems]).toEqual(['all', []])
  })

  it('lets the caller wait, so that little of what is written is in memory', async () => {
    const writer = await open()
    const piece = Buffer.alloc(1_000_000, 'x')
    let most = 0
    const before = process.memoryUsage().arrayBuffers
    for (let at = 0; at < 300; at++) {
      writer.file(entry(`f${String(at).padStart(3, '0')}`, 'file'), piece)
      await writer.ready?.()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    await writer.finish()
    expect(readdirSync(target)).toHaveLength(300)
    expect(most).toBeLessThan(24_000_000)
  })

  itWith(['mkfifo', 'sh'], 'makes pipes without telling their mode, which would be set by a name', async () => {
    const path = process.env['PATH']
    const real = (await run(['sh', '-c', 'command -v mkfifo'])).stdout.toString().trim()
    const spy = `#!/bin/sh\necho "$@" >> "${folder}/said"\numask >> "${folder}/said"\nexec ${real} "$@"\n`
    writeFileSync(join(folder, 'mkfifo'), spy, { mode: 0o755 })
    process.env['PATH'] = `${folder}:${path}`
    try {
      const writer = await open()
      writer.fifo(entry('p', 'fifo', { mode: 0o664 }))
      await writer.finish()
    } finally {
      process.env['PATH'] = path
    }
    const [argv, mask] = readFileSync(join(folder, 'said'), 'utf8').trim().split('\n')
    expect(argv).toMatch(/^-- \.coalmine-/)
    expect(Number.parseInt(mask!, 8)).toBe(process.platform === 'linux' ? 0o177 : 0o113)
    expect([statSync(join(target, 'p')).isFIFO(), statSync(join(target, 'p')).mode & 0o777]).toEqual([true, 0o664])
  })

  it('has scratch files at hand at once, whoever makes the target first', async () => {
    for (let round = 0; round < 20; round++) {
      const place = join(folder, `round-${round}`)
      const writer = await openTreeWriter(place, { ownership: 'none', onProblem: (problem) => problems.push(problem) })
      writer.directory(entry('', 'directory', { mode: 0o700 }))
      writer.file(entry('a', 'file'), Buffer.from('A'))
      await writer.ready?.()
      const scratch = writer.scratch('b' as RawPath)
      scratch.write(Buffer.from('between'))
      const back = Buffer.alloc(7)
      expect([scratch.read(back, 0), back.toString()]).toEqual([7, 'between'])
      scratch.close()
      await writer.finish()
      expect([readdirSync(place), problems]).toEqual([['a'], []])
    }
  })

  it('refuses what a writer refuses', async () => {
    const writer = await open()
    const sink = writer.openFile(entry('a', 'file'))
    expect(() => writer.file(entry('b', 'file'), Buffer.from('B'))).toThrow('another file is still being written')
    sink.commit()
    expect(() => sink.write(Buffer.from('A'))).toThrow('it was committed or aborted already')
    expect(() => sink.commit()).toThrow('it was committed or aborted already')
    sink.abort()
    await writer.finish()
    expect(() => writer.directory(entry('c', 'directory'))).toThrow('the writer was closed')
    expect(() => writer.scratch('c' as RawPath)).toThrow('the writer was closed')
    await expect(writer.finish()).rejects.toThrow('the writer was closed')
    await writer.close()
    expect(readdirSync(target)).toEqual(['a'])
  })

  it('closed early, leaves no half of a file', async () => {
    const writer = await open()
    writer.file(entry('a', 'file'), Buffer.from('A'))
    const sink = writer.openFile(entry('b', 'file'))
    for (let at = 0; at < 5; at++) sink.write(Buffer.alloc(1_048_576))
    await writer.ready?.()
    await Promise.all([writer.close(), writer.close()])
    expect(readdirSync(target)).toEqual(['a'])
  })
})

describe('openTreeWriter() with trouble', () => {
  itWith(['root'], 'ends with the error of a disk that is full, and takes the half file away', async () => {
    mkdirSync(target)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', target])
    try {
      const inPlace = createTreeWriter(target, { ownership: 'none', onProblem: () => undefined })
      const write = (): void => inPlace.file(entry('x', 'file'), Buffer.alloc(4_000_000))
      expect(write).toThrow(/no space/)
      inPlace.close()
      const writer = await open()
      const fill = async (): Promise<void> => {
        for (let at = 0; at < 100; at++) {
          writer.file(entry(`f${at}`, 'file'), Buffer.alloc(300_000))
          await writer.ready?.()
        }
        await writer.finish()
      }
      const error: unknown = await fill().catch((reason: unknown) => reason)
      expect(error).toMatchObject({ name: 'FileTreeError', code: 'ENOSPC', operation: 'write', path: 'f6' })
      expect((error as Error).message).toBe('Cannot write "f6": no space left on device')
      expect(() => writer.file(entry('z', 'file'), Buffer.from('z'))).toThrow('no space left')
      await writer.close()
      expect(readdirSync(target).sort()).toEqual(['f0', 'f1', 'f2', 'f3', 'f4', 'f5'])
    } finally {
      execFileSync('umount', [target])
    }
  })

  it('is done in place where no worker can be started', async () => {
    for (const worker of [pathToFileURL(join(folder, 'none.mjs')), await workerOf('process.exit()')]) {
      const writer = await open({ worker, overwrite: true })
      writer.file(entry('a', 'file'), Buffer.from('A'))
      await writer.finish()
      expect(readFileSync(join(target, 'a'), 'utf8')).toBe('A')
    }
  })

  it('tells that its worker failed or ended, and does not wait for it', async () => {
    for (const [code, sentence] of [
      [
        `parentPort.postMessage({ type: 'ready' }); parentPort.on('message', () => { throw new Error('lost') })`,
        'failed (lost)',
      ],
      [`parentPort.postMessage({ type: 'ready' }); parentPort.on('message', () => process.exit(3))`, 'ended'],
    ] as const) {
      const writer = await open({ worker: await workerOf(code) })
      writer.file(entry('a', 'file'), Buffer.from('A'))
      await expect(writer.finish()).rejects.toThrow(`Cannot write the tree: its worker ${sentence}`)
      expect(() => writer.file(entry('b', 'file'), Buffer.from('B'))).toThrow('the writer was closed')
      await writer.close()
    }
  })

  it('keeps no process alive that is done with everything else', async () => {
    const url = new URL('../index.ts', import.meta.url).href
    const program = join(folder, 'program.mjs')
    writeFileSync(
      program,
      `import { openTreeWriter } from ${JSON.stringify(url)}
       const writer = await openTreeWriter(${JSON.stringify(target)}, { ownership: 'none', onProblem() {} })
       writer.directory({ path: '', kind: 'directory', mode: 0o700, uid: 0, gid: 0, mtimeSeconds: 1, userName: '', groupName: '' })`,
    )
    const { code } = await run([process.execPath, ...process.execArgv, program], { timeoutMs: 30_000 })
    expect(code).toBe(0)
  })

  it('lets symlinks of the archive lead nowhere', async () => {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    const writer = await open()
    writer.directory(entry('', 'directory'))
    writer.symlink(entry('link', 'symlink', { linkTarget: '../outside' as RawPath }))
    writer.file(entry('link/evil', 'file'), Buffer.from('evil'))
    writer.file(entry('../evil', 'file'), Buffer.from('evil'))
    await writer.finish()
    expect([readdirSync(outside), readdirSync(folder).sort()]).toEqual([[], ['outside', 'target']])
    expect(lstatSync(join(target, 'link')).isSymbolicLink()).toBe(true)
    expect(problems).toHaveLength(2)
  })
})
