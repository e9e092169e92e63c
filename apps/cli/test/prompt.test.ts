import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { program, world } from './coalmine.ts'

// Runs a program on a terminal of its own, answers each question with the next line (or the signal it names), prints what
// the terminal showed.
const terminal = `
import os, pty, sys, json, select
answers = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    if not select.select([fd], [], [], 20)[0]:
        break
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    if (shown.rstrip(b"\\r\\n").endswith(b": ")) and b"assphrase" in shown.split(b"\\n")[-1] and answers:
        answer = answers.pop(0)
        if answer.startswith("kill "):
            os.kill(pid, int(answer[5:]))
        else:
            os.write(fd, answer.encode())
        shown += b"|"
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

async function onTerminal(folder: string, args: readonly string[], answers: readonly string[]) {
  const env = {
    PATH: process.env['PATH']!,
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    TMPDIR: folder,
    LC_ALL: 'C',
    TERM: 'xterm',
  }
  const argv = ['python3', '-c', terminal, JSON.stringify(answers), process.execPath, program, ...args]
  const { code, stdout } = await run(argv, { env, cwd: folder, timeoutMs: 60_000 })
  return { code, shown: stdout.toString() }
}

describe('the passphrase on a terminal', () => {
  itWith(['python3'], 'is asked twice for a first backup, once later, and never shown', async () => {
    const { folder, url, target } = await world()
    const source = join(folder, 'source')
    mkdirSync(source)
    writeFileSync(join(source, 'a'), 'hello\n')
    // Typed wrong the second time, so asked again; with a correction (backspace) in it.
    const first = await onTerminal(
      folder,
      ['full', source, url],
      ['secret1\n', 'secret2\n', 'sesame\n', 'sesamx\x7fe\n'],
    )
    expect(first.code, first.shown).toBe(0)
    expect(first.shown.match(/Passphrase: /g)).toHaveLength(2)
    expect(first.shown.match(/The same passphrase once more: /g)).toHaveLength(2)
    expect(first.shown).toContain('The two do not match')
    expect(first.shown).not.toMatch(/secret|sesam/)
    const second = await onTerminal(folder, ['full', source, url, '--no-print-statistics'], ['sesame\n'])
    expect(second.code, second.shown).toBe(0)
    expect(second.shown).not.toContain('once more')
    const wrong = await onTerminal(
      folder,
      ['restore', url, target, '--archive-dir', join(folder, 'none')],
      ['simsalabim\n'],
    )
    expect(wrong.code, wrong.shown).toBe(31)
    const restored = await onTerminal(folder, ['restore', url, target], ['sesame\n'])
    expect(restored.code, restored.shown).toBe(0)
    expect(readFileSync(join(target, 'a'), 'utf8')).toBe('hello\n')
  })

  itWith(['python3'], 'may be refused by Ctrl-C', async () => {
    const { folder, url } = await world()
    const { code, shown } = await onTerminal(folder, ['full', folder, url], ['\x03'])
    expect(code, shown).toBe(4)
    expect(shown).toContain('Interrupted')
  })

  itWith(['python3'], 'is not waited for after a signal from outside', async () => {
    const { folder, url } = await world()
    const { code, shown } = await onTerminal(folder, ['full', folder, url], ['kill 15'])
    expect(code, shown).toBe(128 + 15)
    expect(shown).toContain('Interrupted by SIGTERM')
  })

  itWith(['python3'], 'is not asked for when nothing needs it', async () => {
    const { folder, url } = await world()
    mkdirSync(join(folder, 'source'))
    const { code, shown } = await onTerminal(folder, ['full', join(folder, 'source'), url, '--no-encryption'], [])
    expect(code, shown).toBe(0)
    expect(shown).not.toContain('assphrase')
  })
})
