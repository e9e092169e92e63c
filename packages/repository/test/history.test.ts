import { comparePaths, concat, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, passThrough } from '@coalmine/storage'
import {
  encodeSigTarMember,
  type EntryMeta,
  formatName,
  gzipEnvelope,
  plainEnvelope,
  type SetTimes,
  sigTarEnd,
} from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { datedSets, openRepository, type Repository } from '../src/index.ts'

// What paths were at each time is computed beside the sets that are written, by maps. Judge: those maps.

/** A state of one path: what tells two of them apart. */
interface One {
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly content: string
  readonly mode: number
}
type Tree = ReadonlyMap<string, One>

const paths = ['a', 'a/b', 'a/b/c', 'a.b', 'b', '\xff']
const one = fc.record<One>({
  kind: fc.constantFrom('file', 'directory', 'symlink'),
  content: fc.constantFrom('one', 'two'),
  mode: fc.constantFrom(0o600, 0o644),
})
const tree = fc
  .dictionary(fc.constantFrom(...paths), one, { noNullPrototype: true })
  .map((entries): Tree => new Map(Object.entries(entries)))
const story = fc.array(fc.record({ tree, isFull: fc.boolean() }), { minLength: 1, maxLength: 5 })

const secondsOf = (set: number) => 1_700_000_000 + set * 1000

function metaOf(path: string, { kind, content, mode }: One): EntryMeta {
  const link = kind === 'symlink' ? { linkTarget: content as RawPath } : {}
  const common = { uid: 1, gid: 1, userName: 'u', groupName: 'g', mtimeSeconds: 1_600_000_000 }
  return { path: path as RawPath, kind, mode: kind === 'symlink' ? 0o777 : mode, ...common, ...link }
}

/** What counts of a state: of a link its target alone, of a folder no content. */
function shown(state: One | undefined): string | undefined {
  if (state === undefined) return undefined
  const { kind, content, mode } = state
  return kind === 'file' ? `file ${content} ${mode}` : kind === 'directory' ? `directory ${mode}` : `symlink ${content}`
}

function sigTar(members: ReadonlyMap<string, One | undefined>): Uint8Array {
  const sorted = [...members].sort(([a], [b]) => comparePaths(a as RawPath, b as RawPath))
  const body = concat(
    sorted.map(([path, state]) => {
      if (state === undefined) return encodeSigTarMember({ action: 'deleted', path: path as RawPath })
      const meta = metaOf(path, state)
      if (meta.kind !== 'file') return encodeSigTarMember({ action: 'snapshot', meta })
      return encodeSigTarMember({ action: 'signature', meta, signature: Buffer.from(`head of sig ${state.content}`) })
    }),
  )
  return concat([body, sigTarEnd(body.length)])
}

async function world(sets: readonly { tree: Tree; isFull: boolean }[]) {
  const memory = createMemoryStorage()
  const put = async (name: string, bytes: Uint8Array) => {
    await memory.put(name, {
      size: bytes.length,
      open: async function* () {
        if (bytes.length > 0) yield bytes
      },
    })
  }
  let previous: Tree = new Map()
  for (const [at, { tree: now, isFull }] of sets.entries()) {
    const times: SetTimes =
      at === 0 || isFull
        ? { type: 'full', timeSeconds: secondsOf(at) }
        : { type: 'inc', startSeconds: secondsOf(at - 1), endSeconds: secondsOf(at) }
    const members = new Map<string, One | undefined>()
    for (const path of paths) {
      const [old, state] = [times.type === 'full' ? undefined : previous.get(path), now.get(path)]
      if (shown(old) !== shown(state)) members.set(path, state)
    }
    await put(formatName({ object: 'signatures', set: times, suffix: '' }), sigTar(members))
    await put(formatName({ object: 'volume', set: times, volume: 1, suffix: '' }), Buffer.from('nobody reads this'))
    await put(formatName({ object: 'manifest', set: times, suffix: '' }), Buffer.from('nor this'))
    previous = now
  }
  const gets: string[] = []
  const storage = passThrough(memory, {
    get(key, options) {
      gets.push(key)
      return memory.get(key, options)
    },
  })
  const repository = openRepository({
    storage,
    envelope: gzipEnvelope({}),
    openerFor: () => plainEnvelope(),
    tempDir: await temporary(),
  })
  return { repository, gets, memory }
}

let folder: Promise<string> | undefined
const temporary = () => (folder ??= tempDir('history'))

async function versionsOf(
  repository: Repository,
  isWanted: (path: RawPath) => boolean = () => true,
): Promise<string[]> {
  const lines: string[] = []
  const sets = datedSets(await repository.collect())
  for await (const found of repository.versions(sets, isWanted)) {
    for (const { path, versions } of found) {
      for (const { set, change, aspects } of versions) lines.push(`${path} ${set.seconds} ${change} ${aspects.join()}`)
    }
  }
  return lines
}

function aspects(old: One, now: One): string {
  if (old.kind !== now.kind) return 'kind'
  const isOther = old.content !== now.content
  const list = now.kind === 'file' && isOther ? ['data'] : now.kind === 'symlink' && isOther ? ['link'] : []
  return [...list, ...(now.kind !== 'symlink' && old.mode !== now.mode ? ['mode'] : [])].join()
}

function changeOf(old: One | undefined, now: One | undefined): string | undefined {
  if (shown(old) === shown(now)) return undefined
  if (old === undefined) return 'new '
  return now === undefined ? 'deleted ' : `changed ${aspects(old, now)}`
}

const inOrder = [...paths].sort((a, b) => comparePaths(a as RawPath, b as RawPath))

describe('versions and differences', () => {
  it('are those of the trees, whatever chains they are in, and cost no volume and no manifest', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (sets) => {
        const { repository, gets } = await world(sets)
        try {
          const expected: string[] = []
          for (const path of inOrder) {
            for (const [at, { tree: now }] of sets.entries()) {
              const change = changeOf(sets[at - 1]?.tree.get(path), now.get(path))
              if (change !== undefined) expected.push(`${path} ${secondsOf(at)} ${change}`)
            }
          }
          expect(await versionsOf(repository)).toEqual(expected)
          const all = datedSets(await repository.collect())
          const last = sets.length - 1
          for (const [from, to] of [
            [0, last],
            [last, 0],
            [Math.max(0, last - 1), last],
          ] as const) {
            const state = (at: number) =>
              all.filter(({ chain, seconds }) => chain === all[at]!.chain && seconds <= secondsOf(at))
            const lines: string[] = []
            for await (const found of repository.differences(state(from), state(to))) {
              for (const { path, change, aspects: of } of found) lines.push(`${path} ${change} ${of.join()}`)
            }
            const changes = inOrder.map((path) => [
              path,
              changeOf(sets[from]!.tree.get(path), sets[to]!.tree.get(path)),
            ])
            expect(lines).toEqual(changes.filter(([, change]) => change !== undefined).map((two) => two.join(' ')))
          }
          expect(gets.filter((key) => !key.includes('signatures'))).toEqual([])
        } finally {
          repository.close()
        }
      }),
      { numRuns: 1000 },
    )
  })

  const state = (content: string): One => ({ kind: 'file', content, mode: 0o600 })
  const sets = [
    { tree: new Map([['a', state('one')]]), isFull: true },
    {
      tree: new Map([
        ['a', state('two')],
        ['b', state('one')],
      ]),
      isFull: false,
    },
    { tree: new Map([['b', state('two')]]), isFull: false },
  ]

  it('tell only of what is wanted', async () => {
    const { repository } = await world(sets)
    expect(await versionsOf(repository, (path) => path === 'b')).toEqual([
      `b ${secondsOf(1)} new `,
      `b ${secondsOf(2)} changed data`,
    ])
    repository.close()
  })

  it('take a set without signatures for one without changes, and say nothing of a full one', async () => {
    const { repository, memory } = await world(sets)
    await memory.delete(
      formatName({ object: 'signatures', set: { type: 'full', timeSeconds: secondsOf(0) }, suffix: '' }),
    )
    expect(await versionsOf(repository)).toEqual([
      `a ${secondsOf(1)} new `,
      `a ${secondsOf(2)} deleted `,
      `b ${secondsOf(1)} new `,
      `b ${secondsOf(2)} changed data`,
    ])
    repository.close()
  })

  it('end with an error that names a damaged file', async () => {
    const { repository, memory } = await world(sets)
    const name = formatName({ object: 'signatures', set: { type: 'full', timeSeconds: secondsOf(0) }, suffix: '' })
    const bytes = Buffer.alloc(1024, 1)
    await memory.put(name, {
      size: 1024,
      open: async function* () {
        yield bytes
      },
    })
    await expect(versionsOf(repository)).rejects.toMatchObject({
      name: 'RepositoryError',
      message: expect.stringContaining(name),
    })
    repository.close()
  })
})
