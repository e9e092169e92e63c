import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { program, said, world } from './coalmine.ts'
import { runInSession, secretService, type SessionOptions } from './secret-service.ts'
import { onTerminal } from './terminal.ts'

// Judge: gnome-keyring, asked by libsecret's own secret-tool.

const secret = 'glacier penknife oboe unsaid crewmate rinse'
const none = { PASSPHRASE: undefined }

async function place() {
  const { folder, url, target } = await world()
  const source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), 'hello\n')
  const coalmine = async (args: readonly string[], options: SessionOptions = {}) => {
    const { code, stdout, stderr } = await runInSession(folder, [process.execPath, program, ...args], options)
    // The bus complains of limits that root of a container may not raise.
    const err = stderr.toString().replaceAll(/^dbus-daemon.*\n/gm, '')
    return { code, out: stdout.toString(), err }
  }
  const tool = (args: readonly string[], input?: string | Buffer) =>
    runInSession(folder, ['secret-tool', ...args], { input: input === undefined ? undefined : Buffer.from(input) })
  return { folder, url, target, source, coalmine, tool }
}

const attributes = (account: string) => ['service', 'coalmine', 'username', account]

describe('coalmine keyring', () => {
  itWith(secretService, 'keeps what standard input says, for a backup and its restore in later sessions', async () => {
    const { url, target, source, coalmine, tool, folder } = await place()
    const log = join(folder, 'log')
    const set = await coalmine(['keyring', 'set', url, '-v9', '--log-file', log], {
      input: Buffer.from(`${secret}\nx\n`),
    })
    expect(set.code, said(set as never)).toBe(0)
    expect(set.out).toBe(`The keyring has the passphrase of "${url}": --keyring takes it from there\n`)
    expect((await tool(['lookup', ...attributes(url)])).stdout.toString()).toBe(secret)

    const written = await coalmine(['full', source, url, '--keyring', '-v9'], { env: none })
    expect(written.code, said(written as never)).toBe(0)
    expect(readdirSync(join(folder, 'storage')).every((name) => name.endsWith('.gpg'))).toBe(true)
    const restored = await coalmine(['restore', url, target], { env: { PASSPHRASE: secret } })
    expect(restored.code, said(restored as never)).toBe(0)
    const byVariable = await coalmine(['restore', url, `${target}2`], { env: { ...none, COALMINE_KEYRING: '1' } })
    expect(byVariable.code, said(byVariable as never)).toBe(0)
    expect(readFileSync(join(`${target}2`, 'a'), 'utf8')).toBe('hello\n')
    for (const text of [set.out, set.err, written.out, written.err, readFileSync(log, 'utf8')]) {
      expect(text).not.toContain('glacier')
    }
  })

  itWith(secretService, 'takes what another program put there, any bytes', async () => {
    const { url, source, coalmine, tool, target } = await place()
    const bytes = Buffer.from('not \xff text', 'latin1')
    await tool(['store', '--label', 'mine', ...attributes('docs')], bytes)
    const written = await coalmine(['full', source, url, '--keyring', '--name', 'docs'])
    expect(written.code, said(written as never)).toBe(0)
    writeFileSync(`${source}/../words`, bytes)
    const restored = await coalmine(['restore', url, target, '--passphrase-file', `${source}/../words`])
    expect(restored.code, said(restored as never)).toBe(0)
  })

  itWith(secretService, 'replaces and forgets', async () => {
    const { url, coalmine, tool } = await place()
    for (const text of ['first', 'second']) {
      expect((await coalmine(['keyring', 'set', url], { input: Buffer.from(text) })).code).toBe(0)
      expect((await tool(['lookup', ...attributes(url)])).stdout.toString()).toBe(text)
    }
    expect((await coalmine(['keyring', 'forget', url])).out).toBe(`The keyring has forgotten "${url}"\n`)
    expect((await tool(['lookup', ...attributes(url)])).stdout.toString()).toBe('')
    const again = await coalmine(['keyring', 'forget', url])
    expect(again.code).toBe(23)
    expect(again.err).toContain('it is not in it')
    const missing = await coalmine(['list-current-files', url, '--keyring'])
    expect(missing.code).toBe(30) // No backup: nothing needs the passphrase.
  })

  itWith(secretService, 'keeps no password of a URL, in a name or anywhere', async () => {
    const { coalmine, tool, folder } = await place()
    const set = await coalmine(['keyring', 'set', 'mf://me:hunter2@mediafire.com/backup/'], { input: Buffer.from('x') })
    expect(set.code, said(set as never)).toBe(0)
    expect(set.out).toContain('of "mf://me@mediafire.com/backup"')
    expect((await tool(['lookup', ...attributes('mf://me@mediafire.com/backup')])).stdout.toString()).toBe('x')
    const all = await tool(['search', '--all', 'service', 'coalmine'])
    expect(all.stdout.toString() + all.stderr.toString()).not.toContain('hunter2')
    expect(readdirSync(folder)).not.toContain('hunter2')
  })

  itWith([...secretService, 'python3'], 'asks twice on a terminal, and shows nothing', async () => {
    const { folder, tool } = await place()
    const answers = ['hunter2\n', 'hunter3\n', 'hunter2\n', 'hunter2\n']
    const { code, shown } = await onTerminal(folder, ['keyring', 'set', 'docs'], answers, { secretService: true })
    expect(code, shown).toBe(0)
    expect(shown.match(/assphrase: /g)).toHaveLength(2)
    expect(shown.match(/once more: /g)).toHaveLength(2)
    expect(shown).not.toContain('hunter')
    expect((await tool(['lookup', ...attributes('docs')])).stdout.toString()).toBe('hunter2')
  })

  itWith(secretService, 'says at once that it is locked when nobody is there to unlock it', async () => {
    const { url, source, coalmine } = await place()
    expect((await coalmine(['keyring', 'set', url], { input: Buffer.from('x') })).code).toBe(0)
    for (const args of [
      ['full', source, url, '--keyring'],
      ['keyring', 'forget', url],
    ]) {
      const { code, err } = await coalmine(args, { locked: true })
      expect(code, err).toBe(23)
      expect(err).toContain('the keyring: it is locked, and nobody unlocked it')
    }
  })
})

describe('coalmine keyring without a keyring', () => {
  it('fails at once with a sentence', async () => {
    const { run, url, folder } = await world()
    const bare = { env: { PASSPHRASE: undefined }, input: Buffer.from('hunter2\n') }
    mkdirSync(join(folder, 'source'))
    for (const [args, what] of [
      [['keyring', 'set', url], 'store the passphrase in'],
      [['keyring', 'forget', url], 'remove the passphrase from'],
      [['full', join(folder, 'source'), url, '--keyring'], 'take the passphrase from'],
    ] as const) {
      const outcome = await run(args, bare)
      expect(outcome.code, said(outcome)).toBe(23)
      expect(outcome.err).toContain(`Cannot ${what} the keyring: there is no Secret Service to talk to`)
      expect(outcome.err).not.toContain('hunter2')
    }
  })

  it('is not asked unless that is said', async () => {
    const { run, url, folder } = await world()
    mkdirSync(join(folder, 'source'))
    const { code, err } = await run(['full', join(folder, 'source'), url], { env: none })
    expect(code).toBe(30)
    expect(err).toContain('give it by PASSPHRASE, --passphrase-file, --passphrase-command or --keyring')
    const off = await run(['full', join(folder, 'source'), url], { env: { ...none, COALMINE_KEYRING: '0' } })
    expect(off.code).toBe(30)
  })

  it('is used wrongly', async () => {
    const { run, url, folder } = await world()
    expect((await run(['keyring', 'get', url])).err).toContain('it is set or forget')
    expect((await run(['keyring', 'set'])).code).toBe(23)
    expect((await run(['keyring', 'set', ''], { input: Buffer.from('x') })).code).toBe(23)
    expect((await run(['key', 'set', url])).code).toBe(23)
    expect((await run(['keyring', 'set', url], { input: Buffer.from('\n') })).err).toContain('it is empty')
    expect((await run(['passphrase', 'judge', '--keyring'])).err).toContain('say "--name"')
    const both = await run(['full', folder, url, '--keyring', '--passphrase-file', 'x'])
    expect(both.err).toContain('Cannot take both "--passphrase-file" and "--keyring"')
  })
})
