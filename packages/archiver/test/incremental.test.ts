import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createRandom, itWith, run, tempDir } from '@coalmine/fixtures'
import { openTree } from '@coalmine/filetree'
import { describe, expect, it } from 'vitest'
import { backedUp, type BackedUp, continued } from './backed-up.ts'
import { type FakeEntry, fakeTree, fileOf, problem, raw, root } from './fake-tree.ts'

const random = createRandom('increments')
const later = { mtimeSeconds: 1_600_000_500 }

const actions = ({ entries }: BackedUp) => entries.map(({ entry: { action, path } }) => `${action} ${path}`)
const signed = ({ signatures }: BackedUp) => signatures.map(({ action, path }) => `${action} ${path}`)
const contentOf = ({ entries }: BackedUp, path: string) => entries.find(({ entry }) => entry.path === path)!.content
const of = (done: BackedUp, type: BackedUp['events'][number]['type']) =>
  done.events.filter((event) => event.type === type)

/** What the real rdiff makes of an old content and a delta. */
async function patched(old: Uint8Array, delta: Uint8Array): Promise<Buffer> {
  const folder = await tempDir('patched')
  writeFileSync(join(folder, 'old'), old)
  writeFileSync(join(folder, 'delta'), delta)
  await run(['rdiff', 'patch', 'old', 'delta', 'new'], { cwd: folder, check: true })
  return readFileSync(join(folder, 'new'))
}

describe('backupIncremental()', () => {
  const old = { small: random.bytes(3000), large: random.bytes(300_000) }
  const before: FakeEntry[] = [
    root,
    fileOf('became-dir', Buffer.from('x')),
    fileOf('became-link', Buffer.from('x')),
    { path: raw('dir'), kind: 'directory' },
    fileOf('dir/deep', Buffer.from('x')),
    { path: raw('dir/sub'), kind: 'directory' },
    fileOf('dir/sub/deeper', Buffer.from('x')),
    { path: raw('fifo'), kind: 'fifo' },
    fileOf('gone', Buffer.from('x')),
    fileOf('large', old.large),
    { path: raw('link'), kind: 'symlink', linkTarget: raw('a') },
    fileOf('same', Buffer.from('x')),
    fileOf('small', old.small),
    fileOf('touched', old.large),
  ]

  itWith(
    ['rdiff', 'tar'],
    'stores what has changed: differences of files, all of the rest, and what is gone',
    async () => {
      const small = Buffer.concat([old.small.subarray(0, 1000), Buffer.from('in the middle'), old.small.subarray(1000)])
      const large = Buffer.concat([Buffer.from('in front'), old.large, random.bytes(10)])
      const after: FakeEntry[] = [
        { ...root, ...later },
        { path: raw('became-dir'), kind: 'directory' },
        fileOf('became-dir/new', Buffer.from('new')),
        { path: raw('became-link'), kind: 'symlink', linkTarget: raw('b') },
        fileOf('dir', Buffer.from('now a file')),
        { path: raw('fifo'), kind: 'fifo', mode: 0o600 },
        fileOf('large', large, later),
        { path: raw('link'), kind: 'symlink', linkTarget: raw('a'), ...later },
        fileOf('new-large', random.bytes(70_000)),
        fileOf('same', Buffer.from('x'), { size: 1 }),
        fileOf('small', small, later),
        fileOf('touched', old.large, later),
      ]
      const full = await backedUp(fakeTree([before]))
      const tree = fakeTree([after.slice(0, 5), [], after.slice(5)])
      const done = await continued(full, tree)
      const expected = [
        'snapshot ',
        'snapshot became-dir',
        'snapshot became-dir/new',
        'snapshot became-link',
        'snapshot dir',
        'deleted dir/deep',
        'deleted dir/sub',
        'deleted dir/sub/deeper',
        'snapshot fifo',
        'deleted gone',
        'diff large',
        'snapshot new-large',
        'diff small',
        'diff touched',
      ]
      expect(actions(done)).toEqual(expected)
      const files = ['became-dir/new', 'dir', 'large', 'new-large', 'small', 'touched']
      expect(signed(done)).toEqual(
        expected.map((line) => {
          const path = line.slice(line.indexOf(' ') + 1)
          return files.includes(path) ? `signature ${path}` : line
        }),
      )
      expect(Buffer.compare(await patched(old.small, contentOf(done, 'small')), small)).toBe(0)
      expect(Buffer.compare(await patched(old.large, contentOf(done, 'large')), large)).toBe(0)
      // Touched, not changed: the word that all of it stays.
      expect(contentOf(done, 'touched').length).toBeLessThan(20)
      expect(Buffer.compare(await patched(old.large, contentOf(done, 'touched')), old.large)).toBe(0)
      // A file is read once; small ones together, and what has not changed not at all.
      expect(tree.opened).toEqual(['large', 'new-large', 'touched'])
      expect(tree.loaded).toEqual(['became-dir/new', 'dir', 'small'])
      expect(tree.closed).toEqual(tree.opened)
      expect(tree.walkEnded).toBe(true)
      expect(done.manifest.files).toEqual([
        { action: 'new', path: 'became-dir/new' },
        { action: 'new', path: 'dir' },
        { action: 'deleted', path: 'dir/deep' },
        { action: 'deleted', path: 'dir/sub/deeper' },
        { action: 'deleted', path: 'gone' },
        { action: 'changed', path: 'large' },
        { action: 'new', path: 'new-large' },
        { action: 'changed', path: 'small' },
        { action: 'changed', path: 'touched' },
      ])
      const bytes = (path: string) => contentOf(done, path).length
      expect(done.statistics).toEqual({
        sourceFiles: 12,
        sourceFileSize: 3 + 10 + large.length + 70_000 + 1 + small.length + old.large.length,
        newFiles: 7,
        newFileSize: 3 + 10 + 70_000,
        deletedFiles: 4,
        changedFiles: 3,
        changedFileSize: large.length + small.length + old.large.length,
        deltaEntries: 14,
        rawDeltaSize: 3 + 10 + 70_000 + bytes('large') + bytes('small') + bytes('touched'),
        errors: 0,
      })
      expect(of(done, 'changed').map((event) => 'path' in event && event.path)).toEqual(['large', 'small', 'touched'])
      expect(of(done, 'deleted')).toHaveLength(4)
      expect(done.left).toEqual([])
      // Judge: GNU tar.
      const folder = await tempDir('tar')
      writeFileSync(join(folder, 'volume.tar'), done.volumes[0]!)
      const listed = await run(['tar', '-tf', 'volume.tar'], { cwd: folder, check: true })
      expect(listed.stdout.toString().split('\n').slice(0, 7)).toEqual([
        'snapshot/./',
        'snapshot/became-dir/',
        'snapshot/became-dir/new',
        'snapshot/became-link',
        'snapshot/dir',
        'deleted/dir/deep',
        'deleted/dir/sub',
      ])
    },
  )

  it('builds on the newest of all sets before it', async () => {
    const states = ['one', 'two', 'three', 'three'].map((text, at) => [
      root,
      ...(at === 1 ? [] : [fileOf('comes-and-goes', Buffer.from(text))]),
      fileOf('f', Buffer.from(text.repeat(500)), { mtimeSeconds: 1_600_000_000 + (at < 3 ? at : 2) }),
    ])
    let done = await backedUp(fakeTree([states[0]!]))
    const said: string[][] = []
    for (const state of states.slice(1)) {
      done = await continued(done, fakeTree([state]))
      said.push(actions(done))
    }
    expect(said).toEqual([['deleted comes-and-goes', 'diff f'], ['snapshot comes-and-goes', 'diff f'], []])
  })

  it('writes a set also when nothing has changed, with one empty volume; unless it shall not', async () => {
    const full = await backedUp(fakeTree([before]))
    const done = await continued(full, fakeTree([before]))
    expect(done.volumes.map((volume) => volume.length)).toEqual([0])
    expect(done.manifest.volumes.get(1)).toMatchObject({ start: { path: '' }, end: { path: '' } })
    expect(done.manifest.files).toEqual([])
    expect(done.manifest.fileCount).toBe(0)
    expect(Buffer.compare(done.sigtar, Buffer.alloc(10_240))).toBe(0)
    expect(done.statistics).toMatchObject({ sourceFiles: before.length, deltaEntries: 0, newFiles: 0 })
    // And the next one builds on it.
    const next = await continued(done, fakeTree([[...before, fileOf('z', Buffer.from('z'))]]))
    expect(actions(next)).toEqual(['snapshot z'])
    const count = await keysOf(next)
    const skipped = await continued(next, fakeTree([[...before, fileOf('z', Buffer.from('z'))]]), {
      skipIfUnchanged: true,
    })
    expect(skipped.set).toBeUndefined()
    expect(skipped.left).toEqual([])
    expect(await keysOf(next)).toEqual(count)
    const written = await continued(next, fakeTree([before]), { skipIfUnchanged: true })
    expect(written.set).toBeDefined()
  })

  itWith(['rdiff'], 'stores a delta that is longer than the file, and than a block', async () => {
    for (const size of [1, 65_530, 65_535, 65_536, 200_000]) {
      const [was, is] = [random.bytes(size), random.bytes(size)]
      const full = await backedUp(fakeTree([[root, fileOf('f', was)]]))
      const done = await continued(full, fakeTree([[root, fileOf('f', is, later)]]))
      const delta = contentOf(done, 'f')
      expect(delta.length).toBeGreaterThan(size)
      expect(Buffer.compare(await patched(was, delta), is)).toBe(0)
      expect(done.statistics).toMatchObject({ changedFiles: 1, rawDeltaSize: delta.length })
    }
  })

  describe('with what cannot be read', () => {
    const big = random.bytes(300_000)
    const failure = new Error('Cannot read "f": input/output error')
    const state = [root, fileOf('f', big), fileOf('g', Buffer.from('g')), fileOf('z', Buffer.from('z'))]

    it('keeps the archived state of what could not be looked at, and of all below it', async () => {
      const tree: FakeEntry[] = [
        root,
        { path: raw('closed'), kind: 'directory' },
        fileOf('closed/a', Buffer.from('a')),
        { path: raw('lost'), kind: 'directory' },
        fileOf('lost/a', Buffer.from('a')),
        fileOf('really-gone', Buffer.from('x')),
      ]
      const full = await backedUp(fakeTree([tree]))
      const done = await continued(
        full,
        fakeTree([
          [
            root,
            { path: raw('closed'), kind: 'directory', ...later },
            problem('closed', 'list'),
            problem('lost', 'lstat'),
          ],
        ]),
      )
      expect(actions(done)).toEqual(['snapshot closed', 'deleted really-gone'])
      expect(done.statistics.errors).toBe(2)
      expect(of(done, 'unlisted')).toHaveLength(1)
      expect(of(done, 'unreadable')).toHaveLength(1)
    })

    it('keeps the archived state of a file that cannot be read, as long as nothing of it was handed on', async () => {
      const full = await backedUp(fakeTree([state]))
      for (const reads of [[failure], [big.subarray(0, 200_000), failure]]) {
        const tree = fakeTree([
          [
            root,
            { ...fileOf('f', big, later), reads },
            { ...fileOf('g', Buffer.from('g'), later), reads: [failure] },
            state[3]!,
          ],
        ])
        const done = await continued(full, tree)
        // All that was read is in the basis: so far the difference is a few bytes, which nobody has seen.
        expect(actions(done)).toEqual([])
        expect(done.statistics).toMatchObject({ errors: 2, deltaEntries: 0, sourceFiles: 2 })
        expect(of(done, 'unreadable').map((event) => 'cut' in event && event.cut)).toEqual([false, false])
        full.endSeconds = done.endSeconds
      }
    })

    itWith(
      ['rdiff'],
      'stores a file as far as it could be read when the beginning is in the volume, and tries again',
      async () => {
        const full = await backedUp(fakeTree([state]))
        const other = random.bytes(300_000)
        const cut = fileOf('f', other, later)
        const done = await continued(
          full,
          fakeTree([[root, { ...cut, reads: [other.subarray(0, 200_000), failure] }, ...state.slice(2)]]),
        )
        expect(actions(done)).toEqual(['diff f'])
        expect(Buffer.compare(await patched(big, contentOf(done, 'f')), other.subarray(0, 200_000))).toBe(0)
        expect(of(done, 'unreadable')).toMatchObject([{ cut: true }])
        expect(done.entries[0]!.entry.meta!.mtimeSeconds).toBe(later.mtimeSeconds)
        const next = await continued(done, fakeTree([[root, cut, ...state.slice(2)]]))
        expect(actions(next)).toEqual(['diff f'])
        expect(Buffer.compare(await patched(other.subarray(0, 200_000), contentOf(next, 'f')), other)).toBe(0)
      },
    )

    it('takes a small file that vanished before it was read for gone', async () => {
      const full = await backedUp(fakeTree([state]))
      const vanishing = { ...fileOf('g', Buffer.from('g'), later), reads: undefined }
      const done = await continued(
        full,
        fakeTree([[root, state[1]!, vanishing, { ...vanishing, path: raw('new') }, state[3]!]]),
      )
      expect(actions(done)).toEqual(['deleted g'])
      expect(done.statistics).toMatchObject({ errors: 0, deletedFiles: 1, sourceFiles: 3 })
    })

    it('refuses a source without a root, which would look like everything deleted', async () => {
      const full = await backedUp(fakeTree([state]))
      const lost = continued(full, fakeTree([[problem('', 'lstat')]]))
      await expect(lost).rejects.toMatchObject({ code: 'nothing-to-store' })
      await expect(continued(full, fakeTree([[]]))).rejects.toMatchObject({ code: 'nothing-to-store' })
      await expect(continued(full, fakeTree([[{ ...root, kind: 'socket' }]]))).rejects.toMatchObject({
        code: 'nothing-to-store',
      })
      expect((await keysOf(full)).filter((key) => key.includes('inc'))).toEqual([])
    })

    it('refuses a source that gives a path twice, or out of order', async () => {
      const full = await backedUp(fakeTree([state]))
      for (const paths of [
        ['a', 'a'],
        ['b', 'a'],
        ['a.b', 'a/c'],
      ]) {
        const entries = [root, ...paths.map((path) => fileOf(path, Buffer.from('x')))]
        for (const attempt of [() => continued(full, fakeTree([entries])), () => backedUp(fakeTree([entries]))]) {
          await expect(attempt()).rejects.toMatchObject({ code: 'unsorted' })
        }
      }
      expect((await keysOf(full)).filter((key) => key.includes('inc'))).toEqual([])
    })
  })

  it('asks for contents in portions', async () => {
    const files = Array.from({ length: 200 }, (_, at) =>
      fileOf(`f${String(at).padStart(3, '0')}`, random.bytes(60_000)),
    )
    const full = await backedUp(fakeTree([[root]]))
    let most = 0
    const tree = fakeTree([[root, ...files]])
    const load = tree.load.bind(tree)
    const done = await continued(full, {
      ...tree,
      load: (paths, options) => {
        most = Math.max(most, paths.length)
        return load(paths, options)
      },
    })
    expect(most * 60_000).toBeLessThanOrEqual(2 * 1_048_576)
    expect(done.entries.map(({ entry }) => entry.path)).toEqual(files.map(({ path }) => path))
    for (const [at, file] of files.entries()) {
      expect(Buffer.compare(done.entries[at]!.content, file.reads![0] as Buffer)).toBe(0)
    }
  })

  it('goes by what a real tree is when it is read', async () => {
    const folder = await tempDir('real')
    const source = mkdtempSync(join(folder, 'source'))
    for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), `${name} as it was`)
    writeFileSync(join(source, 'large'), old.large)
    const time = (name: string, seconds: number) => utimesSync(join(source, name), seconds, seconds)
    for (const name of [...readdirSync(source), '.']) time(name, 1_600_000_000)
    const opened = async <T>(work: (tree: Awaited<ReturnType<typeof openTree>>) => Promise<T>): Promise<T> => {
      const tree = await openTree(source)
      try {
        return await work(tree)
      } finally {
        await tree.close()
      }
    }
    const full = await opened((tree) => backedUp(tree))
    writeFileSync(join(source, 'a'), 'a has changed')
    writeFileSync(join(source, 'b'), 'b has changed')
    writeFileSync(join(source, 'c'), 'c has changed')
    writeFileSync(join(source, 'large'), Buffer.concat([old.large, Buffer.from('more')]))
    time('.', 1_600_000_500)
    const done = await opened(async (tree) => {
      // Between the walk and the reading: one grows, one vanishes, one becomes a link, a large one gets another owner's mode.
      const load = tree.load.bind(tree)
      return continued(full, {
        ...tree,
        load(paths, options) {
          writeFileSync(join(source, 'a'), 'a has changed again')
          time('a', 1_650_000_000)
          rmSync(join(source, 'b'))
          rmSync(join(source, 'c'))
          symlinkSync('a', join(source, 'c'))
          chmodSync(join(source, 'large'), 0o600)
          return load(paths, options)
        },
      })
    })
    expect(actions(done)).toEqual(['snapshot ', 'diff a', 'deleted b'])
    expect(contentOf(done, 'a').toString('latin1')).toContain('a has changed again')
    expect(done.entries[1]!.entry.meta!.mtimeSeconds).toBe(1_650_000_000)
    expect(of(done, 'unreadable').map((event) => 'path' in event && event.path)).toEqual(['c', 'large'])
    // The next one has it all.
    const next = await opened((tree) => continued(done, tree))
    expect(actions(next)).toEqual(['snapshot ', 'snapshot c', 'diff large'])
    expect(next.statistics.errors).toBe(0)
  })

  it('wants a set that begins where the chain ends, and ends later', async () => {
    const full = await backedUp(fakeTree([[root]]))
    const attempt = (times: { startSeconds: number; endSeconds: number }) =>
      continued(full, fakeTree([[root]]), { set: { times: { type: 'inc', ...times }, volumeBytes: 1 << 20 } })
    const at = full.endSeconds
    await expect(attempt({ startSeconds: at, endSeconds: at })).rejects.toThrow(RangeError)
    await expect(attempt({ startSeconds: at, endSeconds: at - 1 })).rejects.toThrow(RangeError)
    await expect(attempt({ startSeconds: at - 1, endSeconds: at + 1 })).rejects.toThrow(RangeError)
  })

  it('is stopped by its signal, and takes its set back', async () => {
    const full = await backedUp(fakeTree([before]))
    const keys = await keysOf(full)
    const controller = new AbortController()
    const reason = new Error('enough')
    const tree = fakeTree([before.slice(0, 3), before.slice(3)], (index) => {
      if (index === 1) controller.abort(reason)
    })
    await expect(continued(full, tree, { signal: controller.signal })).rejects.toBe(reason)
    expect(await keysOf(full)).toEqual(keys)
    expect(tree.walkEnded).toBe(true)
  })
})

async function keysOf({ storage }: Pick<BackedUp, 'storage'>): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}
