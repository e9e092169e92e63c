import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom, tempDir } from '@coalmine/fixtures'
import type { RawPath } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backedUp, type BackedUp, type BackedUpOptions, continued } from './backed-up.ts'
import { type FakeEntry, fakeTree, fileOf, problem, root } from './fake-tree.ts'

// What is known of files beside what archives hold. Judge of what is stored: the contents, put in by hand.

const random = createRandom('known')
const [small, large] = [random.bytes(3000), random.bytes(300_000)]
const another = (bytes: Uint8Array) => Buffer.concat([bytes.subarray(1), Buffer.from('!')])
const before = [root, fileOf('a', small), fileOf('b', large), fileOf('c', Buffer.alloc(0)), fileOf('d', small)]

const actions = ({ entries }: BackedUp) => entries.map(({ entry: { action, path } }) => `${action} ${path}`)

interface Place {
  readonly options: BackedUpOptions
  readonly archiveDir: string
  readonly full: BackedUp
}

async function place(entries: readonly FakeEntry[] = before, more: BackedUpOptions = {}): Promise<Place> {
  const archiveDir = join(await tempDir('archive'), 'dir')
  const options = {
    hostname: 'here',
    localDir: '/source' as RawPath,
    ...more,
    repositoryOptions: { archiveDir, lock: true },
  }
  return { options, archiveDir, full: await backedUp(fakeTree([entries]), options) }
}

/** An increment in which each file that is named is what it says, and all others are as before. */
async function next({ options, full }: Place, changes: Record<string, Partial<FakeEntry>>, more: BackedUpOptions = {}) {
  const entries = before.map((entry) => ({ ...entry, ...changes[entry.path] }))
  const tree = fakeTree([entries])
  const done = await continued(full, tree, { ...options, ...more })
  return { done, read: [...tree.loaded, ...tree.opened].sort() }
}

const contentOf = (content: Uint8Array) => ({
  reads: [content],
  size: content.length,
  content: content.length < 65_536 ? content : undefined,
})

describe('backupIncremental() where it knows the files', () => {
  it('reads nothing of what is as it was, and then knows it again', async () => {
    const world = await place()
    const { done, read } = await next(world, {})
    expect([actions(done), read]).toEqual([[], []])
    const again = await next({ ...world, full: done }, {})
    expect([actions(again.done), again.read]).toEqual([[], []])
  })

  it.each(['mtimeNanos', 'ctimeMs', 'inode'])(
    'reads a file with another %s, and stores nothing of the same',
    async (fact) => {
      const world = await place()
      const touched = Object.fromEntries(['a', 'b', 'c'].map((path) => [path, { [fact]: 12_345 }]))
      const { done, read } = await next(world, touched)
      expect([actions(done), read]).toEqual([[], ['a', 'b', 'c']])
      expect(done.statistics).toEqual({
        ...{ sourceFiles: 5, sourceFileSize: 306_000, newFiles: 0, newFileSize: 0, deletedFiles: 0 },
        ...{ changedFiles: 0, changedFileSize: 0, deltaEntries: 0, rawDeltaSize: 0, errors: 0 },
      })
      // It costs one reading, not one each time.
      const again = await next({ ...world, full: done }, touched)
      expect([actions(again.done), again.read]).toEqual([[], []])
    },
  )

  it('stores what has changed within the second, of the same size or not', async () => {
    for (const size of ['same', 'longer', 'shorter', 'cut at a block', 'empty'] as const) {
      const change = (bytes: Uint8Array) => {
        if (size === 'same') return another(bytes)
        if (size === 'longer') return Buffer.concat([bytes, bytes.subarray(0, 100)])
        return bytes.subarray(0, size === 'shorter' ? -1 : size === 'empty' ? 0 : bytes.length > 65_536 ? 65_536 : 2048)
      }
      const { done, read } = await next(await place(), {
        a: { ...contentOf(change(small)), ctimeMs: 5 },
        b: { ...contentOf(change(large)), ctimeMs: 5 },
        c: { ...contentOf(Buffer.from('now something')), ctimeMs: 5 },
      })
      expect([size, actions(done), read]).toEqual([size, ['diff a', 'diff b', 'diff c'], ['a', 'b', 'c']])
      expect(done.statistics.changedFiles).toBe(3)
      expect(done.signatures.map(({ path }) => path)).toEqual(['a', 'b', 'c'])
    }
  })

  it('goes by the metadata where it knows nothing: another source, another host, no index, a damaged one', async () => {
    const same = { a: { ...contentOf(another(small)), ctimeMs: 5 } }
    const spoils: ((world: Place) => BackedUpOptions)[] = [
      () => ({ localDir: '/other' as RawPath }),
      () => ({ hostname: 'there' }),
      ({ archiveDir }) => {
        writeFileSync(join(archiveDir, 'coalmine', 'files'), '')
        return {}
      },
      ({ archiveDir }) => {
        const path = join(archiveDir, 'coalmine', 'files')
        const bytes = readFileSync(path)
        bytes[30]! ^= 1
        writeFileSync(path, bytes)
        return {}
      },
    ]
    for (const spoil of spoils) {
      const world = await place()
      const { done, read } = await next(world, same, spoil(world))
      expect([actions(done), read]).toEqual([[], []])
    }
  })

  it('is right, or as without an index, whatever has become of that', async () => {
    const edited = another(small)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (where, bytes, cut) => {
          const world = await place()
          const path = join(world.archiveDir, 'coalmine', 'files')
          const index = readFileSync(path)
          const at = where % index.length
          const rest = index.subarray(cut ? index.length : at + bytes.length)
          writeFileSync(path, Buffer.concat([index.subarray(0, at), bytes, rest]))
          const { done } = await next(world, { a: { ...contentOf(edited), ctimeMs: 5 } })
          expect([[], ['diff a']]).toContainEqual(actions(done))
          const again = await next({ ...world, full: done }, {})
          expect(again.done.statistics.errors).toBe(0)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('is not vouched for by what another program wrote, nor by a file that could not be read', async () => {
    const world = await place()
    const { done } = await next(world, { a: { reads: [new Error('bad block')], ctimeMs: 5 } })
    expect(done.events).toContainEqual({ type: 'unreadable', path: 'a', message: 'bad block', cut: false })
    expect(actions(done)).toEqual([])
    const readable = await next({ ...world, full: done }, { a: { ctimeMs: 5 } })
    expect(readable.read).toEqual(['a'])
    // A set by somebody else: the same storage, without this archive dir.
    const other = await next({ ...world, full: readable.done }, {}, { repositoryOptions: {} })
    const after = await next({ ...world, full: other.done }, { a: { inode: 9 } })
    expect(after.read).toEqual([])
  })

  it('keeps what it has found out when no set is written because nothing has changed', async () => {
    const world = await place()
    const path = join(world.archiveDir, 'coalmine', 'files')
    const { mtimeMs } = statSync(path)
    const touched = { a: { inode: 9 } }
    // The helper reads the newest set, which is still the full one.
    const first = await next(world, touched, { skipIfUnchanged: true })
    expect([first.done.set, first.read]).toEqual([undefined, ['a']])
    expect(statSync(path).mtimeMs).toBeGreaterThanOrEqual(mtimeMs)
    const second = await next(world, touched, { skipIfUnchanged: true })
    expect([second.done.set, second.read]).toEqual([undefined, []])
  })

  it('keeps what could not be looked at out of it', async () => {
    const world = await place()
    const tree = fakeTree([[root, problem('a', 'lstat'), ...before.slice(2)]])
    const done = await continued(world.full, tree, world.options)
    const later = await next({ ...world, full: done }, {})
    expect([actions(later.done), later.read]).toEqual([[], ['a']])
  })
})
