import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { createRandom, itWith, run, tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, passThrough, StorageError } from '@coalmine/storage'
import { describe, expect, it } from 'vitest'
import { surveyFull } from '../src/index.ts'
import { type BackedUp, backedUp } from './backed-up.ts'
import { type FakeEntry, fakeTree, fileOf, nobody, problem, raw, root } from './fake-tree.ts'

const random = createRandom('archiver')

const contentOf = ({ entries }: BackedUp, path: string) =>
  entries.find(({ entry }) => entry.path === path)?.content.toString('latin1')
const of = (done: BackedUp, type: BackedUp['events'][number]['type']) =>
  done.events.filter((event) => event.type === type)

/** The block length by the rule of 3.0.3. */
const blockLength = (size: number) => Math.max(512, Math.ceil(Math.floor(Math.sqrt(size)) / 512) * 512)

describe('backupFull()', () => {
  it('writes entries in the order of the walk, into the volumes and into the signatures alike', async () => {
    const entries: FakeEntry[] = [
      root,
      fileOf('a', Buffer.from('small')),
      { path: raw('a.link'), kind: 'symlink', linkTarget: raw('a'), mode: 0o777 },
      fileOf('b', random.bytes(100_000)),
      fileOf('c', Buffer.alloc(0)),
      { path: raw('d'), kind: 'directory', mode: 0o2755 },
      { path: raw('d/fifo'), kind: 'fifo', mode: 0o600 },
      { path: raw('d/null'), kind: 'character-device', devMajor: 1, devMinor: 3 },
      fileOf('d/\xff\n', random.bytes(70_000)),
      { path: raw('e'), kind: 'block-device', devMajor: 8, devMinor: 0 },
    ]
    // The same in one batch, in many, and with empty ones between them.
    const cuts = [[entries], entries.map((entry) => [entry]), [[], entries.slice(0, 4), [], entries.slice(4), []]]
    const all = await Promise.all(cuts.map((batches) => backedUp(fakeTree(batches))))
    for (const done of all) {
      const paths = entries.map(({ path }) => path)
      expect(done.entries.map(({ entry }) => entry.path)).toEqual(paths)
      expect(done.signatures.map(({ path }) => path)).toEqual(paths)
      expect(done.signatures.map(({ action }) => action)).toEqual(
        entries.map(({ kind }) => (kind === 'file' ? 'signature' : 'snapshot')),
      )
      for (const [index, { entry, content }] of done.entries.entries()) {
        expect(entry.action).toBe('snapshot')
        expect(entry.meta).toEqual(done.signatures[index]!.meta)
        expect(entry.meta).toMatchObject({ userName: 'me', groupName: 'us', uid: 1000, gid: 100, mtimeSeconds: 1.6e9 })
        if (entry.meta!.kind === 'file') {
          expect(content.toString('latin1')).toBe(Buffer.from(entries[index]!.reads![0] as Buffer).toString('latin1'))
        }
      }
      expect(Buffer.compare(done.sigtar, all[0]!.sigtar)).toBe(0)
      expect(Buffer.compare(Buffer.concat(done.volumes), Buffer.concat(all[0]!.volumes))).toBe(0)
      expect(done.manifest.files).toEqual(
        ['a', 'b', 'c', 'd/\xff\n'].map((path) => ({ action: 'new', path: path as RawPath })),
      )
      expect(done.left).toEqual([])
    }
  })

  for (const size of [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073]) {
    itWith(['tar', 'rdiff'], `stores a file of ${size} bytes in blocks, with its signature`, async () => {
      const folder = await tempDir('boundary')
      const content = random.bytes(size)
      const done = await backedUp(fakeTree([[root, fileOf('f', content), fileOf('g', Buffer.from('after'))]]))
      // Judge: GNU tar, and concatenation in the order of the numbers.
      writeFileSync(join(folder, 'volume.tar'), done.volumes[0]!)
      await run(['tar', '-xf', 'volume.tar'], { cwd: folder, check: true })
      if (size < 65_536) {
        expect(Buffer.compare(readFileSync(join(folder, 'snapshot/f')), content)).toBe(0)
      } else {
        const count = Math.floor(size / 65_536) + 1
        const blocks = Array.from({ length: count }, (_, at) =>
          readFileSync(join(folder, `multivol_snapshot/f/${at + 1}`)),
        )
        expect(blocks.map((block) => block.length)).toEqual([
          ...Array.from({ length: count - 1 }, () => 65_536),
          size % 65_536,
        ])
        expect(Buffer.compare(Buffer.concat(blocks), content)).toBe(0)
      }
      const names = (await run(['tar', '-tf', 'volume.tar'], { cwd: folder, check: true })).stdout
        .toString()
        .split('\n')
      expect(names.filter((name) => name.includes('/f'))).toHaveLength(
        size < 65_536 ? 1 : Math.floor(size / 65_536) + 1,
      )
      // Judge: the real rdiff.
      writeFileSync(join(folder, 'content'), content)
      const argv = ['-H', 'md4', '-R', 'rollsum', '-S', '8', '-b', String(blockLength(size)), 'signature']
      await run(['rdiff', ...argv, 'content', 'by-rdiff'], { cwd: folder, check: true })
      const { signature } = done.signatures[1]!
      expect(Buffer.compare(signature!, readFileSync(join(folder, 'by-rdiff')))).toBe(0)
      // Judge: GNU tar again, of the sigtar.
      writeFileSync(join(folder, 'sigtar.tar'), done.sigtar)
      await run(['tar', '-xf', 'sigtar.tar', 'signature/f'], { cwd: folder, check: true })
      expect(Buffer.compare(readFileSync(join(folder, 'signature/f')), signature!)).toBe(0)
      expect(done.sigtar.length % 10_240).toBe(0)
    })
  }

  it('chooses block lengths of signatures as it is told', async () => {
    const entries = [root, fileOf('f', random.bytes(3_000_000))]
    const blockOf = async (signatures: { rule?: '0.8' | '3.0.3'; maxBlockBytes?: number } | undefined) => {
      const done = await backedUp(fakeTree([entries]), { signatures })
      return Buffer.from(done.signatures[1]!.signature!).readUInt32BE(4)
    }
    expect(await blockOf(undefined)).toBe(2048)
    expect(await blockOf({ rule: '0.8' })).toBe(1024)
    expect(await blockOf({ maxBlockBytes: 512 })).toBe(512)
  })

  describe('takes a file as it is read, whatever lstat said', () => {
    const big = random.bytes(200_000)
    const cases: [string, FakeEntry, Buffer][] = [
      ['grown, small', fileOf('f', Buffer.from('now longer'), { size: 3 }), Buffer.from('now longer')],
      ['shrunk, small', fileOf('f', Buffer.from('sh'), { size: 60_000 }), Buffer.from('sh')],
      ['emptied, small', fileOf('f', Buffer.alloc(0), { size: 60_000 }), Buffer.alloc(0)],
      ['grown, large', fileOf('f', big, { size: 70_000 }), big],
      ['shrunk, large', fileOf('f', big, { size: 5_000_000 }), big],
      ['shrunk below a block', { ...fileOf('f', big), reads: [big.subarray(0, 100)] }, big.subarray(0, 100)],
      ['emptied, large', { ...fileOf('f', big), reads: [] }, Buffer.alloc(0)],
      ['shrunk to one block', { ...fileOf('f', big), reads: [big.subarray(0, 65_536)] }, big.subarray(0, 65_536)],
    ]
    for (const [name, entry, content] of cases) {
      it(name, async () => {
        const done = await backedUp(fakeTree([[root, entry, fileOf('z', Buffer.from('after'))]]))
        expect(contentOf(done, 'f')).toBe(content.toString('latin1'))
        expect(contentOf(done, 'z')).toBe('after')
        expect(done.statistics).toMatchObject({
          sourceFiles: 3,
          errors: 0,
          rawDeltaSize: content.length + 5,
          newFileSize: entry.size! + 5,
          sourceFileSize: content.length + 5,
        })
        const { signature } = done.signatures[1]!
        const blocks = Math.ceil(content.length / blockLength(entry.size!))
        expect(signature).toHaveLength(12 + 12 * blocks)
      })
    }
  })

  describe('with what cannot be read', () => {
    const big = random.bytes(200_000)
    const failure = new Error('Cannot read "f": input/output error')

    it('leaves out a file that cannot be begun, in the volumes, the signatures and the list', async () => {
      for (const reads of [[failure], [new Uint8Array(0), failure]]) {
        const done = await backedUp(fakeTree([[root, { ...fileOf('f', big), reads }, fileOf('z', Buffer.from('z'))]]))
        expect(done.entries.map(({ entry }) => entry.path)).toEqual(['', 'z'])
        expect(done.signatures.map(({ path }) => path)).toEqual(['', 'z'])
        expect(done.manifest.files).toEqual([{ action: 'new', path: 'z' }])
        expect(done.statistics).toMatchObject({ sourceFiles: 2, errors: 1, rawDeltaSize: 1 })
        expect(of(done, 'unreadable')).toEqual([
          { type: 'unreadable', path: 'f', message: failure.message, cut: false },
        ])
      }
    })

    it('stores a file as far as it could be read, and its signature is of that', async () => {
      for (const length of [1, 100, 65_535, 65_536, 65_537, 131_072, 199_999]) {
        const entry = { ...fileOf('f', big), reads: [big.subarray(0, length), failure] }
        const done = await backedUp(fakeTree([[root, entry, fileOf('z', Buffer.from('z'))]]))
        expect(contentOf(done, 'f')).toBe(big.toString('latin1', 0, length))
        expect(contentOf(done, 'z')).toBe('z')
        const whole = await backedUp(
          fakeTree([[root, { ...fileOf('f', big), reads: [big.subarray(0, length)] }, fileOf('z', Buffer.from('z'))]]),
        )
        const [cut, sound] = [done.signatures[1]!, whole.signatures[1]!]
        expect(Buffer.compare(cut.signature!, sound.signature!)).toBe(0)
        // Another time than the file's, so that the next increment tries again; the file is restored with its own.
        expect(cut.meta).toEqual({ ...sound.meta!, mtimeSeconds: sound.meta!.mtimeSeconds - 1 })
        expect(done.entries[1]!.entry.meta).toEqual(sound.meta)
        expect(done.statistics).toMatchObject({ sourceFiles: 3, errors: 1, rawDeltaSize: length + 1 })
        expect(of(done, 'unreadable')).toEqual([{ type: 'unreadable', path: 'f', message: failure.message, cut: true }])
      }
    })

    it('tells what the walk could not look at, and counts it', async () => {
      const done = await backedUp(
        fakeTree([
          [root, problem('gone', 'lstat'), { path: raw('d'), kind: 'directory' }],
          [problem('d', 'list'), problem('link', 'readlink'), problem('small', 'open'), problem('small2', 'read')],
        ]),
      )
      expect(done.statistics).toMatchObject({ sourceFiles: 2, errors: 5 })
      expect(of(done, 'unlisted').map((event) => 'path' in event && event.path)).toEqual(['d'])
      expect(of(done, 'unreadable').map((event) => 'path' in event && event.path)).toEqual([
        'gone',
        'link',
        'small',
        'small2',
      ])
      expect(done.entries.map(({ entry }) => entry.path)).toEqual(['', 'd'])
    })
  })

  it('skips sockets and says so', async () => {
    const done = await backedUp(fakeTree([[root, { path: raw('s'), kind: 'socket' }, fileOf('z', Buffer.from('z'))]]))
    expect(done.entries.map(({ entry }) => entry.path)).toEqual(['', 'z'])
    expect(done.signatures.map(({ path }) => path)).toEqual(['', 'z'])
    expect(of(done, 'socket-skipped')).toEqual([{ type: 'socket-skipped', path: 's' }])
    expect(done.statistics).toMatchObject({ sourceFiles: 2, errors: 0 })
  })

  it('stores times before 1970 as 1970 and says so; fractions are dropped, late times kept', async () => {
    const times = [-2_147_483_648, -1, 0, 1, 2_147_483_648, 8_589_934_592]
    const entries = times.map((mtimeSeconds, index) => fileOf(`f${index}`, Buffer.from('x'), { mtimeSeconds }))
    const done = await backedUp(fakeTree([[{ ...root, mtimeSeconds: -5 }, ...entries]]))
    const stored = [0, ...times.map((time) => Math.max(0, time))]
    expect(done.entries.map(({ entry }) => entry.meta!.mtimeSeconds)).toEqual(stored)
    expect(done.signatures.map(({ meta }) => meta!.mtimeSeconds)).toEqual(stored)
    expect(of(done, 'time-before-1970')).toEqual([
      { type: 'time-before-1970', path: '', seconds: -5 },
      { type: 'time-before-1970', path: 'f0', seconds: -2_147_483_648 },
      { type: 'time-before-1970', path: 'f1', seconds: -1 },
    ])
  })

  it('counts in the real terms, and the survey counts the same without reading', async () => {
    const entries: FakeEntry[] = [
      { ...root, size: 4096 },
      fileOf('a', random.bytes(1000)),
      fileOf('b', random.bytes(100_000)),
      { path: raw('c'), kind: 'directory', size: 4096 },
      { path: raw('d'), kind: 'symlink', size: 7, linkTarget: raw('nowhere') },
      { path: raw('e'), kind: 'fifo' },
      { path: raw('s'), kind: 'socket' },
    ]
    const tree = fakeTree([entries])
    const done = await backedUp(tree)
    const size = 4096 + 1000 + 100_000 + 4096 + 7
    const expected = {
      sourceFiles: 6,
      sourceFileSize: size,
      newFiles: 6,
      newFileSize: size,
      deletedFiles: 0,
      changedFiles: 0,
      changedFileSize: 0,
      deltaEntries: 6,
      rawDeltaSize: 101_000,
      errors: 0,
    }
    expect(done.statistics).toEqual(expected)
    const surveyed = fakeTree([entries])
    expect(await surveyFull({ tree: surveyed })).toEqual({ ...expected, rawDeltaSize: 0 })
    expect(surveyed.opened).toEqual([])
    const progress = of(done, 'progress').map((event) => ('bytes' in event ? event.bytes : Number.NaN))
    expect(progress.toSorted((a, b) => a - b)).toEqual(progress)
    expect(progress.at(-1)).toBe(101_000)
    const told = of(done, 'new').map((event) => 'path' in event && event.path)
    expect(told).toEqual(['', 'a', 'b', 'c', 'd', 'e'])
  })

  it('says in the manifest what it is told of the source, and leaves the files out on request', async () => {
    const tree = () => fakeTree([[root, fileOf('a', Buffer.from('x'))]])
    const done = await backedUp(tree(), { hostname: 'host', localDir: raw('/hom\xe9') })
    expect(done.manifest).toMatchObject({ hostname: 'host', localDir: '/hom\xe9', fileCount: 1 })
    const without = await backedUp(tree(), { listFiles: false })
    expect(without.manifest).toMatchObject({ files: [], fileCount: 0 })
    expect(without.manifest.hostname).toBeUndefined()
  })

  it('cuts large files over volumes and says where in the manifest', async () => {
    const content = random.bytes(400_000)
    const done = await backedUp(fakeTree([[root, fileOf('a', Buffer.from('x')), fileOf('big', content)]]), {
      volumeBytes: 140_000,
    })
    expect(contentOf(done, 'big')).toBe(content.toString('latin1'))
    expect([...done.manifest.volumes.values()].map(({ start, end }) => [start, end])).toEqual([
      [{ path: '' }, { path: 'big', block: 2 }],
      [
        { path: 'big', block: 3 },
        { path: 'big', block: 4 },
      ],
      [{ path: 'big', block: 5 }, { path: 'big' }],
    ])
    for (const volume of done.volumes) expect(volume.length).toBeLessThanOrEqual(140_000)
  })

  describe('takes the set back', () => {
    const entries = [root, ...Array.from({ length: 30 }, (_, index) => fileOf(`f${index + 10}`, random.bytes(90_000)))]

    it('when its signal comes, in the middle of the walk or of a file', async () => {
      for (const at of ['walk', 'file'] as const) {
        const controller = new AbortController()
        const reason = new Error('enough')
        const storage = createMemoryStorage()
        const tree = fakeTree(
          entries.map((entry) => [entry]),
          (index) => {
            if (at === 'walk' && index === 15) controller.abort(reason)
          },
        )
        const stopping =
          at === 'walk'
            ? tree
            : {
                ...tree,
                async *open(entry: Parameters<typeof tree.open>[0]) {
                  yield* tree.open(entry)
                  if (entry.path !== 'f20') return
                  controller.abort(reason)
                  throw reason
                },
              }
        await expect(
          backedUp(stopping, {
            signal: controller.signal,
            volumeBytes: 200_000,
            repositoryOptions: { storage, signal: controller.signal },
          }),
        ).rejects.toBe(reason)
        const keys: string[] = []
        for await (const { key } of storage.list()) keys.push(key)
        expect(keys).toEqual([])
        expect(tree.walkEnded).toBe(true)
        expect(tree.opened).toEqual(tree.closed)
      }
    })

    it('when the storage fails, at whatever put, and lets go of the tree', async () => {
      for (const nth of [1, 2, 5, 'sigtar', 'manifest'] as const) {
        const storage = createMemoryStorage()
        let puts = 0
        const failing = passThrough(storage, {
          put(key, source, options) {
            puts += 1
            if (puts === nth || key.includes(String(nth))) {
              throw new StorageError('no-space', 'full', { operation: 'put', key })
            }
            return storage.put(key, source, options)
          },
        })
        const tree = fakeTree(entries.map((entry) => [entry]))
        await expect(
          backedUp(tree, { volumeBytes: 300_000, repositoryOptions: { storage: failing } }),
        ).rejects.toMatchObject({ code: 'no-space' })
        const keys: string[] = []
        for await (const { key } of storage.list()) keys.push(key)
        expect(keys).toEqual([])
        expect(tree.walkEnded).toBe(true)
        expect(tree.opened).toEqual(tree.closed)
      }
    })

    it('when the tree fails, and when nothing at all is in it', async () => {
      const storage = createMemoryStorage()
      const dying = fakeTree(
        entries.map((entry) => [entry]),
        (index) => {
          if (index === 9) throw new Error('the worker died')
        },
      )
      await expect(backedUp(dying, { volumeBytes: 200_000, repositoryOptions: { storage } })).rejects.toThrow(
        'the worker died',
      )
      for (const batches of [[], [[]], [[problem('', 'lstat')]], [[{ ...root, kind: 'socket' as const }]]]) {
        await expect(backedUp(fakeTree(batches), { repositoryOptions: { storage } })).rejects.toMatchObject({
          name: 'BackupError',
          code: 'nothing-to-store',
        })
      }
      const keys: string[] = []
      for await (const { key } of storage.list()) keys.push(key)
      expect(keys).toEqual([])
    })
  })

  it('backs up a root that is a file', async () => {
    for (const size of [5, 70_000]) {
      const content = random.bytes(size)
      const done = await backedUp(fakeTree([[{ ...fileOf('', content) }]]))
      expect(done.entries.map(({ entry, content: bytes }) => [entry.path, bytes.length])).toEqual([['', size]])
      expect(done.signatures.map(({ action, path }) => [action, path])).toEqual([['signature', '']])
    }
  })

  itWith(['tar'], 'is read by GNU tar with every owner, mode and time', async () => {
    const folder = await tempDir('tar')
    mkdirSync(join(folder, 'out'))
    const done = await backedUp(
      fakeTree([
        [
          root,
          fileOf('a', Buffer.from('x'), { mode: 0o4751, uid: 3_000_000, gid: 5 }),
          { path: raw('l'), kind: 'symlink', linkTarget: raw('t'.repeat(300)), mode: 0o777 },
          fileOf('n'.repeat(200), Buffer.from('y')),
        ],
      ]),
      { owners: nobody },
    )
    const { stdout } = await run(['tar', '--numeric-owner', '--utc', '--full-time', '-tvf', '-'], {
      input: done.volumes[0]!,
      check: true,
    })
    const lines = stdout.toString().trimEnd().split('\n')
    expect(lines).toEqual([
      'drw-r--r-- 1000/100          0 2020-09-13 12:26:40 snapshot/./',
      '-rwsr-x--x 3000000/5         1 2020-09-13 12:26:40 snapshot/a',
      `lrwxrwxrwx 1000/100          0 2020-09-13 12:26:40 snapshot/l -> ${'t'.repeat(300)}`,
      `-rw-r--r-- 1000/100          1 2020-09-13 12:26:40 snapshot/${'n'.repeat(200)}`,
    ])
  })
})
