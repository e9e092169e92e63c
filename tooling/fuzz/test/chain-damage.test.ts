import { comparePaths, type RawPath } from '@coalmine/bytes'
import { openRepository, type Repository, RepositoryError } from '@coalmine/repository'
import { checkData, restore, RestoreError } from '@coalmine/restorer'
import { createMemoryStorage, StorageError } from '@coalmine/storage'
import { FormatError, gzipEnvelope, setsForTime } from '@coalmine/volume-format'
import { tempDir } from '@coalmine/fixtures'
import { afterAll, describe, expect, it } from 'vitest'
import type { Form } from './grid/archives.ts'
import { type Chain, makeChain, openerFor, secondsOf } from './grid/chain.ts'
import { noScratch, Recorder } from './grid/recorder.ts'
import { type Case, casesOf, type Harm, harms } from './grid/harm.ts'

// Every object of chains of three sets comes to harm in seven ways. Each time the storage is checked with and without the ledger,
// all data is read, and the newest state is restored, as ever and with what is left. Judge: the trees that were backed up.

const long = Boolean(process.env['COALMINE_LONG'])
const places = long ? 40 : 1
const temporary = tempDir('chain-damage')

/** What came of one case. */
interface Outcome {
  readonly withLedger: boolean
  readonly withoutLedger: boolean
  readonly readData: boolean
  /** `right`, an error's code, `told as incomplete`, `an older state`, `wrong`. */
  readonly restored: string
  /** Of the restore that keeps going: the same. */
  readonly left: string
  /** What it restored. */
  readonly got: ReadonlySet<string>
}

interface Allowed {
  readonly because: string
  readonly when: (form: Form, one: Case, outcome: Outcome) => boolean
}

/** Harm that no check sees. The state is restored as it was all the same, or as it was one set before. */
const unseen: readonly Allowed[] = [
  {
    because:
      'host, root, list of files and ranges of a plain manifest are under no hash; a ledger knows its size alone',
    when: (form, { kind, harm }) => form !== 'passphrase' && kind === 'manifest' && harm === 'flipped',
  },
  {
    because: 'time and system in the header of a gzip file are under no checksum, and zeros may follow',
    when: (form, { kind, harm }) => form === 'gzip' && kind === 'signatures' && harm === 'flipped',
  },
  {
    because: 'padding, and what follows the end of a plain archive, say nothing',
    when: (form, { kind, harm }) => form === 'plain' && kind === 'signatures' && harm === 'flipped',
  },
]

const table = new Map<string, Map<string, number>>()
let count = 0

afterAll(() => console.log(tableText()))

describe('a damaged chain is reported, and nothing wrong is restored in silence', () => {
  for (const form of ['passphrase', 'gzip', 'plain'] as const) {
    it(form, async () => tryAll(await makeChain(form)), 3_600_000)
  }

  it('in at least 500 cases, of every kind', () => {
    expect(count).toBeGreaterThan(500)
    const rows = [...table.keys()]
    for (const harm of harms) {
      for (const kind of ['volume', 'signatures', 'manifest']) {
        for (const set of ['first', 'middle', 'last']) expect(rows).toContain(rowOf(harm, kind, set))
      }
    }
  })
})

async function tryAll(chain: Chain): Promise<void> {
  const whole = await tryOne(chain, { objects: chain.objects })
  const fine = { withLedger: false, withoutLedger: false, readData: false, restored: 'right', left: 'right' }
  expect(whole).toMatchObject(fine)
  const wrong: string[] = []
  for (const one of casesOf(chain, places)) {
    const outcome = await tryOne(chain, one)
    count += 1
    note(one, outcome)
    const where = `${chain.form}: ${one.harm} ${one.place}: ${JSON.stringify(outcome)}`
    const isReported = outcome.withLedger || outcome.withoutLedger || outcome.readData
    if (outcome.restored === 'wrong' || outcome.left === 'wrong') wrong.push(`wrong in silence: ${where}`)
    if (!isReported && !unseen.some(({ when }) => when(chain.form, one, outcome))) wrong.push(`unseen: ${where}`)
    // What a check does not see must not matter.
    if (!isReported && outcome.restored !== 'right') wrong.push(`not right: ${where}`)
    for (const path of outlasting(chain, one)) if (!outcome.got.has(path)) wrong.push(`"${path}" is left out: ${where}`)
  }
  expect(wrong).toEqual([])
}

/** What the harm to a volume costs nothing of: all that it does not hold, and what is no file. */
function outlasting({ trees, ranges }: Chain, { kind, harm, key, set }: Case): string[] {
  if (kind !== 'volume' || harm === 'swapped' || harm === 'duplicated') return []
  const [from, to] = ranges.get(key)!
  return [...trees[2]!.keys()].filter((path) => {
    const isTouched = set === 0 || trees[set]!.get(path) !== trees[set - 1]!.get(path)
    const isIn = comparePaths(from, path as RawPath) <= 0 && comparePaths(path as RawPath, to) <= 0
    return !isTouched || !isIn || ['directory', 'symlink'].includes(trees[2]!.get(path)!)
  })
}

async function tryOne(chain: Chain, { objects }: Pick<Case, 'objects'>): Promise<Outcome> {
  const stored = new Map([...objects].map(([key, bytes]) => [key, { bytes, modifiedMs: 0 }]))
  const tempFolder = await temporary
  const open = (archiveDir?: string) =>
    openRepository({
      ...{ storage: createMemoryStorage({ objects: stored }), envelope: gzipEnvelope({}), openerFor, tries: 1 },
      ...{ tempDir: tempFolder, ...(archiveDir === undefined ? {} : { archiveDir }) },
    })
  const within = async <T>(work: (repository: Repository) => Promise<T>, archiveDir?: string): Promise<T> => {
    const repository = open(archiveDir)
    try {
      return await work(repository)
    } finally {
      repository.close()
    }
  }
  const isReported = async (work: () => Promise<boolean>) => work().catch((error: unknown) => orThrow(error) !== '')
  const check = (repository: Repository) => isReported(async () => (await repository.check()).findings.length > 0)
  const withLedger = await within(check, chain.archiveDir)
  // Copies in the archive dir must not hide what is on the storage.
  const readData = await within((repository) => isReported(() => readAll(repository)), chain.archiveDir)
  return within(async (repository) => ({
    withLedger,
    withoutLedger: await check(repository),
    readData,
    restored: (await restored(repository, chain, false)).how,
    ...(await leftOf(repository, chain)),
  }))
}

async function readAll(repository: Repository): Promise<boolean> {
  return (await checkData({ repository, scratch: noScratch, onFinding: () => undefined })).findings > 0
}

async function leftOf(repository: Repository, chain: Chain): Promise<Pick<Outcome, 'left' | 'got'>> {
  const { how, got } = await restored(repository, chain, true)
  return { left: how, got }
}

async function restored(repository: Repository, chain: Chain, keepGoing: boolean) {
  const writer = new Recorder()
  try {
    const chosen = setsForTime(await repository.collect(), 1_800_000_000)
    if (chosen === undefined) return { how: 'nothing to restore', got: new Set<string>() }
    const { incomplete, lost } = await restore({ repository, sets: chosen.sets, writer, keepGoing })
    const truth = chain.trees[chosen.sets.length - 1]!
    const isRight = [...writer.tree].every(([path, content]) => truth.get(path) === content)
    const isWhole = isRight && writer.tree.size === truth.size
    const isNewest = chosen.sets.at(-1)!.endSeconds === secondsOf(2)
    const told = incomplete + lost > 0
    const how =
      !isRight || !(isWhole || told) ? 'wrong' : !isNewest ? 'an older state' : told ? 'told as incomplete' : 'right'
    return { how, got: new Set(writer.tree.keys()) }
  } catch (error) {
    return { how: orThrow(error), got: new Set(writer.tree.keys()) }
  }
}

/** What an error is that a person can be told; any other ends the test. */
function orThrow(error: unknown): string {
  const isOurs = [RepositoryError, RestoreError, StorageError, FormatError].some((one) => error instanceof one)
  if (!isOurs) throw error
  return (error as RepositoryError).code
}

const setNames = ['first', 'middle', 'last'] as const

function rowOf(harm: Harm, kind: string, set: string): string {
  return `${kind.padEnd(10)} ${set.padEnd(6)} ${harm}`
}

function note({ harm, kind, set }: Case, { withLedger, withoutLedger, readData, restored: how, left }: Outcome): void {
  const counts = table.get(rowOf(harm, kind, setNames[set])) ?? new Map<string, number>()
  table.set(rowOf(harm, kind, setNames[set]), counts)
  const add = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
  add('cases')
  if (withLedger) add('by check')
  if (withoutLedger) add('by check without ledger')
  if (readData) add('by --read-data')
  add(`restore: ${how}`)
  add(`keeping going: ${left}`)
}

function tableText(): string {
  const lines = [...table]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([row, counts]) => {
      const [first, ...others] = [...counts]
      return `${row.padEnd(30)} ${first![1]} cases; ${others.map(([what, number]) => `${number} ${what}`).join(', ')}`
    })
  return [
    'What came of harm',
    ...lines,
    `${count} cases`,
    'Not seen by any check:',
    ...unseen.map(({ because }) => because),
  ].join('\n')
}
