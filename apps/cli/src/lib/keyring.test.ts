import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { forgetInKeyring, keepInKeyring, secretInKeyring } from './keyring.ts'

const { signal } = new AbortController()

/** A program in place of the one that talks to the keyring. */
async function program(text: string): Promise<string> {
  const script = join(await tempDir('keyring'), 'asked.mjs')
  writeFileSync(script, text)
  return script
}

/** Answers with what it was asked, its arguments and its environment. */
const echo = `
let text = ''
for await (const chunk of process.stdin) text += chunk
const seen = text + JSON.stringify(process.argv.slice(2)) + JSON.stringify(process.env)
process.stdout.write(JSON.stringify({ secret: Buffer.from(seen).toString('base64'), existed: true }))
`

// The keyring itself: test/keyring.test.ts.
describe('the process that asks the keyring', () => {
  it('is given a secret by a pipe alone', async () => {
    const script = await program(echo)
    const seen = (await secretInKeyring('docs', { signal, script }))!.toString()
    expect(seen).toContain('{"verb":"get","account":"docs"}[]{')
    const store = await program(echo.replace('existed: true', "error: seen.replace(/^[^]*?}/, '')"))
    const rest = keepInKeyring('docs', Buffer.from('hunter2'), { signal, script: store })
    await expect(rest).rejects.toThrow(/Cannot store the passphrase in the keyring: \[\]/)
    await expect(rest).rejects.not.toThrow(/hunter2|aHVudGVyMg/)
  })

  it('is ended when it takes too long, or the run is stopped', async () => {
    const script = await program('setInterval(() => undefined, 1000)')
    await expect(secretInKeyring('docs', { signal, script, limitMs: 200 })).rejects.toThrow(
      'Cannot take the passphrase from the keyring: it did not answer within 0.2 s; does it wait to be unlocked?',
    )
    const controller = new AbortController()
    const asked = secretInKeyring('docs', { signal: controller.signal, script })
    setTimeout(() => controller.abort(new Error('stopped')), 50)
    await expect(asked).rejects.toThrow('stopped')
    await expect(secretInKeyring('docs', { signal: controller.signal, script })).rejects.toThrow('stopped')
  })

  it.each([
    ['process.exit(3)', 'the process that asks it ended with 3'],
    ['process.kill(process.pid, "SIGTERM")', 'the process that asks it ended with SIGTERM'],
    ['process.stdout.write("no JSON")', 'could not be started or gave no answer'],
    [
      'process.stdout.write(JSON.stringify({ error: "bell \\u0007 and \\u001b[31m red" }))',
      String.raw`bell \x07 and \x1b`,
    ],
    ['process.stdout.write(JSON.stringify({ error: "DBus error: x" }))', 'there is no Secret Service to talk to'],
    ['process.stdout.write(JSON.stringify({ error: "Secret Service: no result found" }))', 'it has no place to keep'],
  ])('fails with a sentence when it does %s', async (text, sentence) => {
    const script = await program(text)
    await expect(forgetInKeyring('docs', { signal, script })).rejects.toThrow(
      `Cannot remove the passphrase from the keyring: `,
    )
    await expect(forgetInKeyring('docs', { signal, script })).rejects.toThrow(sentence)
  })

  it('tells nothing from no secret', async () => {
    const script = await program('process.stdout.write(JSON.stringify({ secret: null, existed: false }))')
    expect(await secretInKeyring('docs', { signal, script })).toBeUndefined()
    expect(await forgetInKeyring('docs', { signal, script })).toBe(false)
  })

  it('says so where its library is missing', async () => {
    const built = fileURLToPath(new URL('../../dist/lib/keyring-process.js', import.meta.url))
    const script = join(await tempDir('keyring'), 'alone.mjs')
    copyFileSync(built, script)
    await expect(secretInKeyring('docs', { signal, script })).rejects.toThrow(
      'its library @napi-rs/keyring is not installed or does not run here',
    )
  })

  it.each(['darwin', 'win32', 'freebsd'] as const)('is not started on %s, where nobody tried it', async (platform) => {
    const script = await program('throw new Error("started")')
    await expect(secretInKeyring('docs', { signal, script, platform })).rejects.toMatchObject({
      exitCode: 33,
      message: expect.stringContaining('it was tried with the Secret Service of Linux only') as string,
    })
  })
})
