// Daily use of an account: `coalmine mf …`. Judges: the emulator's own account and request log, and hashes of contents.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { mfVerbs } from '../src/lib/mf/verbs.ts'
import { endShared, said } from './coalmine.ts'
import { jsonLines, mediaFireWorld, noise, plant, sha256 } from './mediafire-account.ts'

afterAll(endShared)

/** By verb and option: a test in which it changes the outcome. The last test holds them against the table. */
const tested = new Set<string>()
function option(names: string | readonly string[], what: string, fn: () => Promise<void>): void {
  for (const name of [names].flat()) tested.add(name)
  it(`${[names].flat().join(', ')}: ${what}`, fn, 60_000)
}

/** What is below a folder: hashes by path. */
function hashesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter((name) => statSync(join(folder, name)).isFile())
  return Object.fromEntries(files.map((name) => [name, sha256(readFileSync(join(folder, name)))]))
}

const under = (path: string, hashes: Record<string, string>) =>
  Object.fromEntries(Object.entries(hashes).map(([name, hash]) => [`${path}/${name}`, hash]))

describe('coalmine mf put and get', () => {
  it('bring a tree there and back, and do nothing twice', async () => {
    const { mf, emulator, folder, files, folders } = await mediaFireWorld()
    const hashes = plant(join(folder, 'tree'), {
      'a.txt': 'hello\n',
      'sub/größe 1.bin': noise(300_000),
      'sub/deep/.hidden': '',
      'sub/deep/big': noise(9_000_000),
      'same as a': 'hello\n',
    })
    plant(folder, { 'tree/empty/x': '' })
    const put = await mf(['put', 'tree', '/Photos/2026'])
    expect(put.code, said(put)).toBe(0)
    expect(files()).toEqual({ ...under('/Photos/2026', hashes), '/Photos/2026/empty/x': sha256('') })
    expect(folders()).toContain('/Photos/2026/sub/deep')
    // What is made is seen by nobody else.
    expect(new Set(emulator.account().folders.map(({ privacy }) => privacy))).toEqual(new Set(['private']))
    expect(put.out).toMatch(/^Put 6 files, /m)

    const before = emulator.log.count('upload/*')
    const again = await mf(['put', 'tree', '/Photos/2026'])
    expect(again.code, said(again)).toBe(0)
    expect(again.out).toContain('6 unchanged')
    expect(emulator.log.count('upload/*')).toBe(before)

    const got = await mf(['get', 'mf:/Photos/2026', 'back'])
    expect(got.code, said(got)).toBe(0)
    expect(hashesIn(join(folder, 'back'))).toEqual({ ...hashes, 'empty/x': sha256('') })
    const downloads = emulator.log.count('download')
    const gotAgain = await mf(['get', 'mf://Photos/2026/', 'back'])
    expect(gotAgain.code, said(gotAgain)).toBe(0)
    expect(gotAgain.out).toContain('6 unchanged')
    expect(emulator.log.count('download')).toBe(downloads)
  }, 60_000)

  it('single files go into a folder under their names', async () => {
    const { mf, folder, files } = await mediaFireWorld()
    const hashes = plant(folder, { one: 'one', two: 'two' })
    expect((await mf(['put', 'one', 'two', '/'])).code).toBe(0)
    expect(files()).toEqual(under('', hashes))
    const got = await mf(['get', '/one', 'two', 'new/folder'])
    expect(got.code, said(got)).toBe(0)
    expect(hashesIn(join(folder, 'new', 'folder'))).toEqual(hashes)
  })

  option(['put --existing', 'get --existing'], 'says what becomes of other bytes under that name', async () => {
    const { mf, folder, files, emulator } = await mediaFireWorld()
    const old = plant(folder, { a: 'old' })['a']!
    expect((await mf(['put', 'a', '/'])).code).toBe(0)
    const fresh = plant(folder, { a: 'new' })['a']!
    const refused = await mf(['put', 'a', '/'])
    expect(refused.code).toBe(23)
    expect(refused.err).toContain('Cannot upload "a": the folder has a file of that name with other bytes')
    expect(files()).toEqual({ '/a': old })
    const skipped = await mf(['put', 'a', '/', '--existing', 'skip'])
    expect([skipped.code, files()]).toEqual([0, { '/a': old }])
    const kept = await mf(['put', 'a', '/', '--existing', 'keep'])
    expect(kept.code, said(kept)).toBe(0)
    expect(Object.values(files()).sort()).toEqual([old, fresh].sort())
    const replaced = await mf(['put', 'a', '/', '--existing', 'replace'])
    expect(replaced.code, said(replaced)).toBe(0)
    expect(files()['/a']).toBe(fresh)
    expect((await mf(['put', 'a', '/', '--existing', 'what'])).err).toContain('it may be refuse, replace, keep, skip')

    plant(folder, { 'here/a': 'mine' })
    const notGot = await mf(['get', '/a', 'here'])
    expect(notGot.code).toBe(23)
    expect(notGot.err).toContain('Cannot get "/a": a file of that name with other bytes is there')
    const left = await mf(['get', '/a', 'here', '--existing', 'skip'])
    expect([left.code, readFileSync(join(folder, 'here', 'a'), 'utf8')]).toEqual([0, 'mine'])
    expect((await mf(['get', '/a', 'here', '--existing', 'replace'])).code).toBe(0)
    expect(hashesIn(join(folder, 'here'))).toEqual({ a: fresh })
    expect(emulator.account().trash).toEqual([])
  })

  option(['put --concurrency', 'get --concurrency'], 'says how many files are on their way at a time', async () => {
    const { mf, folder, emulator } = await mediaFireWorld()
    plant(join(folder, 'tree'), Object.fromEntries([1, 2, 3, 4].map((n) => [`f${n}`, noise(20_000)])))
    emulator.faults.add({ call: 'upload/simple', fault: { kind: 'stall', when: 'before', ms: 150 } })
    emulator.faults.add({ call: 'download', fault: { kind: 'stall', when: 'before', ms: 150 } })
    /** Most calls that were there at a time. */
    const most = (call: string) => {
      const calls = emulator.log.calls(call)
      return Math.max(...calls.map((one) => calls.filter((other) => meets(one, other)).length))
    }
    const meets = (one: { atMs: number; tookMs: number }, other: { atMs: number; tookMs: number }) =>
      other.atMs <= one.atMs && one.atMs < other.atMs + other.tookMs
    expect((await mf(['put', 'tree', '/One', '--concurrency', '1'])).code).toBe(0)
    expect(most('upload/simple')).toBe(1)
    expect((await mf(['get', '/One', 'one', '--concurrency', '1'])).code).toBe(0)
    expect(most('download')).toBe(1)
    emulator.log.clear()
    plant(join(folder, 'tree'), Object.fromEntries([1, 2, 3, 4].map((n) => [`f${n}`, noise(20_000)])))
    expect((await mf(['put', 'tree', '/Four', '--concurrency', '4'])).code).toBe(0)
    expect(most('upload/simple')).toBeGreaterThan(1)
    expect((await mf(['get', '/Four', 'four', '--concurrency', '4'])).code).toBe(0)
    expect(most('download')).toBeGreaterThan(1)
  })

  it('what fails does not keep the others, is one sentence each, and is code 1', async () => {
    const { mf, folder, files, emulator } = await mediaFireWorld()
    const hashes = plant(join(folder, 'tree'), { a: 'a', b: 'b', 'c:d': 'no such name there' })
    const put = await mf(['put', 'tree', '/T'])
    expect(put.code, said(put)).toBe(1)
    expect(put.err.split('\n')).toEqual([
      'Cannot upload "c:d": a name cannot have : in it',
      'Not all is done: 1 of 3 items failed, see above',
      '',
    ])
    expect(files()).toEqual({ '/T/a': hashes['a'], '/T/b': hashes['b'] })
    emulator.duplicateFile(emulator.account().files[0]!.key)
    const got = await mf(['get', '/T', 'back'])
    expect(got.code).toBe(1)
    expect(got.err).toContain('Cannot get "/T/a": there are 2 of that name, and which one is meant cannot be told')
    expect(hashesIn(join(folder, 'back'))).toEqual({ b: hashes['b'] })
    const byKey = await mf(['get', `key:${emulator.account().files[0]!.key}`, 'back'])
    expect(byKey.code, said(byKey)).toBe(0)
    expect(hashesIn(join(folder, 'back'))).toEqual({ a: hashes['a'], b: hashes['b'] })
    const onto = await mf(['put', join('tree', 'a'), '/T', '--existing', 'replace'])
    expect([onto.code, onto.err]).toEqual([0, '']) // The same bytes are there: nothing has to be chosen.
    plant(folder, { 'tree/a': 'other' })
    const guess = await mf(['put', join('tree', 'a'), '/T', '--existing', 'replace'])
    expect(guess.code).toBe(23)
    expect(guess.err).toContain('there are 2 files of that name')
    expect((await mf(['get', '/nowhere', 'back'])).code).toBe(52)
    expect((await mf(['put', 'nowhere', '/'])).code).toBe(13)
    emulator.changeAccount({ baseStorage: 10, bonusStorage: 0 })
    plant(folder, { 'tree/b': noise(100) })
    const full = await mf(['put', join('tree', 'b'), '/Full'])
    expect([full.code, full.err]).toEqual([53, expect.stringContaining('the storage of the account is full')])
  })

  it('a wrong password is one sentence and code 51, and so is none', async () => {
    const { mf, folder } = await mediaFireWorld()
    plant(folder, { a: '' })
    const wrong = await mf(['put', 'a', '/'], { env: { MEDIAFIRE_PASSWORD: 'wr0ng' } })
    expect(wrong.code, said(wrong)).toBe(51)
    expect(wrong.err.trim().split('\n')).toHaveLength(1)
    expect(said(wrong)).not.toContain('wr0ng')
    const none = await mf(['ls'], { env: { MEDIAFIRE_PASSWORD: undefined } })
    expect([none.code, none.err]).toEqual([
      51,
      'Cannot sign in to MediaFire: there is no password; set MEDIAFIRE_PASSWORD, or "coalmine login mf" keeps one, --credential-command brings one\n',
    ])
    expect((await mf(['ls'], { env: { MEDIAFIRE_EMAIL: undefined } })).err).toContain('whose account')
  })
})

describe('coalmine mf in an account', () => {
  async function planted() {
    const made = await mediaFireWorld()
    const hashes = plant(join(made.folder, 'tree'), { 'a.txt': 'a', 'd/b.txt': 'bb', 'd/e/c.txt': 'ccc' })
    const put = await made.mf(['put', 'tree', '/T'])
    expect(put.code, said(put)).toBe(0)
    const keyOf = (path: string) =>
      [...made.emulator.account().files, ...made.emulator.account().folders].find((one) => one.path === path)!.key
    return { ...made, hashes, keyOf }
  }

  option(['ls --recursive', 'ls --json', 'info --json'], 'tells what is there', async () => {
    const { mf, hashes, keyOf } = await planted()
    const plain = await mf(['ls', '/T'])
    expect(plain.code, said(plain)).toBe(0)
    expect(plain.out.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'TIME')).toBe(
      `            -  TIME  private  ${keyOf('/T/d').padEnd(15)}  d/\n` +
        `            1  TIME  private  ${keyOf('/T/a.txt').padEnd(15)}  a.txt\n`,
    )
    const names = (out: string) => out.match(/\S+$/gm)
    expect(names((await mf(['ls', '/T', '--recursive'])).out)).toEqual(['d/', 'd/e/', 'd/e/c.txt', 'd/b.txt', 'a.txt'])
    const told = jsonLines((await mf(['ls', '--recursive', '--json'])).out)
    expect(told.map(({ kind, path, key, sha256: hash }) => [kind, path, key, hash])).toEqual([
      ['folder', 'T', keyOf('/T'), undefined],
      ['folder', 'T/d', keyOf('/T/d'), undefined],
      ['folder', 'T/d/e', keyOf('/T/d/e'), undefined],
      ['file', 'T/d/e/c.txt', keyOf('/T/d/e/c.txt'), hashes['d/e/c.txt']],
      ['file', 'T/d/b.txt', keyOf('/T/d/b.txt'), hashes['d/b.txt']],
      ['file', 'T/a.txt', keyOf('/T/a.txt'), hashes['a.txt']],
    ])
    const info = await mf(['info', '/T/a.txt', `key:${keyOf('/T/d')}`])
    expect(info.code, said(info)).toBe(0)
    expect(info.out).toContain(`/T/a.txt:\n  kind: file\n`)
    expect(info.out).toContain(`  sha256: ${hashes['a.txt']}\n`)
    expect(info.out).toContain('  totalSize: 5\n')
    const [one] = jsonLines((await mf(['info', '/T/a.txt', '--json'])).out)
    expect(one).toMatchObject({ kind: 'file', size: 1, sha256: hashes['a.txt'], key: keyOf('/T/a.txt') })
    expect((await mf(['ls', '/T/a.txt/'])).code).toBe(52)
  })

  option(
    ['rm --recursive', 'rm --purge', 'rm --json', 'trash --json', 'df --json'],
    'deletes to the trash or for good, and tells of room',
    async () => {
      const { mf, files, emulator, keyOf } = await planted()
      const [a, d] = [keyOf('/T/a.txt'), keyOf('/T/d')]
      const asFolder = await mf(['rm', '/T/a.txt', '/T/d'])
      expect(asFolder.code).toBe(23)
      expect(asFolder.err).toContain('Cannot delete "/T/d": it is a folder; --recursive deletes it')
      expect(Object.keys(files())).toHaveLength(3) // Nothing is deleted before all of it is clear.
      const rm = await mf(['rm', '/T/a.txt', '--json'])
      expect(jsonLines(rm.out)).toEqual([{ outcome: 'in the trash', kind: 'file', path: '/T/a.txt', key: a }])
      expect((await mf(['rm', '/T/d', '--recursive'])).code).toBe(0)
      expect(files()).toEqual({})
      expect(
        emulator
          .account()
          .trash.map(({ key }) => key)
          .sort(),
      ).toEqual([a, d].sort())
      expect(emulator.account().usedBytes).toBe(6)
      expect((await mf(['trash'])).out).toMatch(new RegExp(`${d} +d/\\n.*${a} +a.txt\\n$`))
      expect(jsonLines((await mf(['trash', '--json'])).out).map(({ key }) => key)).toEqual([d, a])
      const df = await mf(['df'])
      expect(df.out).toContain('Trash: 1 file and 1 folder (files: 1 byte), which count as used\n')
      const { usedBytes, storageLimit: totalBytes } = emulator.account()
      const [told] = jsonLines((await mf(['df', '--json'])).out)
      expect(told).toMatchObject({ usedBytes, totalBytes, freeBytes: totalBytes - usedBytes, trashFiles: 1 })
      expect((await mf(['trash', 'fill'])).code).toBe(23)
      expect((await mf(['trash', 'empty'])).code).toBe(0)
      expect([emulator.account().trash, emulator.account().usedBytes]).toEqual([[], 0])

      expect((await mf(['mkdir', '/P'])).code).toBe(0)
      const purged = await mf(['rm', '--purge', '--recursive', '/P', '/T'])
      expect(purged.code, said(purged)).toBe(0)
      expect([emulator.account().folders, emulator.account().trash]).toEqual([[], []])
      expect((await mf(['rm', '--recursive', '/'])).err).toContain('it is the root of the account')
      expect((await mf(['rm', '/T'])).code).toBe(52)
    },
  )

  it('rm believes what is there, not what is answered', async () => {
    const { mf, files, emulator, keyOf } = await planted()
    const once = (fault: Parameters<typeof emulator.faults.add>[0]['fault']) =>
      emulator.faults.add({ call: 'file/purge', fault, times: 1 })
    once({ kind: 'error', code: 100, status: 900, applied: true })
    const done = await mf(['rm', '--purge', '/T/a.txt'])
    expect(done.code, said(done)).toBe(0)
    expect(files()['/T/a.txt']).toBeUndefined()
    if (process.env['COALMINE_LONG'] === undefined) return // It looks again and again, for a quarter of a minute.
    const key = keyOf('/T/d/b.txt')
    emulator.faults.add({ call: 'file/purge', fault: { kind: 'error', code: 209 } })
    const kept = await mf(['rm', '--purge', '/T/d/b.txt'])
    expect(kept.code).toBe(50)
    expect(kept.err).toContain(`Cannot purge the file "${key}": MediaFire says that it was done, and it is still there`)
  }, 60_000)

  option(['mkdir --json', 'mv --json', 'cp --json'], 'makes, moves and copies, and never over something', async () => {
    const { mf, files, folders, hashes, keyOf } = await planted()
    const made = await mf(['mkdir', '/New/Folder', '/T', '--json'])
    expect(jsonLines(made.out)).toEqual([
      { outcome: 'made', kind: 'folder', path: '/New/Folder', key: keyOf('/New/Folder') },
      { outcome: 'unchanged', kind: 'folder', path: '/T', key: keyOf('/T') },
    ])
    const key = keyOf('/T/a.txt')
    const moved = await mf(['mv', '/T/a.txt', '/New/Folder/z.txt', '--json'])
    expect(moved.code, said(moved)).toBe(0)
    expect(jsonLines(moved.out)).toEqual([
      { outcome: 'moved', kind: 'file', path: '/T/a.txt', to: '/New/Folder/z.txt', key },
    ])
    expect([keyOf('/New/Folder/z.txt'), files()['/T/a.txt']]).toEqual([key, undefined])
    const into = await mf(['mv', '/New/Folder/z.txt', '/T/d/b.txt', '/T'])
    expect(into.code, said(into)).toBe(0)
    expect(files()).toEqual({
      '/T/z.txt': hashes['a.txt'],
      '/T/b.txt': hashes['d/b.txt'],
      '/T/d/e/c.txt': hashes['d/e/c.txt'],
    })
    const over = await mf(['mv', '/T/z.txt', '/T/b.txt'])
    expect([over.code, over.err]).toEqual([23, expect.stringContaining('"/T/b.txt" is there already')])
    const itself = await mf(['mv', '/T', '/T/d'])
    expect([itself.code, itself.err]).toEqual([23, expect.stringContaining('a folder cannot be put into itself')])
    expect((await mf(['mv', '/T/d', '/Renamed'])).code).toBe(0)
    expect(folders()).toEqual(['/New', '/New/Folder', '/Renamed', '/Renamed/e', '/T'])

    const copied = await mf(['cp', '/T/z.txt', '/T/copy.txt', '--json'])
    expect(copied.code, said(copied)).toBe(0)
    expect(jsonLines(copied.out)).toMatchObject([{ outcome: 'copied', to: '/T/copy.txt', key: keyOf('/T/copy.txt') }])
    expect([files()['/T/copy.txt'], files()['/T/z.txt']]).toEqual([hashes['a.txt'], hashes['a.txt']])
    expect((await mf(['cp', '/T/z.txt', '/T'])).err).toContain('there is something of that name')
    const tree = await mf(['cp', '/Renamed', '/New'])
    expect(tree.code, said(tree)).toBe(0)
    expect(files()['/New/Renamed/e/c.txt']).toBe(hashes['d/e/c.txt'])
    expect((await mf(['cp', '/T/z.txt', '/T/b.txt', '/Nowhere'])).err).toContain('"mf mkdir" makes one')
    expect((await mf(['mkdir', '/T/b.txt'])).err).toContain('there is a file of that name')
    expect((await mf(['mkdir', '/T/../x'])).err).toContain('no name can be ".."')
  })

  option(
    [
      'publish --recursive',
      'publish --json',
      'unpublish --recursive',
      'unpublish --json',
      'links --one-time',
      'links --json',
    ],
    'gives addresses that work, and takes them back',
    async () => {
      const { mf, emulator, keyOf } = await planted()
      const privacyOf = (path: string) =>
        [...emulator.account().files, ...emulator.account().folders].find((one) => one.path === path)!.privacy
      const published = await mf(['publish', '/T'])
      expect(published.code, said(published)).toBe(0)
      expect(published.out).toBe(`public  /T ${emulator.url}/folder/${keyOf('/T')}\n`)
      expect([privacyOf('/T'), privacyOf('/T/d')]).toEqual(['public', 'private'])
      expect((await mf(['publish', '/T', '--recursive'])).code).toBe(0)
      expect(privacyOf('/T/d/e')).toBe('public')
      const back = await mf(['unpublish', '/T', '--json'])
      expect(jsonLines(back.out)).toEqual([{ outcome: 'private', kind: 'folder', path: '/T', key: keyOf('/T') }])
      expect([privacyOf('/T'), privacyOf('/T/d/e')]).toEqual(['private', 'public'])
      expect((await mf(['unpublish', '/T', '--recursive'])).code).toBe(0)
      expect(privacyOf('/T/d/e')).toBe('private')
      const file = await mf(['publish', '/T/a.txt', '--json'])
      const [{ address }] = jsonLines(file.out) as [{ address: string }]
      expect(address).toContain(keyOf('/T/a.txt'))
      expect(privacyOf('/T/a.txt')).toBe('public')

      const links = await mf(['links', '/T/a.txt'])
      expect(links.code, said(links)).toBe(0)
      const direct = /direct: (\S+)/.exec(links.out)![1]!
      expect(await (await fetch(direct)).text()).toBe('a')
      expect(links.out).not.toContain('oneTime')
      const [told] = jsonLines((await mf(['links', '/T/a.txt', '--one-time', '--json'])).out) as [{ oneTime: string }]
      expect(await (await fetch(told.oneTime)).text()).toBe('a')
      expect((await mf(['links', '/T'])).err).toContain('it is a folder')
      expect((await mf(['publish', '/'])).code).toBe(23)
    },
  )

  it('is used wrongly', async () => {
    const { mf } = await mediaFireWorld()
    const wrong = async (...args: string[]) => {
      const { code, err } = await mf(args)
      expect(code, err).toBe(23)
      return err.split('\n')[0]
    }
    expect(await wrong('frob')).toMatch(/^Cannot run "mf frob": it is one of ls, put, /)
    expect(await wrong('put', 'x')).toBe('Cannot run "mf put" with 1 arguments: it takes LOCAL… FOLDER')
    expect(await wrong('df', 'x')).toBe('Cannot run "mf df" with 1 arguments: it takes none')
    expect(await wrong('ls', '--purge')).toBe('Cannot take "--purge" with "mf ls": it belongs to mf rm')
    expect(await wrong('ls', 'key:../x')).toContain('it has letters and digits only')
    expect(await wrong('ls', 'mf://me@mediafire.com/x')).toContain('the account is in MEDIAFIRE_EMAIL')
    expect(await wrong('ls', '/a//b')).toBe('Cannot use the path "mf:/a//b": the name is empty')
    expect(await wrong('ls', '')).toContain('the root of the account is "/"')
  })
})

// Where what is transferred breaks off, on a terminal, and by hostile names: mf-transfer.test.ts.
for (const name of ['progress', 'progress-rate', 'json'])
  for (const verb of ['put', 'get']) tested.add(`${verb} --${name}`)

it('every option of every verb has a test in which it changes the outcome', () => {
  const all = mfVerbs.flatMap((verb) => verb.options.map((name) => `${verb.name} --${name}`))
  expect(all.filter((one) => !tested.has(one))).toEqual([])
  expect([...tested].filter((one) => !all.includes(one))).toEqual([])
})
