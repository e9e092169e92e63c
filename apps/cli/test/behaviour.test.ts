import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { program, said, type World, world } from './coalmine.ts'

async function withSource(files: Record<string, string | Uint8Array> = { a: 'hello\n' }) {
  const place = await world()
  const source = join(place.folder, 'source')
  mkdirSync(source)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(source, name), content)
  return { ...place, source }
}

const noise = (bytes: number): Buffer => {
  const all = Buffer.alloc(bytes)
  let state = bytes
  for (let at = 0; at < bytes; at++) all[at] = (state = Math.imul(state, 1_103_515_245) + 12_345) >>> 23
  return all
}

const namesOf = (place: World) => readdirSync(join(place.folder, 'storage')).sort()

/** Every failure is one sentence on standard error, without a stack trace. */
function expectSentence(outcome: Awaited<ReturnType<World['run']>>, code: number, sentence: RegExp | string): void {
  expect(outcome.code, said(outcome)).toBe(code)
  expect(outcome.err).toMatch(sentence)
  expect(outcome.err).not.toMatch(/^\s+at /m)
}

describe('bad input', () => {
  it('gets one sentence and the right code', async () => {
    const place = await withSource()
    const file = join(place.folder, 'file')
    writeFileSync(file, '')
    expectSentence(await place.run([]), 23, 'Cannot run: nothing was said to do')
    expectSentence(
      await place.run(['full', 'nowhere', place.url]),
      13,
      'Cannot back up "nowhere": no such file or folder',
    )
    expectSentence(
      await place.run(['full', place.source, 'nope://x/y']),
      23,
      /the scheme "nope" is not known, known are file/,
    )
    expectSentence(await place.run(['full', place.source, 'file:///a#b']), 8, 'write "#" in a path as %23')
    expectSentence(await place.run(['full', place.source, 'file://']), 8, 'it names no folder')
    expectSentence(await place.run(['full', place.source, place.folder]), 23, 'is no URL as file:///folder')
    expectSentence(await place.run(['full', place.url, place.url]), 23, 'SOURCE has to be a local path')
    expectSentence(await place.run([place.source, place.folder]), 23, 'this is no action, nor a folder and a URL')
    expectSentence(
      await place.run(['full', place.source]),
      23,
      'Cannot run "full" with 1 arguments: it takes SOURCE URL',
    )
    expectSentence(await place.run(['restore', place.url, place.target]), 30, 'the storage holds no backup')
    expectSentence(await place.run(['list-current-files', place.url]), 30, 'the storage holds no backup')
    expectSentence(
      await place.run(['full', place.source, place.url, '--volsize', 'big']),
      23,
      'it must be a whole number',
    )
    expectSentence(await place.run(['full', place.source, place.url, '--volsize', '0']), 23, 'the least is 1')
    expectSentence(await place.run(['full', place.source, place.url, '--force']), 23, 'it belongs to restore')
    expect((await place.run(['collection-status', place.url])).code).toBe(0)
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    expectSentence(await place.run(['restore', place.url, place.source]), 11, 'it is not empty; --force')
    expectSentence(await place.run(['restore', place.url, file]), 11, 'there is a file of that name')
  })

  it('a wrong passphrase is refused before anything is written', async () => {
    const place = await withSource()
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const before = readdirSync(join(place.folder, 'storage'))
    const wrong = { env: { PASSPHRASE: 'other' } }
    expectSentence(await place.run(['full', place.source, place.url], wrong), 31, 'passphrase')
    rmSync(place.archiveRoot, { recursive: true })
    expectSentence(await place.run(['full', place.source, place.url], wrong), 31, 'passphrase')
    expectSentence(await place.run(['restore', place.url, place.target], wrong), 31, 'passphrase')
    expectSentence(await place.run(['list-current-files', place.url], wrong), 31, 'passphrase')
    expect(readdirSync(join(place.folder, 'storage'))).toEqual(before)
    expect(existsSync(place.target) && readdirSync(place.target).length > 0).toBe(false)
    expectSentence(await place.run(['full', place.source, place.url], { env: { PASSPHRASE: '' } }), 23, 'it is empty')
  })

  it('an implied backup is a full one, then increments', async () => {
    const place = await withSource()
    // In another second than the file that comes.
    utimesSync(place.source, 1_600_000_000, 1_600_000_000)
    const first = await place.run([place.source, place.url])
    expect(first.code, said(first)).toBe(0)
    expect(first.out).toContain('No signatures found, switching to full backup.')
    writeFileSync(join(place.source, 'new'), 'new')
    const second = await place.run([place.source, place.url])
    expect(second.code, said(second)).toBe(0)
    expect(second.out).toContain('\nNewFiles 2\n')
    expect(namesOf(place).map((name) => name.replaceAll(/\d{8}T\d{6}Z/g, 'T'))).toEqual([
      'duplicity-full-signatures.T.sigtar.gpg',
      'duplicity-full.T.manifest.gpg',
      'duplicity-full.T.vol1.difftar.gpg',
      'duplicity-inc.T.to.T.manifest.gpg',
      'duplicity-inc.T.to.T.vol1.difftar.gpg',
      'duplicity-new-signatures.T.to.T.sigtar.gpg',
    ])
    expect((await place.run([place.url, place.target])).code).toBe(0)
    expect(readFileSync(join(place.target, 'a'), 'utf8')).toBe('hello\n')
    expect(readFileSync(join(place.target, 'new'), 'utf8')).toBe('new')
  })

  it('an increment needs a chain', async () => {
    const place = await withSource()
    const none = await place.run(['incremental', place.source, place.url])
    expectSentence(none, 17, 'Unable to start incremental backup.  Old signatures not found and incremental specified')
    expect(existsSync(join(place.folder, 'storage')) ? namesOf(place) : []).toEqual([])
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    for (const word of ['incremental', 'incr', 'inc', 'ib']) {
      const outcome = await place.run([word, place.source, place.url])
      expect(outcome.code, said(outcome)).toBe(0)
    }
    expect(namesOf(place).filter((name) => name.startsWith('duplicity-inc') && name.includes('manifest'))).toHaveLength(
      4,
    )
    // Without the signatures of the full set nothing can be compared.
    rmSync(
      join(
        place.folder,
        'storage',
        namesOf(place).find((name) => name.includes('full-signatures'))!,
      ),
    )
    expectSentence(await place.run(['inc', place.source, place.url]), 17, 'Old signatures not found')
    const implied = await place.run(['backup', place.source, place.url])
    expect(implied.code, said(implied)).toBe(0)
    expect(implied.out).toContain('No signatures found, switching to full backup.')
  })

  it('bad signatures are never built on: a copy is passed over, for an original a full set is made', async () => {
    const place = await withSource()
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const archive = join(place.archiveRoot, readdirSync(place.archiveRoot)[0]!)
    const copy = join(
      archive,
      readdirSync(archive).find((name) => name.endsWith('.sigtar.gz'))!,
    )
    chmodSync(copy, 0o600)
    writeFileSync(copy, readFileSync(copy).subarray(0, 200))
    const passed = await place.run(['inc', place.source, place.url])
    expect(passed.code, said(passed)).toBe(0)
    expect(passed.out).toContain('in the copy in the archive dir. Beginning again with the original')
    expect(passed.out).toContain('\nDeltaEntries 0\n')
    // The copy is a good one again.
    expect((await place.run(['inc', place.source, place.url])).out).not.toContain('in the copy')

    rmSync(archive, { recursive: true })
    const original = namesOf(place).find((name) => name.includes('full-signatures'))!
    const path = join(place.folder, 'storage', original)
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1]! ^= 1
    chmodSync(path, 0o600)
    writeFileSync(path, bytes)
    const before = namesOf(place)
    expectSentence(
      await place.run(['inc', place.source, place.url]),
      17,
      `Cannot build on the signatures "${original}"`,
    )
    expect(namesOf(place)).toEqual(before)
    const implied = await place.run([place.source, place.url])
    expect(implied.code, said(implied)).toBe(0)
    expect(implied.out).toContain('. Switching to full backup')
    expect(
      namesOf(place).filter((name) => name.startsWith('duplicity-full.') && name.includes('manifest')),
    ).toHaveLength(2)
    expect((await place.run(['inc', place.source, place.url])).code).toBe(0)
  })

  it('a manifest that is not what it was is code 5', async () => {
    const place = await withSource()
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const archive = join(place.archiveRoot, readdirSync(place.archiveRoot)[0]!)
    const copy = join(
      archive,
      readdirSync(archive).find((name) => name.endsWith('.manifest'))!,
    )
    chmodSync(copy, 0o600)
    writeFileSync(copy, readFileSync(copy, 'utf8').replace('Hostname ', 'Hostname not'))
    expectSentence(await place.run(['inc', place.source, place.url]), 5, 'says something else')
  })

  it('a clock at the time of the last set is waited for, one far behind is refused', async () => {
    const place = await withSource()
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const future = String(Math.floor(Date.now() / 1000) + 1000)
    expect((await place.run(['full', place.source, place.url, '--current-time', future])).code).toBe(0)
    const before = namesOf(place)
    for (const action of ['full', 'inc', 'backup']) {
      const outcome = await place.run([action, place.source, place.url])
      expectSentence(outcome, 23, /seconds in the future; is the clock/)
    }
    for (const time of [future, String(Number(future) - 1)]) {
      const outcome = await place.run(['inc', place.source, place.url, '--current-time', time])
      expectSentence(outcome, 23, /seconds in the future; is the clock/)
    }
    expect(namesOf(place)).toEqual(before)
  })
})

describe('storages and disks that fail', () => {
  itWith(['root', 'setpriv'], 'a storage that may not be written is code 51', async () => {
    const place = await withSource()
    const locked = join(place.folder, 'locked')
    mkdirSync(locked, { mode: 0o755 })
    chmodSync(place.folder, 0o777)
    const { code, stderr } = await run(
      [
        'setpriv',
        '--reuid=65534',
        '--clear-groups',
        process.execPath,
        program,
        'full',
        place.source,
        `file://${locked}/storage`,
      ],
      { env: { PATH: process.env['PATH']!, HOME: place.folder, TMPDIR: place.folder, PASSPHRASE: 'x' } },
    )
    expect(code, stderr.toString()).toBe(51)
    expect(stderr.toString()).toMatch(/permission denied|EACCES/i)
  })

  itWith(
    ['root'],
    'a full storage is code 53, and what was stored stays to go on from; a full temporary folder is code 34, and nothing is left',
    async () => {
      const place = await withSource({ a: noise(9_000_000) })
      const small = join(place.folder, 'small')
      mkdirSync(small)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small])
      try {
        const options = ['--volsize', '1', '--num-retries', '1']
        const full = await place.run(['full', place.source, `file://${small}/storage`, ...options])
        expectSentence(full, 53, /no space/i)
        const left = readdirSync(join(small, 'storage'))
        expect(left.length).toBeGreaterThan(0)
        for (const name of left) expect(name).toMatch(/^duplicity-full\.\w+\.vol\d\.difftar\.gpg$/)
        const temp = await place.run(['full', place.source, place.url, '--tempdir', small, '--volsize', '10'])
        expectSentence(temp, 34, /bytes are needed there and \d+ are free$/m)
        expect(readdirSync(small)).toEqual(['storage'])
        expect(existsSync(join(place.folder, 'storage')) ? readdirSync(join(place.folder, 'storage')) : []).toEqual([])
        const archive = await place.run(['full', place.source, place.url, '--tempdir', place.folder])
        expect(archive.code, said(archive)).toBe(0)
        const restored = await place.run(['restore', place.url, join(small, 'target')])
        expectSentence(restored, 1, /no space/i)
      } finally {
        execFileSync('umount', [small])
      }
    },
  )
})

describe('signals and pipes', () => {
  it('SIGINT ends cleanly, and the next run goes on as if nothing had been', async () => {
    const place = await withSource({ a: noise(60_000_000) })
    const env = {
      PATH: process.env['PATH']!,
      HOME: place.folder,
      XDG_CACHE_HOME: join(place.folder, 'cache'),
      TMPDIR: place.folder,
      PASSPHRASE: 'test',
    }
    const child = spawn(process.execPath, [program, 'full', place.source, place.url, '--volsize', '2', '-v5'], { env })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (!child.killed && /Processed volume 2/.test(out)) child.kill('SIGINT')
    })
    let err = ''
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    expect(code, out + err).toBe(4)
    expect(err).toBe('Interrupted by SIGINT\n')
    expect(out).toMatch(/^\d+ volumes of the unfinished set stay stored: the next backup goes on from there$/m)
    expect(readdirSync(join(place.folder, 'storage')).filter((name) => name.includes('manifest'))).toEqual([])
    expect(readdirSync(place.folder).filter((name) => name.startsWith('coalmine-'))).toEqual([])
    const again = await place.run(['full', place.source, place.url])
    expect(again.code, said(again)).toBe(0)
    expect(again.out).toContain('Last full backup left a partial set, restarting.')
    expect((await place.run(['verify', place.url, place.source, '--compare-data'])).code).toBe(0)
  }, 60_000)

  itWith(['sh', 'head'], '`| head` ends a listing quietly', async () => {
    const files = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`file-with-a-long-name-${at}`, '']))
    const place = await withSource(files)
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    const env = {
      PATH: process.env['PATH']!,
      HOME: place.folder,
      XDG_CACHE_HOME: join(place.folder, 'cache'),
      PASSPHRASE: 'test',
    }
    const script = '"$1" "$2" list-current-files "$3" | head -3; echo'
    const { code, stdout, stderr } = await run(['sh', '-c', script, 'sh', process.execPath, program, place.url], {
      env,
    })
    expect(code).toBe(0)
    expect(stderr.toString()).toBe('')
    expect(stdout.toString().split('\n')).toHaveLength(5)
  })

  itWith(['sh', 'env'], 'works for cron: no environment, no home, no terminal, standard input closed', async () => {
    const place = await withSource()
    const secret = join(place.folder, 'secret')
    writeFileSync(secret, 'test\n')
    const base = ['env', '-i', process.execPath, program]
    const script = 'exec "$@" <&-'
    const common = ['--passphrase-file', secret, '--archive-dir', join(place.folder, 'archive')]
    for (const words of [
      ['full', place.source, place.url],
      ['restore', place.url, place.target],
    ]) {
      const { code, stderr } = await run(['sh', '-c', script, 'sh', ...base, ...words, ...common], { cwd: '/' })
      expect(stderr.toString()).toBe('')
      expect(code).toBe(0)
    }
    expect(readFileSync(join(place.target, 'a'), 'utf8')).toBe('hello\n')
    const without = await run(['sh', '-c', script, 'sh', ...base, 'full', place.source, place.url], { cwd: '/' })
    expect(without.code).toBe(30)
    expect(without.stderr.toString()).toContain(
      'give it by PASSPHRASE, --passphrase-file, --passphrase-command or --keyring',
    )
  })

  itWith(['python3'], 'another program on the same archive dir is code 23 at once', async () => {
    const place = await withSource()
    expect((await place.run(['full', place.source, place.url, '--name', 'one'])).code).toBe(0)
    const lockfile = join(place.archiveRoot, 'one', 'lockfile')
    const hold =
      'import fcntl,sys\nf=open(sys.argv[1],"a")\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint(1,flush=True)\nsys.stdin.read()'
    const holder = spawn('python3', ['-c', hold, lockfile], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(holder.stdout, 'data')
    expectSentence(
      await place.run(['full', place.source, place.url, '--name', 'one']),
      23,
      'another backup program is using it',
    )
    const reading = await place.run(['restore', place.url, place.target, '--name', 'one'])
    expect(reading.code, said(reading)).toBe(0)
    holder.stdin.end()
    await once(holder, 'exit')
  })
})

describe('secrets', () => {
  it('the passphrase is in no output, no log and no file, at the highest verbosity', async () => {
    const place = await withSource({ a: noise(3_000_000), b: 'text\n' })
    const secret = 'Xyzzy-quite-secret-42'
    const env = { PASSPHRASE: secret }
    const log = join(place.folder, 'log')
    const common = ['-v9', '--log-file', log]
    const outcomes = [
      await place.run(['full', place.source, place.url, ...common], { env }),
      await place.run(['list-current-files', place.url, ...common], { env }),
      await place.run(['restore', place.url, place.target, ...common], { env }),
      await place.run(['restore', place.url, `${place.target}2`, ...common], { env: { PASSPHRASE: `${secret}!` } }),
    ]
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 31])
    for (const { out, err } of outcomes) expect(out + err).not.toContain(secret)
    const { stdout } = await run(['grep', '-rl', secret, place.folder])
    expect(stdout.toString()).toBe('')
  })

  it('what is written is for its owner alone', async () => {
    const place = await withSource()
    expect((await place.run(['full', place.source, place.url])).code).toBe(0)
    for (const folder of [join(place.folder, 'storage'), place.archiveRoot]) {
      for (const name of readdirSync(folder, { recursive: true }) as string[]) {
        expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0)
      }
    }
  })
})
