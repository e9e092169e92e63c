import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { createTreeWriter, openTree, ownerNames } from '@coalmine/filetree'
import { createRandom, diffTrees, type Random, snapshotTree, tempDir } from '@coalmine/fixtures'
import { openRepository } from '@coalmine/repository'
import { restore, type RestoreSummary } from '@coalmine/restorer'
import { createMemoryStorage, type MemoryObject, passThrough } from '@coalmine/storage'
import { gzipEnvelope, setsForTime } from '@coalmine/volume-format'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Chain, makeChain, openerFor, secondsOf } from './grid/chain.ts'

// Targets that an unfinished restore could have left, and some that somebody has been at since. Judge: the same restored into an
// empty folder; for that the trees that were backed up.

const long = Boolean(process.env['COALMINE_LONG'])

let chain: Chain
let folder = ''
const wholes = new Map<string, string>()

beforeAll(async () => {
  chain = await makeChain('gzip')
  folder = await tempDir('continued')
  for (const set of [0, 2]) {
    for (const path of ['', 'd']) {
      const target = join(folder, `whole ${set} ${path}`)
      await restored(target, set, { path: path as RawPath })
      wholes.set(`${set} ${path}`, target)
      for (const [name, content] of chain.trees[set]!) {
        if (!name.startsWith(path) || name === path || ['directory', 'symlink'].includes(content)) continue
        const relative = path === '' ? name : name.slice(path.length + 1)
        expect(readFileSync(join(target, relative), 'latin1') === content, name).toBe(true)
      }
    }
  }
})

interface How {
  readonly path?: RawPath
  readonly goesOn?: boolean
  readonly objects?: ReadonlyMap<string, Buffer>
}

async function restored(
  target: string,
  set: number,
  { path = '' as RawPath, goesOn = false, objects = chain.objects }: How = {},
): Promise<{ summary: RestoreSummary; volumes: string[] }> {
  const volumes: string[] = []
  const stored = new Map<string, MemoryObject>([...objects].map(([key, bytes]) => [key, { bytes, modifiedMs: 0 }]))
  const memory = createMemoryStorage({ objects: stored })
  const storage = passThrough(memory, {
    get(key, options) {
      if (key.includes('.vol')) volumes.push(key)
      return memory.get(key, options)
    },
  })
  const repository = openRepository({ storage, envelope: gzipEnvelope({}), openerFor, tempDir: folder })
  const writer = createTreeWriter(Buffer.from(target), {
    ownership: 'by-name',
    overwrite: goesOn,
    onProblem: (problem) => {
      throw new Error(`${problem.path}: ${problem.message}`)
    },
  })
  const standing = goesOn
    ? { tree: await openTree(Buffer.from(target), { worker: false }), owners: ownerNames() }
    : undefined
  try {
    const { sets } = setsForTime(await repository.collect(), secondsOf(set))!
    return { summary: await restore({ repository, sets, path, writer, standing }), volumes }
  } finally {
    await standing?.tree.close()
    writer.close()
    repository.close()
  }
}

async function differences(set: number, path: string, target: string): Promise<string[]> {
  const [expected, found] = await Promise.all([snapshotTree(wholes.get(`${set} ${path}`)!), snapshotTree(target)])
  for (const name of found.keys()) if (name.startsWith('of somebody')) found.delete(name)
  return diffTrees(expected, found, { ignore: ['symlink-times'] })
}

type Harm = (path: string, random: Random) => void

/** Changes a file as somebody could who wants it to pass for what it was. */
const harms: readonly [Harm, ...Harm[]] = [
  (path) => rmSync(path, { recursive: true }),
  (path, random) => {
    keepingTimes(path, () => {
      const bytes = readFileSync(path)
      bytes[random.integer(0, bytes.length - 1)]! ^= 1
      writeFileSync(path, bytes)
    })
  },
  (path, random) => keepingTimes(path, () => truncateSync(path, random.integer(0, statSync(path).size - 1))),
  (path) => keepingTimes(path, () => writeFileSync(path, 'x', { flag: 'a' })),
  (path) => chmodSync(path, 0o611),
  (path) => utimesSync(path, 1_500_000_000, 1_500_000_000),
  (path) => {
    rmSync(path)
    mkdirSync(path)
  },
  (path) => {
    rmSync(path)
    symlinkSync('/etc/hostname', path)
  },
  (path) => {
    const outside = join(folder, 'of somebody')
    rmSync(outside, { force: true })
    writeFileSync(outside, 'somebody')
    rmSync(path)
    linkSync(outside, path)
  },
]

function keepingTimes(path: string, work: () => void): void {
  const { atimeMs, mtimeMs } = statSync(path)
  work()
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000)
}

function filesOf(set: number, path: string): string[] {
  const names = [...chain.trees[set]!].filter(([, content]) => !['directory', 'symlink'].includes(content))
  return names.flatMap(([name]) => {
    if (path === '') return [name]
    return name.startsWith(`${path}/`) ? [name.slice(path.length + 1)] : []
  })
}

describe('a restore that goes on', () => {
  it('fetches no volume when everything is there, and sets times and modes of folders right', async () => {
    for (const [set, path] of [
      [0, ''],
      [2, ''],
      [2, 'd'],
    ] as const) {
      const target = join(folder, `done ${set} ${path}`)
      await restored(target, set, { path: path as RawPath })
      utimesSync(target, 1, 1)
      chmodSync(target, 0o700)
      if (path === '') unlinkSync(join(target, 'link'))
      const { summary, volumes } = await restored(target, set, { path: path as RawPath, goesOn: true })
      expect(volumes).toEqual([])
      const files = filesOf(set, path).length
      expect(summary).toMatchObject({ kept: files, bytes: 0, incomplete: 0 })
      expect(summary.spared).toBeGreaterThan(1)
      expect(await differences(set, path, target)).toEqual([])
    }
  })

  it('writes what is missing or was changed, and nothing else, from the volumes that have it', async () => {
    const random = createRandom('continued')
    let spared = 0
    for (let round = 0; round < (long ? 600 : 40); round++) {
      const [set, path] = [random.pick([0, 2]), random.pick(['', '', 'd'])]
      const target = join(folder, 'target')
      rmSync(target, { recursive: true, force: true })
      await restored(target, set, { path: path as RawPath })
      const files = filesOf(set, path)
      const harmed = files.filter(() => random.integer(0, 2) === 0)
      for (const name of harmed) random.pick(harms)(join(target, name), random)
      const nodes = new Map(files.map((name) => [name, inode(join(target, name))]))
      writeFileSync(join(target, 'of somebody else'), 'kept')
      const { summary, volumes } = await restored(target, set, { path: path as RawPath, goesOn: true })
      const where = `round ${round}: set ${set}, "${path}": ${harmed.join(', ')}`
      expect(await differences(set, path, target), where).toEqual([])
      expect(summary.kept, where).toBe(files.length - harmed.length)
      for (const name of files) {
        if (!harmed.includes(name)) expect(inode(join(target, name)), `${where}: ${name}`).toBe(nodes.get(name))
      }
      expect(readFileSync(join(target, 'of somebody else'), 'utf8')).toBe('kept')
      if (harmed.length === 0) expect(volumes, where).toEqual([])
      spared += summary.spared
    }
    expect(spared).toBeGreaterThan(20)
  })

  it('does not look through a folder that became a link', async () => {
    const target = join(folder, 'linked')
    await restored(target, 2)
    const elsewhere = join(folder, 'elsewhere')
    rmSync(elsewhere, { recursive: true, force: true })
    await restored(elsewhere, 2, { path: 'd' as RawPath })
    rmSync(join(target, 'd'), { recursive: true })
    symlinkSync(elsewhere, join(target, 'd'))
    await restored(target, 2, { goesOn: true })
    expect(await differences(2, '', target)).toEqual([])
    expect(lstatSync(join(target, 'd')).isDirectory()).toBe(true)
  })

  it('writes everything when signatures are missing or damaged', async () => {
    for (const harm of ['missing', 'damaged']) {
      const target = join(folder, harm)
      await restored(target, 2)
      keepingTimes(join(target, 'z'), () => writeFileSync(join(target, 'z'), 'other'))
      const objects = new Map(chain.objects)
      const key = [...objects.keys()].find((one) => one.includes('new-signatures'))!
      if (harm === 'missing') objects.delete(key)
      else objects.set(key, objects.get(key)!.subarray(0, 100))
      const { summary, volumes } = await restored(target, 2, { goesOn: true, objects })
      expect([summary.kept, summary.spared]).toEqual([0, 0])
      expect(volumes.length).toBeGreaterThan(5)
      expect(await differences(2, '', target)).toEqual([])
    }
  })
})

function inode(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino
}
