import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { root } from './bootstrap.mjs'
import { programsOf } from './check-readmes.mjs'

const bootstrap = join(root, 'scripts', 'bootstrap.mjs')

/** A script that becomes a program of these lines. */
function becoming(...lines) {
  const argv = JSON.stringify([process.execPath, '-e', lines.join('\n')])
  const script = `import { become } from ${JSON.stringify(bootstrap)}\nbecome(${argv})`
  return [process.execPath, '--input-type=module', '-e', script]
}

describe('become()', () => {
  it('hands over input, output and exit code', async () => {
    const argv = becoming('process.stdin.pipe(process.stdout)', 'console.error("e")', 'process.exitCode = 13')
    const { code, stdout, stderr } = await run(argv, { input: Buffer.from('in') })
    expect([code, stdout.toString(), stderr.toString()]).toEqual([13, 'in', 'e\n'])
  })

  it('dies of what the program died of', async () => {
    expect((await run(becoming('process.kill(process.pid, "SIGKILL")'))).code).toBe(137)
  })

  it('ends with 127 when there is no such program', async () => {
    const script = `import { become } from ${JSON.stringify(bootstrap)}\nbecome(['no-such-program'])`
    expect((await run([process.execPath, '--input-type=module', '-e', script])).code).toBe(127)
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'])(
    'hands on %s and waits for what the program makes of it',
    async (signal) => {
      const lines = [
        `process.on('${signal}', () => setTimeout(() => process.exit(7), 50))`,
        'setInterval(() => {}, 1000)',
        'console.log("ready")',
      ]
      const [program, ...args] = becoming(...lines)
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(child, 'exit')
      await once(child.stdout, 'data')
      child.kill(signal)
      expect(await ended).toEqual([7, null])
    },
  )
})

describe('programsOf()', () => {
  it('finds the js blocks of a README and nothing else', () => {
    const markdown = '# x\n```sh\nnpm i\n```\n```js\nconst a = 1\n```\ntext\n```js\nb()\n\nc()\n```\n'
    expect(programsOf(markdown)).toEqual(['const a = 1\n', 'b()\n\nc()\n'])
    expect(programsOf('no program')).toEqual([])
  })
})

// A clone, an installation and a build: only in the long run.
describe.runIf(process.env.COALMINE_LONG)('npm start', () => {
  itWith(
    ['git', 'npm'],
    'in a fresh clone prints what the command line prints, and nothing else',
    async () => {
      const clone = join(await tempDir('clone'), 'clone')
      await run(['git', 'clone', '--quiet', root, clone], { check: true })
      const env = Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|VITEST|NODE_OPTIONS)/i.test(name)),
      )
      for (const timeoutMs of [300_000, 30_000]) {
        const argv = ['npm', '--prefix', clone, 'start', '--silent', '--', '--version']
        const { stdout } = await run(argv, { env, cwd: await tempDir('elsewhere'), timeoutMs, check: true })
        expect(stdout.toString()).toMatch(/^coalmine \S+\n$/)
      }
    },
    360_000,
  )
})
