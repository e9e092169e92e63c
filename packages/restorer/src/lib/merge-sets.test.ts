import { isBelow, type RawPath } from '@coalmine/bytes'
import type { CheckedVolume } from '@coalmine/repository'
import { type DiffTarMember, encodeDiffTarMember } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyHistory, anyPath, apply, encodeDelta, membersOf, metaOf, type Node, type State } from '../../test/model.ts'
import { mergeSets } from './merge-sets.ts'
import { readParts, SetReader } from './set-reader.ts'

/** The members as a writer cuts them, in chunks of a size, over volumes of a size. */
function volumesOf(members: readonly DiffTarMember[], chunkBytes: number, volumeBytes: number): Buffer[] {
  const volumes: Buffer[][] = [[]]
  let bytes = 0
  for (const member of members.flatMap((one) => chunksOf(one, chunkBytes))) {
    const encoded = Buffer.from(encodeDiffTarMember(member))
    if (bytes > 0 && bytes + encoded.length > volumeBytes) {
      volumes.push([])
      bytes = 0
    }
    volumes.at(-1)!.push(encoded)
    bytes += encoded.length
  }
  return volumes.map((parts) => Buffer.concat(parts))
}

function chunksOf(member: DiffTarMember, chunkBytes: number): DiffTarMember[] {
  if (member.action === 'deleted' || member.data === undefined || member.data.length < chunkBytes) return [member]
  const chunks: DiffTarMember[] = []
  for (let at = 0; at <= member.data.length; at += chunkBytes) {
    chunks.push({ ...member, data: member.data.subarray(at, at + chunkBytes), block: chunks.length + 1 })
  }
  return chunks
}

async function* checked(volumes: readonly Buffer[], pieceBytes: number): AsyncIterable<CheckedVolume> {
  for (const [index, bytes] of volumes.entries()) {
    yield {
      number: index + 1,
      key: `vol${index + 1}`,
      async *open() {
        for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
      },
    }
  }
}

function readerOf(volumes: readonly Buffer[], path = '' as RawPath, pieceBytes = 65_536): SetReader {
  return new SetReader(
    readParts(checked(volumes, pieceBytes), () => undefined),
    path,
  )
}

const scratch = () => {
  throw new Error('nothing here is large')
}

/** What the merged sets say, and what they could not. */
async function merged(
  readers: readonly SetReader[],
  maxSegments?: number,
): Promise<{ state: State; problems: string[] }> {
  const state: State = new Map()
  const problems: string[] = []
  let open: { path: string; node: Node; pieces: Uint8Array[] } | undefined
  const onProblem = (path: RawPath, message: string) => {
    problems.push(`${path}: ${message}`)
    open = undefined
  }
  for await (const parts of mergeSets(readers, { scratch, onProblem, maxSegments })) {
    for (const part of parts) {
      if (part.type === 'entry') {
        expect(open).toBeUndefined()
        expect(part.entry.action).toBe('snapshot')
        const { kind, mode, linkTarget = '' } = part.entry.meta!
        open = { path: part.entry.path, node: { kind: kind as Node['kind'], mode, content: linkTarget }, pieces: [] }
      } else if (part.type === 'data') {
        expect(part.bytes.length).toBeGreaterThan(0)
        open!.pieces.push(part.bytes)
      } else {
        const { path, node, pieces } = open!
        expect(state.has(path)).toBe(false)
        if (node.kind === 'file') node.content = Buffer.concat(pieces).toString('latin1')
        else expect(pieces).toEqual([])
        state.set(path, node)
        open = undefined
      }
    }
  }
  expect(open).toBeUndefined()
  return { state, problems }
}

/** The sets that tell a history, and the state after each. */
function setsOf(history: Parameters<typeof apply>[1][], cut: { chunk: number; volume: number }, snapshots: boolean) {
  const states: State[] = []
  const sets: Buffer[][] = []
  let before: State = new Map()
  for (const steps of history) {
    const { state, deltas } = apply(before, steps)
    sets.push(volumesOf(membersOf(before, state, deltas, snapshots), cut.chunk, cut.volume))
    states.push(state)
    before = state
  }
  return { states, sets }
}

const below = (state: State, path: string): State =>
  new Map([...state].filter(([one]) => isBelow(one as RawPath, path as RawPath)))

const byPath = (state: State) => [...state].sort(([a], [b]) => (a < b ? -1 : 1))

describe('mergeSets()', () => {
  // Judge: the tree in memory that was changed step by step.
  it('gives the state after any set of any chain, whole and below any path', async () => {
    const cut = fc.record({ chunk: fc.constantFrom(1, 7, 65_536), volume: fc.constantFrom(1, 2000, 1_000_000) })
    await fc.assert(
      fc.asyncProperty(
        anyHistory,
        fc.nat(4),
        fc.oneof(fc.constant(''), anyPath),
        fc.record({
          cut,
          snapshots: fc.boolean(),
          piece: fc.constantFrom(100, 512, 65_536),
          segments: fc.constantFrom(undefined, 0, 5),
        }),
        async (history, upTo, path, how) => {
          // Large files in chunks of a byte are all header.
          const large = history.flat().some((step) => JSON.stringify(step).includes('times'))
          const { states, sets } = setsOf(history, large ? { chunk: 65_536, volume: 100_000 } : how.cut, how.snapshots)
          const count = Math.min(upTo + 1, sets.length)
          const readers = sets
            .slice(0, count)
            .map((volumes) => readerOf(volumes, path as RawPath, large ? 65_536 : how.piece))
          const { state, problems } = await merged(readers, how.segments)
          expect(problems).toEqual([])
          expect(byPath(state)).toEqual(byPath(below(states[count - 1]!, path)))
        },
      ),
      { numRuns: 1500 },
    )
  }, 120_000)

  const file = (path: string, content: string): DiffTarMember => ({
    action: 'snapshot',
    meta: metaOf(path, { kind: 'file', mode: 0o644, content }),
    data: Buffer.from(content),
  })
  const diff = (path: string, data: Buffer): DiffTarMember => ({
    action: 'diff',
    meta: metaOf(path, { kind: 'file', mode: 0o600, content: '' }),
    data,
  })
  const folder = (path: string): DiffTarMember => ({
    action: 'snapshot',
    meta: metaOf(path, { kind: 'directory', mode: 0o755, content: '' }),
  })
  const deleted = (path: string): DiffTarMember => ({ action: 'deleted', path: path as RawPath })
  const copyAll = (length: number) => encodeDelta([{ start: 0, length }])
  const mergedOf = (...sets: DiffTarMember[][]) =>
    merged(sets.map((members) => readerOf(volumesOf(members, 65_536, 10_000))))

  it('takes the metadata of the last change', async () => {
    const { state } = await mergedOf([folder(''), file('a', 'hello')], [diff('a', copyAll(5))])
    expect(state.get('a')).toEqual({ kind: 'file', mode: 0o600, content: 'hello' })
  })

  it('goes back no further than the last whole state', async () => {
    const broken = diff('a', Buffer.from('no delta'))
    const { state, problems } = await mergedOf(
      [folder(''), file('a', 'first')],
      [broken],
      [file('a', 'second')],
      [diff('a', encodeDelta([{ start: 3, length: 3 }]))],
    )
    expect(problems).toEqual([])
    expect(state.get('a')!.content).toBe('ond')
  })

  it('leaves out what was deleted, and has it when it is back', async () => {
    const full = [folder(''), file('a', 'one'), file('b', 'one')]
    const { state, problems } = await mergedOf(full, [deleted('a'), deleted('b')], [file('b', 'two')])
    expect([problems, [...state.keys()]]).toEqual([[], ['', 'b']])
    expect(state.get('b')!.content).toBe('two')
  })

  describe('in a damaged chain leaves out one path, says why, and gives all others', () => {
    const around = [file('0', 'before'), file('z', 'after')]
    const cases: [string, DiffTarMember[][], RegExp][] = [
      ['a change without what it builds on', [[], [diff('m', copyAll(1))]], /builds? on is missing/],
      [
        'a change after it was deleted',
        [[file('m', 'x')], [deleted('m')], [diff('m', copyAll(1))]],
        /changed after it was deleted/,
      ],
      ['a change of a folder', [[folder('m')], [diff('m', copyAll(1))]], /build on a directory/],
      ['a delta that is none', [[file('m', 'x')], [diff('m', Buffer.from('????????'))]], /cannot be applied/],
      ['a delta that is empty', [[file('m', 'x')], [diff('m', Buffer.alloc(0))]], /cannot be applied/],
      ['a delta that ends early', [[file('m', 'x')], [diff('m', copyAll(1).subarray(0, -1))]], /cannot be applied/],
      ['a delta with more behind it', [[file('m', 'x')], [diff('m', Buffer.alloc(30))]], /cannot be applied/],
      ['a delta of another basis', [[file('m', 'x')], [diff('m', copyAll(5))]], /cannot be applied/],
      [
        'the first of two deltas',
        [[file('m', 'xyz')], [diff('m', copyAll(9))], [diff('m', copyAll(1))]],
        /cannot be applied/,
      ],
      [
        'the last of two deltas, after much that was right',
        [
          [file('m', 'x')],
          [diff('m', encodeDelta([{ literal: Buffer.alloc(300_000) }]))],
          [
            diff(
              'm',
              encodeDelta([
                { start: 0, length: 300_000 },
                { start: 300_000, length: 1 },
              ]),
            ),
          ],
        ],
        /cannot be applied/,
      ],
    ]
    for (const [name, sets, why] of cases) {
      it(name, async () => {
        const [full, ...incs] = sets
        const { state, problems } = await mergedOf(
          [folder(''), around[0]!, ...full!, around[1]!],
          ...incs.map((members, index) => (index === 0 ? [...members, file('zz', 'new')] : members)),
        )
        expect(problems).toHaveLength(1)
        expect(problems[0]).toMatch(/^m: /)
        expect(problems[0]).toMatch(why)
        expect([...state.keys()]).toEqual(['', '0', 'z', 'zz'])
      })
    }

    it('missing first blocks of a state or of a change', async () => {
      const blocks = (action: 'snapshot' | 'diff', first: number): DiffTarMember[] =>
        [first, first + 1].map((block) => ({
          ...(file('m', 'x') as Extract<DiffTarMember, { action: 'snapshot' | 'diff' }>),
          action,
          block,
        }))
      for (const sets of [
        [blocks('snapshot', 2), []],
        [[file('m', 'x')], blocks('diff', 3)],
        [blocks('snapshot', 2), [diff('m', copyAll(1))]],
      ]) {
        const { state, problems } = await merged(
          sets.map((members, index) =>
            readerOf([
              Buffer.concat(
                [
                  ...(index === 0 ? [folder(''), around[0]!] : []),
                  ...members,
                  ...(index === 0 ? [around[1]!] : []),
                ].map((member) => Buffer.from(encodeDiffTarMember(member))),
              ),
            ]),
          ),
        )
        expect(problems).toEqual(['m: the beginning of it is missing'])
        expect([...state.keys()]).toEqual(['', '0', 'z'])
      }
    })
  })

  it('refuses sets out of order, which could not be merged', async () => {
    await expect(mergedOf([folder(''), file('b', ''), file('a', '')], [])).rejects.toMatchObject({
      code: 'damaged',
      message: 'Cannot restore "a": it comes after "b" in the same set',
    })
    await expect(mergedOf([folder(''), file('b', '')], [file('b', ''), deleted('b')])).rejects.toMatchObject({
      code: 'damaged',
    })
  })

  it('passes on what reading a set throws, and stops at its signal', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const members = [folder(''), file('a', 'x'.repeat(50_000)), file('b', 'y')]
    const readers = [0, 1].map(
      () =>
        new SetReader(
          readParts(checked(volumesOf(members, 65_536, 1), 512), () => undefined, controller.signal),
          '' as RawPath,
        ),
    )
    const reading = (async () => {
      for await (const parts of mergeSets(readers, { scratch, onProblem: () => undefined })) {
        if (parts[0]?.type === 'data') controller.abort(reason)
      }
    })()
    await expect(reading).rejects.toBe(reason)
    await expect(mergedOf([folder('')]).then(() => merged([readerOf([Buffer.alloc(700, 'x')])]))).rejects.toMatchObject(
      {
        code: 'damaged',
        message: expect.stringMatching(/^Cannot read the volume "vol1": /),
      },
    )
  })
})
