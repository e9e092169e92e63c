import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { said, world, type World } from './coalmine.ts'
import { onTerminal } from './terminal.ts'

const none = { env: { PASSPHRASE: undefined } }
const strong = 'glacier penknife oboe unsaid crewmate rinse'

describe('coalmine passphrase', () => {
  it('prints a passphrase and nothing else on standard output, its bits on standard error', async () => {
    const { run } = await world()
    for (const words of [['passphrase'], ['passphrase', 'generate']]) {
      const { code, out, err } = await run(words)
      expect(code).toBe(0)
      expect(out).toMatch(/^[a-z]+( [a-z]+){5}\n$/)
      expect(err).toMatch(/^6 words, each drawn from 7776: 77\.5 bits\. /)
      for (const word of out.trim().split(' ')) expect(err.split(/[^a-z]+/)).not.toContain(word)
    }
    expect((await run(['passphrase', '-v', 'error'])).err).toBe('')
  })

  it('keeps the passphrase out of logs, at any verbosity', async () => {
    const { run, folder } = await world()
    const log = join(folder, 'log')
    const { out, err } = await run(['passphrase', '-v9', '--log-file', log])
    expect(err).not.toContain(out.trim())
    expect(readFileSync(log, 'utf8')).not.toContain(out.trim())
  })

  it('makes one that a backup takes, in its environment and in a file', async () => {
    const place = await backedUp((await (await world()).run(['passphrase', '-v0'])).out)
    expect(place.outcome.code, said(place.outcome)).toBe(0)
    writeFileSync(join(place.folder, 'words'), `${place.passphrase}\n`)
    const words = ['restore', place.url, place.target, '--passphrase-file', join(place.folder, 'words')]
    expect((await place.run(words, none)).code).toBe(0)
  })

  it('is stretched alike for a whole chain, whatever machine goes on with it, and for the next one', async () => {
    const { run, url, folder } = await world({ shared: true })
    const source = join(folder, 'source')
    mkdirSync(source)
    for (const [at, action] of ['full', 'incremental', 'incremental', 'full'].entries()) {
      writeFileSync(join(source, 'a'), `${at}`)
      const time = String(1_700_000_000 + at * 1000)
      const words = ['--current-time', time, '--archive-dir', join(folder, `machine ${at % 2}`), '--name', 'x']
      const outcome = await run([action, source, url, ...words])
      expect(outcome.code, said(outcome)).toBe(0)
    }
    const stored = readdirSync(join(folder, 'storage'))
    expect(stored).toHaveLength(12)
    // The packet up to the salt and count: one stretching opens all.
    const heads = stored.map((name) => readFileSync(join(folder, 'storage', name)).toString('hex', 0, 15))
    expect([...new Set(heads)]).toHaveLength(1)
  })

  it('is no abbreviation, and takes nothing else', async () => {
    const { run } = await world()
    expect((await run(['passphrases'])).code).toBe(23)
    expect((await run(['passphr'])).code).toBe(23)
    expect((await run(['passphrase', 'guess'])).err).toContain('it is generate or judge')
    expect((await run(['passphrase', 'judge', 'hunter2'])).code).toBe(23)
    expect((await run(['passphrase', 'judge', '--words', '5'], none)).code).toBe(23)
    expect((await run(['passphrase', '--volsize', '5'])).code).toBe(23)
  })
})

describe('coalmine passphrase judge', () => {
  it('reads from where a backup would, else from standard input, and shows nothing of it', async () => {
    const { run, folder } = await world()
    const file = join(folder, 'words')
    writeFileSync(file, `${strong}\nsecond line\n`)
    const input = Buffer.from('hunter2\nmore\n')
    const ways = [
      [{ ...none, input }, [], 'standard input', 1],
      [{ env: { PASSPHRASE: strong }, input }, [], 'PASSPHRASE', 0],
      [{ ...none, input }, ['--passphrase-file', file], 'the file of --passphrase-file', 0],
      [{ ...none, input }, ['--passphrase-command', `cat ${file}`], 'the command of --passphrase-command', 0],
      [{ env: { PASSPHRASE: undefined, COALMINE_PASSPHRASE_FILE: file } }, [], 'COALMINE_PASSPHRASE_FILE', 0],
      [{ env: { PASSPHRASE: undefined, COALMINE_PASSPHRASE_COMMAND: 'echo hunter2' } }, [], '_COMMAND', 1],
    ] as const
    for (const [options, args, from, code] of ways) {
      const log = join(folder, 'log')
      const outcome = await run(['passphrase', 'judge', '-v9', '--log-file', log, ...args], options)
      expect(outcome.code, said(outcome)).toBe(code)
      expect(outcome.out).toContain(`Judging the passphrase from `)
      expect(outcome.out.split('\n')[0]).toContain(from)
      expect(outcome.out).toContain(code === 0 ? 'Score: 4 of 4, strong' : 'Score: 0 of 4, useless')
      expect(outcome.err).toBe(code === 0 ? '' : 'The passphrase is weak: "coalmine passphrase" makes a better one\n')
      for (const secret of ['hunter2', 'glacier']) {
        expect(outcome.out + outcome.err + readFileSync(log, 'utf8')).not.toContain(secret)
      }
    }
  })

  it('says what is wrong and what would help', async () => {
    const { run } = await world()
    const { out } = await run(['passphrase', 'judge'], { ...none, input: Buffer.from('p@ssw0rd\n') })
    expect(out).toContain('Guesses: about 2^3.2 (3.2 bits)')
    expect(out).toContain('Time: one graphics card needs less than a second')
    expect(out).toContain('Warning: This is similar to a commonly used password.')
    expect(out).toContain("Suggestion: Avoid predictable letter substitutions like '@' for 'a'.")
    expect(out).not.toContain('Looked at')
  })

  it('takes a very long line, and refuses an endless or an empty one', async () => {
    const { run } = await world()
    const long = await run(['passphrase', 'judge'], { ...none, input: Buffer.alloc(60_000, 'ab') })
    expect(long.out).toContain('Looked at: the first and the last 100 characters')
    const endless = await run(['passphrase', 'judge'], { ...none, input: Buffer.alloc(1_000_000, 'ab') })
    expect(endless.code).toBe(23)
    expect(endless.err).toContain('its first line is longer than 65536 bytes')
    const empty = await run(['passphrase', 'judge'], { ...none, input: Buffer.from('\nsecond\n') })
    expect(empty.code).toBe(23)
    expect(empty.err).toContain('it is empty')
  })

  itWith(['python3'], 'asks on a terminal, once and hidden', async () => {
    const { folder } = await world()
    const { code, shown } = await onTerminal(folder, ['passphrase', 'judge'], ['hunter2\n'])
    expect(code, shown).toBe(1)
    expect(shown).toContain('Judging the passphrase from the terminal')
    expect(shown.match(/assphrase: /g)).toHaveLength(1)
    expect(shown).not.toContain('hunter2')
  })
})

describe('a weak passphrase', () => {
  const warned = (outcome: { out: string }) =>
    outcome.out.split('The passphrase of this first backup is weak').length - 1

  it('is warned about at the first backup, once, and stops nothing', async () => {
    const place = await backedUp('hunter2')
    expect(place.outcome.code, said(place.outcome)).toBe(0)
    expect(warned(place.outcome)).toBe(1)
    expect(place.outcome.out).toContain('it is shorter than 12 characters')
    expect(place.outcome.out + place.outcome.err).not.toContain('hunter2')
    const again = await place.run(['full', place.source, place.url], { env: { PASSPHRASE: 'hunter2' } })
    expect(again.code, said(again)).toBe(0)
    expect(warned(again)).toBe(0)
    const longer = await backedUp('hunter2 hunter2')
    expect(warned(longer.outcome)).toBe(1)
    expect(longer.outcome.out).toMatch(/one graphics card may find it in \d+ hours/)
    const record = await backedUp('hunter2', '--log-fd', '2')
    expect(record.outcome.err.match(/^WARNING 1\n\. The passphrase of this first backup is weak/gm)).toHaveLength(1)
  })

  it('is not warned about when it is none, nor where nothing is written or encrypted, nor where nothing is to be said', async () => {
    expect(warned((await backedUp(strong)).outcome)).toBe(0)
    expect(warned((await backedUp('hunter2', '--dry-run')).outcome)).toBe(0)
    expect(warned((await backedUp('hunter2', '--no-encryption')).outcome)).toBe(0)
    expect(warned((await backedUp('hunter2', '-v', 'error')).outcome)).toBe(0)
  })
})

async function backedUp(passphrase: string, ...options: string[]) {
  const place: World = await world()
  const source = join(place.folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), 'hello\n')
  const line = passphrase.trim()
  const outcome = await place.run(['full', source, place.url, ...options], { env: { PASSPHRASE: line } })
  return { ...place, source, outcome, passphrase: line }
}
