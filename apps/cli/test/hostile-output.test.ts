import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { program, said, world } from './coalmine.ts'

/** Clears the screen, sets a title, moves up, colours; C1, bidi overrides and isolates, a bell; and bytes that are no text. */
const acts = [
  '\x1b[2J',
  '\x1b]0;title\x07',
  '\x1b[1A\x1b[31m',
  '\r',
  '\nCannot be trusted',
  '\u009b31m',
  '\u0085',
  '\u202a\u202b\u202d\u202egnp',
  '\u2066\u2067\u2068\u2069',
  '\u200b\ufeff\u2028',
]
const names = [...acts.map((text, at) => Buffer.from(`n${at}${text}`)), Buffer.from('nx\xff\xc3\x80\x9b2J', 'latin1')]

// Runs a program on a terminal of its own; standard error is the terminal too.
const terminal = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1].encode(), [os.fsencode(word) for word in sys.argv[1:]])
shown = b""
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

async function place() {
  const made = await world()
  const source = join(made.folder, 'source')
  mkdirSync(source)
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${source}/`), name]), 'x')
  writeFileSync(join(source, 'plain'), 'x')
  const env = {
    PATH: process.env['PATH']!,
    HOME: made.folder,
    XDG_CACHE_HOME: join(made.folder, 'cache'),
    TMPDIR: made.folder,
    LC_ALL: 'C.UTF-8',
    TERM: 'xterm',
  }
  const onTerminal = async (...args: string[]) => {
    const argv = ['python3', '-c', terminal, process.execPath, program, ...args]
    const { code, stdout } = await run(argv, { env, cwd: made.folder })
    return { code, shown: stdout }
  }
  return { ...made, source, onTerminal }
}

/** Only letters and ends of lines reached the terminal, and all of it is text. A redrawn line of progress is our own. */
function expectHarmless({ shown, code }: { shown: Buffer; code: number }, wanted?: number): string {
  const text = shown.toString('utf8')
  expect(Buffer.from(text).equals(shown), `no UTF-8: ${JSON.stringify(text)}`).toBe(true)
  const lines = text.replaceAll('\r\n', '\n').replaceAll('\r\u001b[2K', '')
  expect(JSON.stringify(lines.match(/[^\n\t\P{C}]|[\p{Zl}\p{Zp}]/gu))).toBe('null')
  expect(lines).not.toMatch(/^Cannot be trusted/m)
  if (wanted !== undefined) expect(code, text).toBe(wanted)
  return lines
}

describe('nothing that acts on a terminal reaches one', () => {
  const plain = ['--no-encryption', '-v9']

  itWith(
    ['python3'],
    'from the names of files: backup, progress, listing, restore, what could not be written',
    async () => {
      const { onTerminal, source, url, target } = await place()
      const written = expectHarmless(await onTerminal('full', ...plain, '--progress', source, url), 0)
      expect(written).toContain('A n0\\x1b[2J\n')
      expect(written).toContain('A n7\\u{202a}\\u{202b}\\u{202d}\\u{202e}gnp\n')
      expect(written).toContain('SourceFiles 13')
      const listed = expectHarmless(await onTerminal('list-current-files', '-v9', url), 0)
      for (const shown of ['n3\\r\n', 'n4\\nCannot be trusted\n', 'n5\\u{9b}31m\n', 'nx\\xffÀ\\x9b2J\n']) {
        expect(listed).toContain(shown)
      }
      expectHarmless(await onTerminal('collection-status', '-v9', url), 0)
      const restored = expectHarmless(await onTerminal('restore', '-v9', '--progress', url, target), 0)
      expect(restored).toContain('Writing n1\\x1b]0;title\\x07 of type reg\n')
      // Folders in the way of files: one warning each.
      const again = `${target}-again`
      mkdirSync(again)
      for (const name of names)
        mkdirSync(Buffer.concat([Buffer.from(`${again}/`), name, Buffer.from('/in')]), { recursive: true })
      const failed = expectHarmless(await onTerminal('restore', '--force', url, again), 1)
      expect(failed.match(/^Error restoring n/gm)).toHaveLength(names.length)
      expectHarmless(await onTerminal('verify', '-v9', '--compare-data', url, again))
    },
  )

  itWith(['python3'], 'from the names of objects on the storage, and from what is in them', async () => {
    const { onTerminal, source, url, target, folder } = await place()
    expectHarmless(await onTerminal('full', ...plain, source, url), 0)
    const storage = join(folder, 'storage')
    for (const [at, text] of acts.entries()) {
      const day = `2023${String(at + 10)}01T000000Z`.replace(/^(\d{4})(1[3-9])/, '$112')
      const tail = text.replaceAll('/', '_')
      for (const name of [
        `duplicity-full-signatures.2022010${at % 10}T000000Z.sigtar.${tail}`,
        `duplicity-full.2021010${(at % 9) + 1}T000000Z.manifest.${tail}`,
        `duplicity-inc.${day}.to.20231231T000000Z.manifest.${tail}`,
        `duplicity-inc.${day}.to.20231231T000000Z.vol1.difftar.${tail}`,
      ]) {
        writeFileSync(join(storage, name), `Volume ${text} \u202e\u009b:\n`)
      }
    }
    const status = expectHarmless(await onTerminal('collection-status', '-v9', url), 0)
    expect(status).toContain('\\x1b[2J')
    expectHarmless(await onTerminal('list-current-files', '-v9', url))
    expectHarmless(await onTerminal('restore', '-v9', '--dry-run', url, target))
    for (const time of ['2021-01-02', '2021-01-05', '2021-01-09', 'now']) {
      const { code, shown } = await onTerminal('restore', '-v9', '-t', time, url, `${target}-${time}`)
      expectHarmless({ code, shown })
    }
    for (const action of ['cleanup', 'verify']) {
      expectHarmless(await onTerminal(action, '-v9', ...(action === 'verify' ? [url, source] : [url])))
    }
  })

  itWith(['python3'], 'from what was typed, quoted in the sentence of an error', async () => {
    const { onTerminal, source, url, folder } = await place()
    for (const text of process.env['COALMINE_LONG'] ? acts : [acts[2]!, acts[4]!]) {
      for (const args of [
        ['full', `${folder}/none${text}`, url],
        ['full', source, `file://${folder}/none/${text}/x`, '--no-encryption'],
        ['restore', url, source, '--path-to-restore', `x${text}`, '--force'],
        [`--none${text}`],
        ['restore', `mf${text}://x`, 'y'],
        [`word${text}`, 'two', 'three'],
      ]) {
        const said = expectHarmless(await onTerminal(...args))
        expect(said).toMatch(/^[A-Z]/)
      }
    }
    for (const options of [
      ['--name', `n${acts[0]}${acts[7]}`],
      ['--archive-dir', `${folder}/c${acts[5]}`],
      ['--log-file', `${folder}/none${acts[0]}/x`],
      ['--tempdir', `${folder}/none${acts[4]}`],
      ['--passphrase-file', `${folder}/none${acts[2]}`],
      ['--file-prefix', acts[0]!],
      ['-v', acts[0]!],
      ['-t', acts[4]!],
    ]) {
      expectHarmless(await onTerminal('full', '--no-encryption', '-v9', source, url, ...options))
    }
  })

  itWith(['python3'], 'while a pipe gets the names byte by byte, as from the real program', async () => {
    const made = await place()
    const written = await made.run(['full', '--no-encryption', made.source, made.url])
    expect(written.code, said(written)).toBe(0)
    const { raw } = await made.run(['list-current-files', '--no-encryption', made.url])
    for (const name of names)
      expect(raw.stdout.includes(Buffer.concat([Buffer.from(' '), name, Buffer.from('\n')]))).toBe(true)
    expect(readdirSync(made.source)).toHaveLength(names.length + 1)
  })
})
