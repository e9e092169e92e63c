import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { itWith, peer, run, snapshotTree, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { encodeTarHeader, tarEnd, type TarHeader, tarPadding } from '../src/index.ts'
import { outcome } from './outcome.ts'

const raw = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

describe('TarDecoder against GNU tar', () => {
  let dir: string
  const time = 1_600_000_000

  beforeAll(async () => {
    dir = await tempDir('tar')
    const file = (name: string, body: string, mtime = time): void => {
      const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, 'latin1')])
      writeFileSync(path, body)
      utimesSync(path, mtime, mtime)
    }
    file('empty', '')
    file('hello', 'hello\n')
    file('block', 'b'.repeat(512))
    file('large', 'l'.repeat(200_001))
    file('caf\u00e9 \u00ff\n', 'not UTF-8')
    file(raw(Buffer.from('\u00fcn\u00efc\u00f6d\u00e9')), 'UTF-8')
    file('new', 'after 2242', 0o77777777777 + 5)
    mkdirSync(join(dir, 'folder'))
    chmodSync(join(dir, 'hello'), 0o6751)
    linkSync(join(dir, 'hello'), join(dir, 'zz-hard'))
    symlinkSync('hello', join(dir, 'soft'))
  })

  /** Names on disk with the body that is to be read; of 100, 101, 155, 255 and more bytes with their folders. */
  const withLongNames = (max: number): string[] => {
    const names: string[] = []
    for (const length of [98, 99, 100, 101, 155, 156, 200, 254, 255, 256, 257, 400, 1000].filter((n) => n <= max)) {
      let path = `d${length}`
      while (length - path.length > 101) path += `/${'f'.repeat(99)}`
      mkdirSync(join(dir, path), { recursive: true })
      path += `/${'n'.repeat(length - path.length - 1)}`
      writeFileSync(join(dir, path), `${length}`)
      names.push(path)
    }
    return names
  }

  const checkTree = async (argv: string[], names: readonly string[], keepsAllTimes: boolean): Promise<void> => {
    const list = ['--no-recursion', '--null', '--verbatim-files-from', '-T', '-']
    const input = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1')
    const { stdout, code, stderr } = await run(['tar', ...argv, ...list], { cwd: dir, input })
    expect(code, raw(stderr)).toBe(0)
    const { members, error, ended } = outcome(stdout)
    expect(error).toBeUndefined()
    expect(ended).toBe(true)
    const tree = await snapshotTree(dir)
    expect(members.map(({ header }) => header.name.replace(/\/$/, ''))).toEqual(names)
    for (const { header, body } of members) {
      const onDisk = tree.get(header.name.replace(/\/$/, ''))!
      expect(header).toMatchObject({ mode: onDisk.mode, uid: onDisk.uid, gid: onDisk.gid })
      if (keepsAllTimes || onDisk.mtimeSeconds <= 0o77777777777)
        expect(Math.floor(header.mtime)).toBe(onDisk.mtimeSeconds)
      if (header.type === 'hardlink') expect(header.linkName).toBe('hello')
      else expect(header.type).toBe(onDisk.kind)
      if (header.type === 'symlink') expect(header.linkName).toBe(onDisk.link)
      if (header.type === 'file') {
        expect(body).toBe(readFileSync(Buffer.from(`${dir}/${header.name}`, 'latin1')).toString('latin1'))
      }
    }
  }

  const plainNames = [
    'empty',
    'hello',
    'block',
    'large',
    'caf\u00e9 \u00ff\n',
    raw(Buffer.from('\u00fcn\u00efc\u00f6d\u00e9')),
    'folder',
    'zz-hard',
    'soft',
  ]

  for (const [format, longest] of [
    ['gnu', 1000],
    ['oldgnu', 1000],
    ['pax', 1000],
    ['ustar', 200],
    ['v7', 99],
  ] as const) {
    itWith('tar', `reads what tar --format=${format} writes`, async () => {
      const keepsAllTimes = longest === 1000
      const names = [...plainNames, ...withLongNames(longest), ...(keepsAllTimes ? ['new'] : [])]
      if (format === 'ustar') {
        // The longest that a prefix and a name can hold.
        mkdirSync(join(dir, 'p'.repeat(155)))
        names.push(`${'p'.repeat(155)}/${'n'.repeat(100)}`)
        writeFileSync(join(dir, names.at(-1)!), '256')
      }
      await checkTree(['-c', `--format=${format}`], names, keepsAllTimes)
    })
  }

  itWith('tar', 'reads owners that are too large for octal digits', async () => {
    for (const format of ['gnu', 'pax']) {
      const argv = ['tar', '-c', `--format=${format}`, '--owner=somebody:3000000', '--group=many:4294967294', 'hello']
      const { stdout } = await run(argv, { cwd: dir, check: true })
      expect(outcome(stdout).members[0]!.header).toMatchObject({
        uid: 3_000_000,
        gid: 4_294_967_294,
        userName: 'somebody',
        groupName: 'many',
      })
    }
  })

  itWith('tar', 'reads times before 1970, with fractions where the format has them', async () => {
    const argv = (format: string) => ['tar', '-c', `--format=${format}`, '--mtime=1960-01-01 00:00:00.25 UTC', 'hello']
    const gnu = await run(argv('gnu'), { cwd: dir, check: true })
    expect(outcome(gnu.stdout).members[0]!.header.mtime).toBe(-315_619_200)
    const pax = await run(argv('pax'), { cwd: dir, check: true })
    expect(outcome(pax.stdout).members[0]!.header.mtime).toBe(-315_619_199.75)
  })

  itWith('tar', 'reads sizes over 8 GiB, of a sparse file that is stored densely', async () => {
    const size = 8 * 1024 ** 3 + 1
    await run(['truncate', '-s', String(size), 'huge'], { cwd: dir, check: true })
    for (const format of ['gnu', 'pax']) {
      // The first record only: head ends, and so does tar.
      const script = 'tar -c --format="$1" huge 2>/dev/null | head -c 10240'
      const { stdout } = await run(['sh', '-c', script, 'sh', format], { cwd: dir, check: true })
      const { members, error } = outcome(stdout)
      expect(members[0]!.header).toMatchObject({ name: 'huge', type: 'file', size })
      expect(error?.code).toBe('truncated')
    }
  })

  itWith('tar', 'tells sparse members of every format as "other", by their real name, and stays in step', async () => {
    // Data in 40 places: more than a header and one block after it can map.
    const holes = openSync(join(dir, 'holes'), 'w')
    for (let i = 0; i < 40; i++) writeSync(holes, `${i}`.padEnd(4096, '.'), i * 65_536)
    closeSync(holes)
    for (const format of [
      ['gnu'],
      ['pax', '--sparse-version=0.0'],
      ['pax', '--sparse-version=0.1'],
      ['pax', '--sparse-version=1.0'],
    ]) {
      const { stdout } = await run(['tar', '-cS', `--format=${format[0]}`, ...format.slice(1), 'holes', 'hello'], {
        cwd: dir,
        check: true,
      })
      const { members, error } = outcome(stdout)
      expect(error).toBeUndefined()
      expect(members.map(({ header }) => [header.name, header.type])).toEqual([
        ['holes', 'other'],
        ['hello', 'file'],
      ])
      expect(members[0]!.body).toContain('39....')
      expect(members[1]!.body).toBe('hello\n')
    }
  })

  itWith('tar', 'reads volume labels and incremental archives, whose folders have a body', async () => {
    const { stdout } = await run(
      ['tar', '-c', '--format=gnu', '-V', 'a label', '-g', join(dir, 'snapshot-of-tar'), 'folder', 'hello'],
      {
        cwd: dir,
        check: true,
      },
    )
    expect(outcome(stdout).members.map(({ header }) => [header.name, header.typeflag])).toEqual([
      ['a label', 'V'],
      ['folder/', 'D'],
      ['hello', '0'],
    ])
  })
})

describe('encodeTarHeader() against GNU tar', () => {
  const member = (fields: Partial<TarHeader>, body = ''): Uint8Array[] => [
    encodeTarHeader({
      name: 'a' as RawPath,
      type: 'file',
      mode: 0o640,
      uid: 0,
      gid: 0,
      mtime: 1_600_000_000,
      linkName: '' as RawPath,
      userName: '',
      groupName: '',
      devMajor: 0,
      devMinor: 0,
      ...fields,
      size: body.length,
    }),
    Buffer.from(body, 'latin1'),
    Buffer.alloc(tarPadding(body.length)),
  ]
  const long = `${'folder/'.repeat(40)}${'n'.repeat(255)}`

  const archive = (): Buffer => {
    const members = Buffer.concat([
      ...member({ name: 'caf\u00e9' as RawPath }, 'not UTF-8'),
      ...member({ name: long as RawPath }, 'x'.repeat(513)),
      ...member({ name: 'soft' as RawPath, type: 'symlink', linkName: long as RawPath }),
      ...member({ name: 'folder' as RawPath, type: 'directory', mode: 0o755 }),
      ...member({ name: 'huge-owner' as RawPath, uid: 3_000_000, gid: 4_294_967_294, userName: 'nobody-knows' }),
      ...member({ name: 'fifo' as RawPath, type: 'fifo' }),
    ])
    return Buffer.concat([members, tarEnd(members.length)])
  }

  itWith('tar', 'is listed by tar without a complaint', async () => {
    const argv = ['tar', '-tv', '--numeric-owner', '--full-time', '--utc', '--quoting-style=escape', '-f', '-']
    const { stdout, stderr } = await run(argv, { input: archive(), check: true })
    expect(stderr.toString()).toBe('')
    expect(stdout.toString().trimEnd().replaceAll(/ +/g, ' ').split('\n')).toEqual([
      '-rw-r----- 0/0 9 2020-09-13 12:26:40 caf\\351',
      `-rw-r----- 0/0 513 2020-09-13 12:26:40 ${long}`,
      `lrw-r----- 0/0 0 2020-09-13 12:26:40 soft -> ${long}`,
      'drwxr-xr-x 0/0 0 2020-09-13 12:26:40 folder/',
      '-rw-r----- 3000000/4294967294 0 2020-09-13 12:26:40 huge-owner',
      'prw-r----- 0/0 0 2020-09-13 12:26:40 fifo',
    ])
  })

  itWith([peer('tar'), peer('root')], 'is extracted by tar as it was meant', async () => {
    const dir = await tempDir('tar')
    await run(['tar', '-xp', '--numeric-owner', '-f', '-'], { cwd: dir, input: archive(), check: true })
    const tree = await snapshotTree(dir)
    expect(tree.get('caf\u00e9')).toMatchObject({ kind: 'file', mode: 0o640, size: 9, mtimeSeconds: 1_600_000_000 })
    expect(tree.get(long)).toMatchObject({ kind: 'file', size: 513 })
    expect(tree.get('soft')).toMatchObject({ kind: 'symlink', link: long })
    expect(tree.get('huge-owner')).toMatchObject({ uid: 3_000_000, gid: 4_294_967_294 })
    expect(tree.get('fifo')).toMatchObject({ kind: 'fifo' })
  })
})
