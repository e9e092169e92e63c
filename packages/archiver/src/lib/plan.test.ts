import { comparePaths, isBelow, type RawPath } from '@coalmine/bytes'
import type { Owners, TreeBatch, TreeEntry, TreeProblem } from '@coalmine/filetree'
import type { SigTarEntry } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planFull, planIncrement, type StepBatch } from './plan.ts'

// Judge: a model that holds both sides in maps and knows nothing of order or batches.

const nobody: Pick<Owners, 'uid' | 'gid'> = { uid: () => undefined, gid: () => undefined }
const raw = (path: string) => path as RawPath

interface Thing {
  readonly path: string
  readonly kind: TreeEntry['kind']
  readonly mode: number
  readonly time: number
}

function entryOf({ path, kind, mode, time }: Thing): TreeEntry {
  return {
    path: raw(path),
    kind,
    mode,
    uid: 1,
    gid: 1,
    size: 10,
    mtimeSeconds: time,
    mtimeNanos: 5,
    ctimeMs: 0,
    inode: 1,
    device: 1,
    devMajor: 0,
    devMinor: 0,
    linkTarget: kind === 'symlink' ? raw(`to ${time}`) : undefined,
  }
}

function archivedOf({ path, kind, mode, time }: Thing): SigTarEntry {
  return {
    action: kind === 'file' ? 'signature' : 'snapshot',
    path: raw(path),
    meta: {
      path: raw(path),
      kind: kind as Exclude<Thing['kind'], 'socket'>,
      mode,
      uid: 1,
      gid: 1,
      mtimeSeconds: time,
      userName: '',
      groupName: '',
      linkTarget: kind === 'symlink' ? raw(`to ${time}`) : undefined,
      devMajor: 0,
      devMinor: 0,
    },
  }
}

async function planned(plan: AsyncIterable<StepBatch>) {
  const steps: string[] = []
  const problems: TreeProblem[] = []
  let most = 0
  for await (const batch of plan) {
    most = Math.max(most, batch.steps.length)
    problems.push(...batch.problems)
    for (const step of batch.steps) steps.push(`${step.step} ${(step.step === 'gone' ? step.old : step.entry).path}`)
  }
  return { steps, problems, most }
}

function inBatches<T>(all: readonly T[], sizes: readonly number[]): T[][] {
  const batches: T[][] = []
  for (let at = 0, turn = 0; at < all.length; turn++) {
    const size = sizes[turn % sizes.length]!
    batches.push(all.slice(at, at + size))
    at += size
  }
  return batches
}

async function* given<T>(all: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* all
}

const sorted = <T extends { readonly path: string }>(all: readonly T[]): T[] =>
  all.toSorted((a, b) => comparePaths(raw(a.path), raw(b.path)))

const component = fc.constantFrom('a', 'b', 'a.b', 'c', '\xff', '-')
const path = fc.array(component, { maxLength: 3 }).map((parts) => parts.join('/'))
const kinds = ['file', 'directory', 'symlink', 'fifo', 'character-device', 'socket'] as const
const thing = (all: readonly Thing['kind'][]) =>
  fc.record({
    path,
    kind: fc.constantFrom(...all),
    mode: fc.constantFrom(0o644, 0o755),
    time: fc.constantFrom(-3, 0, 100, 200),
  })
const things = (all: readonly Thing['kind'][]) =>
  fc.uniqueArray(thing(all), { selector: (one) => one.path, maxLength: 25 }).map(sorted)
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 })

/** What an increment has to do, by asking for each path on its own. */
function model(now: readonly Thing[], before: readonly Thing[], lost: readonly string[]): string[] {
  const present = new Map(now.map((one) => [one.path, one]))
  const old = new Map(before.map((one) => [one.path, one]))
  const lines: { path: string; order: number; line: string }[] = []
  for (const one of new Set([...present.keys(), ...old.keys()])) {
    const [is, was] = [present.get(one), old.get(one)]
    const say = (step: string, order = 0) => lines.push({ path: one, order, line: `${step} ${one}` })
    if (is === undefined || is.kind === 'socket') {
      const isLost = lost.some((path) => isBelow(raw(one), raw(path)))
      if (was !== undefined && one !== '' && (is !== undefined || !isLost)) say('gone')
      if (is !== undefined) say('skipped', 1)
      continue
    }
    if (was === undefined) say('new')
    else if (was.kind !== is.kind) say('new')
    else {
      const sameTime = was.time === is.time || (was.time <= 0 && is.time <= 0)
      const same =
        is.kind === 'symlink'
          ? was.time === is.time
          : is.kind === 'character-device'
            ? was.mode === is.mode
            : was.mode === is.mode && sameTime
      say(same ? 'unchanged' : is.kind === 'file' ? 'changed' : 'new')
    }
  }
  return lines.toSorted((a, b) => comparePaths(raw(a.path), raw(b.path)) || a.order - b.order).map(({ line }) => line)
}

describe('planIncrement()', () => {
  it('says of each path what a model says of it, whatever the batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        things(kinds),
        things(kinds.slice(0, -1)),
        fc.uniqueArray(path, { maxLength: 3 }),
        sizes,
        sizes,
        async (now, before, lost, treeSizes, oldSizes) => {
          // What could not be looked at is not in the walk; a folder that could not be listed is, and nothing below it.
          const seen = now.filter(({ path: one, kind }) =>
            lost.every((at) => !isBelow(raw(one), raw(at)) || (one === at && kind === 'directory')),
          )
          const marks = [
            ...seen.map((one) => ({ path: one.path, entry: entryOf(one) })),
            ...lost.map((one) => ({ path: one, entry: undefined })),
          ].toSorted((a, b) => comparePaths(raw(a.path), raw(b.path)))
          const tree = inBatches(marks, treeSizes).map((batch): TreeBatch => ({
            entries: batch.flatMap(({ entry }) => (entry === undefined ? [] : [entry])),
            problems: batch.flatMap(({ path: one, entry }) =>
              entry === undefined ? [{ path: raw(one), operation: 'lstat', code: 'EIO', message: 'no' }] : [],
            ),
          }))
          const olds = inBatches(before.map(archivedOf), oldSizes)
          const plan = planIncrement(given([{ entries: [], problems: [] }, ...tree]), given([[], ...olds]), {
            owners: nobody,
          })
          const { steps, problems } = await planned(plan)
          expect(steps).toEqual(model(seen, before, lost))
          expect(problems.map((one) => one.path)).toEqual(
            sorted(lost.map((one) => ({ path: one }))).map((one) => one.path),
          )
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('hands on in batches also when nothing is left, and lets go of both sides', async () => {
    const before = Array.from({ length: 10_000 }, (_, at) =>
      archivedOf({ path: `f${String(at).padStart(5, '0')}`, kind: 'file', mode: 0o644, time: 1 }),
    )
    const closed: string[] = []
    const watched = async function* <T>(name: string, batches: T[]): AsyncGenerator<T, void, undefined> {
      try {
        yield* batches
      } finally {
        closed.push(name)
      }
    }
    const root = entryOf({ path: '', kind: 'directory', mode: 0o755, time: 1 })
    const last = entryOf({ path: 'z', kind: 'file', mode: 0o644, time: 1 })
    for (const entries of [[root], [root, last]]) {
      const plan = () =>
        planIncrement(watched('tree', [{ entries, problems: [] }]), watched('old', inBatches(before, [700])), {
          owners: nobody,
        })
      const { steps, most } = await planned(plan())
      expect(steps).toHaveLength(10_000 + entries.length)
      expect(most).toBeLessThan(2000)
      expect(closed.splice(0).toSorted()).toEqual(['old', 'tree'])
      for await (const _ of plan()) break
      expect(closed.splice(0).toSorted()).toEqual(['old', 'tree'])
    }
  })

  it('does not remember for ever what could not be looked at', async () => {
    const name = (at: number) => `f${String(at).padStart(6, '0')}`
    const count = 30_000
    const tree = inBatches(
      Array.from({ length: count }, (_, at) => at),
      [1000],
    ).map((batch): TreeBatch => ({
      entries: [],
      problems: batch.map((at) => ({ path: raw(name(at)), operation: 'lstat', code: 'EACCES', message: 'no' })),
    }))
    const before = Array.from({ length: count }, (_, at) =>
      archivedOf({ path: `${name(at)}/x`, kind: 'file', mode: 0o644, time: 1 }),
    )
    const { steps, problems } = await planned(planIncrement(given(tree), given([before]), { owners: nobody }))
    expect([steps, problems.length]).toEqual([[], count])
  })
})

it('planFull() stores everything but sockets', async () => {
  const entries = kinds.map((kind) => entryOf({ path: kind, kind, mode: 0o644, time: 1 }))
  const { steps } = await planned(planFull(given([{ entries, problems: [] }])))
  expect(steps).toEqual(kinds.map((kind) => `${kind === 'socket' ? 'skipped' : 'new'} ${kind}`))
})
