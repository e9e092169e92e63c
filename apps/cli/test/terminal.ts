import { run } from '@coalmine/fixtures'
import { program } from './coalmine.ts'
import { inSession, sessionEnv } from './secret-service.ts'

// Runs a program on a terminal of its own, answers each question with the next line (or the signal it names), prints what
// the terminal showed.
const terminal = `
import os, pty, re, sys, json, select
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
    if (shown.rstrip(b"\\r\\n").endswith(b": ")) and re.search(b"assphrase|assword", shown.split(b"\\n")[-1]) and answers:
        answer = answers.pop(0)
        if answer.startswith("kill "):
            os.kill(pid, int(answer[5:]))
        else:
            os.write(fd, answer.encode())
        shown += b"|"
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

/** Runs the command line on a terminal and answers its questions; `shown` has a `|` where each answer was typed. */
export async function onTerminal(
  folder: string,
  args: readonly string[],
  answers: readonly string[],
  options: { secretService?: boolean; env?: Readonly<Record<string, string>> } = {},
) {
  const argv = ['python3', '-c', terminal, JSON.stringify(answers), process.execPath, program, ...args]
  const words = options.secretService === true ? inSession(argv) : argv
  const { code, stdout } = await run(words, { env: sessionEnv(folder, options.env), cwd: folder, timeoutMs: 60_000 })
  return { code, shown: stdout.toString() }
}
