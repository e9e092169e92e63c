// `coalmine mf put` and `get` where something is in the way: processes killed, terminals, hostile names. Judges: the
// emulator's account and request log, hashes, and what lies outside of the target.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run } from '@coalmine/fixtures'
import { afterAll, describe, expect, it } from 'vitest'
import { Landing, landingProblem } from '../src/lib/mf/landing.ts'
import { endShared, program, said } from './coalmine.ts'
import { jsonLines, type MediaFireWorld, mediaFireWorld, noise, plant, sha256 } from './mediafire-account.ts'

afterAll(endShared)

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2000 && !what(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(what()).toBe(true)
}

/** Runs the program in a process of its own, which is killed when it is time. */
async function killed({ folder, env }: MediaFireWorld, args: readonly string[], when: () => boolean): Promise<void> {
  const all = { PATH: process.env['PATH'], HOME: folder, ...env }
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: all, stdio: 'ignore' })
  await until(when)
  child.kill('SIGKILL')
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
}

const partsIn = (folder: string) => readdirSync(folder).filter((name) => name.startsWith('.coalmine-part-'))

describe('after kill -9', () => {
  it('put sends the units that the service lacks, and files that it has not at all', async () => {
    const made = await mediaFireWorld()
    const { mf, folder, emulator, files } = made
    const hashes = plant(join(folder, 'tree'), { big: noise(12_000_000), small: 'small' })
    // The sixth unit and the two beside it never get an answer.
    emulator.faults.add({ call: 'upload/resumable', fault: { kind: 'stall', when: 'before' }, nth: [6, 7, 8] })
    await killed(made, ['mf', 'put', 'tree', '/T', '--concurrency', '1'], () => {
      return emulator.account().uploads[0]?.unitsReady === 5 && emulator.faults.list()[0]!.done === 3
    })
    emulator.faults.clear()
    emulator.log.clear()
    const again = await mf(['put', 'tree', '/T'])
    expect(again.code, said(again)).toBe(0)
    expect(files()).toEqual({ '/T/big': hashes['big'], '/T/small': hashes['small'] })
    // Twelve units of a mebibyte, of which five were there.
    expect(emulator.log.count('upload/resumable')).toBe(7)
  }, 60_000)

  it('get goes on at the byte that was reached, and never with bytes of another file', async () => {
    const made = await mediaFireWorld()
    const { mf, folder, emulator } = made
    const { big } = plant(folder, { big: noise(8_000_000) })
    expect((await mf(['put', 'big', '/T'])).code).toBe(0)
    emulator.faults.add({ call: 'download', fault: { kind: 'slow', bytesPerSecond: 4_000_000 } })
    const back = join(folder, 'back')
    mkdirSync(back)
    const left = () => partsIn(back).reduce((sum, name) => sum + statSync(join(back, name)).size, 0)
    await killed(made, ['mf', 'get', '/T', 'back'], () => left() >= 2_000_000)
    expect(readdirSync(back)).toEqual(partsIn(back)) // Nothing has the name of a whole file.
    emulator.faults.clear()
    emulator.log.clear()
    const have = left()
    const again = await mf(['get', '/T', 'back', '--json'])
    expect(again.code, said(again)).toBe(0)
    expect(jsonLines(again.out)[0]).toMatchObject({
      outcome: 'downloaded',
      fetchedBytes: 8_000_000 - have,
      sha256: big,
    })
    expect(emulator.log.calls('download').map(({ sentBytes }) => sentBytes)).toEqual([8_000_000 - have])
    expect(readdirSync(back)).toEqual(['big'])
    expect(sha256(readFileSync(join(back, 'big')))).toBe(big)

    // Part of it is wrong: seen by the hash, and fetched whole.
    emulator.faults.add({ call: 'download', fault: { kind: 'slow', bytesPerSecond: 4_000_000 } })
    mkdirSync(join(folder, 'wrong'))
    const wrong = join(folder, 'wrong')
    await killed(made, ['mf', 'get', '/T', 'wrong'], () =>
      partsIn(wrong).some((name) => statSync(join(wrong, name)).size > 0),
    )
    emulator.faults.clear()
    const [part] = partsIn(wrong)
    writeFileSync(join(wrong, part!), Buffer.alloc(500_000))
    const mended = await mf(['get', '/T', 'wrong'])
    expect(mended.code, said(mended)).toBe(0)
    expect(readdirSync(wrong)).toEqual(['big'])
    expect(sha256(readFileSync(join(wrong, 'big')))).toBe(big)
  }, 60_000)
})

describe('nothing that comes is believed', () => {
  it('wrong bytes never get the name, and leave nothing', async () => {
    const { mf, folder, emulator } = await mediaFireWorld()
    plant(folder, { a: noise(50_000) })
    expect((await mf(['put', 'a', '/T'])).code).toBe(0)
    emulator.faults.add({ call: 'download', fault: { kind: 'corrupt' } })
    const got = await mf(['get', '/T', 'back'])
    expect(got.code, said(got)).toBe(21)
    expect(got.err).toContain('other bytes have come than the hash of the file says')
    expect(readdirSync(join(folder, 'back'))).toEqual([])
  })

  it('hostile names are refused one by one, and nothing is written outside', async () => {
    const { mf, folder, emulator } = await mediaFireWorld()
    const names = ['../evil', '..', '.', '', 'a/b', '/etc/evil', 'x\u001b[2Jy', 'nul\0', 'line\u2028', 'x'.repeat(256)]
    const odd = ['.coalmine-part-0123', '.COALMINE-PART-1']
    const fine = ['Name', 'name', '-rf', '~', 'größe', '$(x)', '.hidden']
    const all = [...names, ...odd, ...fine]
    plant(join(folder, 'tree'), Object.fromEntries(all.map((_, at) => [`f${at}`, `content ${at}`])))
    expect((await mf(['put', 'tree', '/T'])).code).toBe(0)
    const set = Object.fromEntries(all.map((name, at) => [`folder_content.files.${at}.filename`, name]))
    const order = emulator.account().files.map(({ hash }) => hash)
    emulator.faults.add({ call: 'folder/get_content', when: { content_type: 'files' }, fault: { kind: 'patch', set } })
    const key = emulator.account().folders[0]!.key
    const got = await mf(['get', `key:${key}`, 'deep/back'])
    expect(got.code, said(got)).toBe(1)
    expect(readdirSync(join(folder, 'deep'))).toEqual(['back'])
    expect(readdirSync(join(folder, 'deep', 'back')).sort()).toEqual([...fine].sort())
    expect(readdirSync(folder).sort()).toEqual(['deep', 'tree'])
    const hashes = readdirSync(join(folder, 'deep', 'back')).map((name) =>
      sha256(readFileSync(join(folder, 'deep', 'back', name))),
    )
    expect(hashes.every((hash) => order.includes(hash))).toBe(true)
    // One sentence for each, and nothing in it acts on a screen.
    expect(got.err.split('\n')).toHaveLength(names.length + odd.length + 2)
    expect(got.err).toContain('"key:' + key + '/../evil": its name has a slash in it')
    for (const { out, err } of [got, await mf(['ls', `key:${key}`])]) {
      expect(JSON.stringify((out + err).match(/[^\n\P{C}]|[\p{Zl}\p{Zp}]/gu))).toBe('null')
    }
    const told = jsonLines((await mf(['ls', `key:${key}`, '--json'])).out)
    expect(told.map(({ path }) => String(path)).sort()).toEqual([...all].sort())
  })

  it('links in the way are not followed, also not to replace', async () => {
    const { mf, folder } = await mediaFireWorld()
    plant(join(folder, 'tree'), {
      'sub/file': 'from the account',
      flink: 'from the account',
      plain: 'from the account',
    })
    plant(join(folder, 'outside'), { file: 'mine', flink: 'mine' })
    expect((await mf(['put', 'tree', '/T'])).code).toBe(0)
    const back = join(folder, 'back')
    mkdirSync(back)
    symlinkSync(join(folder, 'outside'), join(back, 'sub'))
    symlinkSync(join(folder, 'outside', 'flink'), join(back, 'flink'))
    for (const more of [[], ['--existing', 'replace']]) {
      const got = await mf(['get', '/T', 'back', ...more])
      expect(got.code, said(got)).toBe(1)
      expect(got.err).toContain('Cannot get "/T/flink": a link of that name is in the way here')
      expect(got.err).toContain('Cannot get "/T/sub/file": a link of that name is in the way here')
      expect(readFileSync(join(back, 'plain'), 'utf8')).toBe('from the account')
      for (const name of ['file', 'flink']) expect(readFileSync(join(folder, 'outside', name), 'utf8')).toBe('mine')
      expect(readdirSync(join(folder, 'outside'))).toEqual(['file', 'flink'])
    }
    // A link to the target itself is the person's own.
    symlinkSync(back, join(folder, 'mine'))
    expect((await mf(['get', '/T/plain', 'mine'])).code).toBe(0)
    expect((await mf(['get', '/T/plain', 'tree/plain'])).err).toContain('it is not a folder')
  })

  it('a folder that is in itself comes to an end', async () => {
    const { mf, folder, emulator } = await mediaFireWorld()
    plant(join(folder, 'tree'), { 'a/b/c': 'c' })
    expect((await mf(['put', 'tree', '/'])).code).toBe(0)
    const keyOf = (path: string) => emulator.account().folders.find((one) => one.path === path)!.key
    const set = { 'folder_content.folders.0.folderkey': keyOf('/a') }
    emulator.faults.add({
      call: 'folder/get_content',
      when: { folder_key: keyOf('/a') },
      fault: { kind: 'patch', set },
    })
    const got = await mf(['get', `key:${keyOf('/a')}`, 'back'])
    expect(got.code).toBe(50)
    expect(got.err).toContain('the folder is said to be in itself')
    expect((await mf(['ls', '--recursive'])).out.match(/\S+$/gm)).toEqual(['a/', 'a/b/'])
  })

  it('landingProblem() knows what other systems take for paths', () => {
    for (const name of ['a\\b', 'C:', 'con', 'NUL.txt', 'com1', 'dot.', 'blank ']) {
      expect(landingProblem(name, 'win32')).toBe('Windows has no such names')
      expect(landingProblem(name, 'linux')).toBeUndefined()
    }
  })

  it('Landing tells whether case counts, and leaves nothing of the trial', async () => {
    const { folder } = await mediaFireWorld()
    const landing = await Landing.open(`${folder}/x` as never)
    const upper = landing.look.bind(landing)
    expect(await landing.isCaseSensitive()).toBe(true)
    // A file system without case finds it under the other name.
    landing.look = (name) => upper(name.toLowerCase())
    expect(await landing.isCaseSensitive()).toBe(false)
    await landing.close()
    expect(readdirSync(join(folder, 'x'))).toEqual([])
  })
})

describe('what is told on the way', () => {
  it('put --json, get --json: a line for each file, also for what fails, names of any bytes', async () => {
    const { mf, folder, emulator } = await mediaFireWorld()
    const hashes = plant(join(folder, 'tree'), { 'a\u0007\u009b': 'a', b: 'b' })
    const raw = Buffer.concat([Buffer.from(join(folder, 'tree/')), Buffer.from('x\xff', 'latin1')])
    writeFileSync(raw, '')
    symlinkSync('b', join(folder, 'tree', 'link'))
    const put = await mf(['put', 'tree', '/T', '--json'])
    expect(put.code).toBe(1)
    const lines = jsonLines(put.out)
    const key = emulator.account().files[0]!.key
    expect(lines).toContainEqual(
      expect.objectContaining({
        outcome: 'uploaded',
        local: 'tree/b',
        path: '/T/b',
        key,
        size: 1,
        sha256: hashes['b'],
        sentBytes: 1,
      }),
    )
    expect(lines).toContainEqual(
      expect.objectContaining({ outcome: 'failed', local: 'tree/a\u0007\u009b', code: 'invalid' }),
    )
    const localBase64 = Buffer.concat([Buffer.from('tree/'), Buffer.from('x\xff', 'latin1')]).toString('base64')
    expect(lines).toContainEqual(expect.objectContaining({ outcome: 'failed', localBase64, code: 'invalid' }))
    expect(put.err).toContain('"tree/link" is left out: it is neither a file nor a folder\n')
    const [got] = jsonLines((await mf(['get', '/T', 'back', '--json'])).out)
    expect(got).toEqual({
      outcome: 'downloaded',
      path: '/T/b',
      key,
      size: 1,
      sha256: hashes['b'],
      local: 'b',
      fetchedBytes: 1,
    })
    const [again] = jsonLines((await mf(['get', '/T', 'back', '--json'])).out)
    expect(again).toMatchObject({ outcome: 'unchanged', fetchedBytes: 0 })
  })

  it('put --progress, get --progress-rate: lines only where they are asked for', async () => {
    const { mf, folder, emulator } = await mediaFireWorld()
    plant(join(folder, 'tree'), { a: noise(400_000) })
    const quiet = await mf(['put', 'tree', '/T'])
    expect(quiet.err).toBe('')
    const put = await mf(['put', 'tree', '/T', '--progress'])
    expect(put.err).toMatch(/^391 KB \d\d:\d\d:\d\d \[.*\/s\] \[=+>?\] 100% ETA 0sec$/m)
    emulator.faults.add({ call: 'download', fault: { kind: 'slow', bytesPerSecond: 200_000 } })
    const [often, seldom] = await Promise.all([
      run([process.execPath, program, 'mf', 'get', '/T', 'one', '--progress', '--progress-rate', '1'], options()),
      run([process.execPath, program, 'mf', 'get', '/T', 'two', '--progress', '--progress-rate', '100'], options()),
    ])
    function options() {
      const env = { PATH: process.env['PATH']!, HOME: folder, COALMINE_MEDIAFIRE_URL: emulator.url }
      return {
        cwd: folder,
        env: { ...env, MEDIAFIRE_EMAIL: 'me@example.com', MEDIAFIRE_PASSWORD: 'Pa55w0rd-that-nobody-sees' },
      }
    }
    const linesOf = ({ stderr }: { stderr: Buffer }) => stderr.toString().match(/%/g)?.length ?? 0
    expect([linesOf(often) >= 3, linesOf(seldom)]).toEqual([true, 2])
  }, 60_000)

  itWith(['python3'], 'on a terminal a bar shows how far it is, and each line stands alone', async () => {
    const { folder, env } = await mediaFireWorld()
    plant(join(folder, 'tree'), { a: noise(3_000_000), 'b:c': 'never' })
    const script = 'import pty, sys, os; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
    const argv = ['python3', '-c', script, process.execPath, program, 'mf', 'put', 'tree', '/T']
    const all = { PATH: process.env['PATH']!, HOME: folder, TERM: 'xterm', ...env }
    const { code, stdout } = await run(argv, { env: all, cwd: folder })
    const shown = stdout.toString()
    expect(code, shown).toBe(1)
    const lines = shown.split('\r\n').map((line) => line.split('\r\u001b[2K').at(-1))
    expect(lines).toContainEqual(expect.stringMatching(/^2\.86 MB .* 99% |^2\.86 MB .* 100% /))
    expect(lines).toContain('Cannot upload "b:c": a name cannot have : in it')
    expect(lines).toContain('Put 1 file, 2.86 MB: 1 uploaded')
    expect(lines).not.toContainEqual(expect.stringContaining('uploaded  /T/a'))
  })
})
