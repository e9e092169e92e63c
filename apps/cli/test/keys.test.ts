import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { said, type World, world } from './coalmine.ts'

const secret = 'geheim-Xyzzy-42'

/** Where all keys are; only this home has secret ones. */
let home = ''
const keys = { open: '', locked: '', signer: '' }

async function newHome(): Promise<string> {
  const path = join(await tempDir('ck'), 'k')
  mkdirSync(path, { mode: 0o700 })
  writeFileSync(join(path, 'gpg-agent.conf'), 's2k-count 65536\n')
  afterAll(async () => forget(path))
  return path
}

/** Ends the agent: what it remembers is forgotten. */
async function forget(path = home): Promise<void> {
  await run(['gpgconf', '--homedir', path, '--kill', 'all'])
  while (readdirSync(path).some((name) => name.startsWith('S.'))) await sleep(5)
}

async function gpg(path: string, ...args: string[]): Promise<Buffer> {
  const words = ['gpg', '--homedir', path, '--batch', '--pinentry-mode', 'loopback', ...args]
  return (await run(words, { check: true })).stdout
}

beforeAll(async () => {
  home = await newHome()
  for (const name of ['open', 'locked', 'signer'] as const) {
    const how = ['--passphrase', name === 'open' ? '' : secret]
    await gpg(home, ...how, '--quick-gen-key', `${name}@example.org`, 'ed25519', 'sign', 'never')
    const listing = (await gpg(home, '--with-colons', '--list-keys', `${name}@example.org`)).toString()
    keys[name] = /^fpr:+([0-9A-F]{40}):/m.exec(listing)![1]!
    await gpg(home, ...how, '--quick-add-key', keys[name], 'cv25519', 'encr', 'never')
  }
  await forget()
}, 120_000)

async function planted() {
  const place = await world()
  const source = join(place.folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), 'hello\n')
  return { ...place, source }
}

const inHome = (path: string, more: Record<string, string> = {}) => ({
  env: { GNUPGHOME: path, PASSPHRASE: undefined, ...more },
})

let restores = 0
async function restored(place: World, options: string[], env: ReturnType<typeof inHome>) {
  restores += 1
  const target = `${place.target}${restores}`
  const cache = ['--archive-dir', `${target}-cache`]
  const outcome = await place.run(['restore', place.url, target, ...cache, ...options], env)
  if (outcome.code === 0) expect(readFileSync(join(target, 'a'), 'utf8')).toBe('hello\n')
  else expect(readdirSync(place.folder)).not.toContain(`${target}/a`)
  return outcome
}

describe('a server with the public key alone', () => {
  itWith(
    'gpg',
    'backs up again and again, lists from its cache, and cannot read; who has the secret key can',
    async () => {
      const place = await planted()
      const server = await newHome()
      const file = join(place.folder, 'backup.asc')
      writeFileSync(file, await gpg(home, '--armor', '--export', keys.locked))
      await gpg(server, '--import', file)
      for (const [at, options] of [
        ['--encrypt-key', keys.locked],
        ['--hidden-encrypt-key', file],
      ].entries()) {
        const clock = ['--current-time', String(1_700_000_000 + at)]
        const outcome = await place.run(['full', place.source, place.url, ...options, ...clock], inHome(server))
        expect(outcome.code, said(outcome)).toBe(0)
      }
      const refused = await restored(place, [], inHome(server, { PASSPHRASE: secret }))
      expect(refused.code).toBe(31)
      expect(refused.err).toContain('gpg does not have the secret key')
      const listed = await place.run(['list-current-files', place.url], inHome(server))
      expect([listed.code, listed.out]).toEqual([0, expect.stringContaining(' a\n')])
      expect((await restored(place, [], inHome(home, { PASSPHRASE: secret }))).code).toBe(0)
    },
    60_000,
  )
})

describe('secret keys', () => {
  itWith(
    'gpg',
    'are taken from --encrypt-secret-keyring, locked or not, without a gpg',
    async () => {
      const place = await planted()
      const written = await place.run(['full', place.source, place.url, '--encrypt-key', keys.locked], inHome(home))
      expect(written.code, said(written)).toBe(0)
      const ring = join(place.folder, 'secring.gpg')
      writeFileSync(ring, await gpg(home, '--passphrase', secret, '--export-secret-keys', keys.locked))
      const options = ['--encrypt-secret-keyring', ring, '--gpg-binary', '/nowhere/gpg']
      expect((await restored(place, options, inHome('/nowhere', { PASSPHRASE: secret }))).code).toBe(0)
      const wrong = await restored(place, options, inHome('/nowhere', { PASSPHRASE: 'wrong' }))
      expect([wrong.code, wrong.err]).toEqual([31, expect.stringContaining('the passphrase does not unlock it')])
      const nobody = await restored(place, options, inHome('/nowhere'))
      expect([nobody.code, nobody.err]).toEqual([30, expect.stringContaining('Cannot ask for the passphrase')])
      const none = await restored(place, ['--encrypt-secret-keyring', '/nowhere/ring'], inHome(home))
      expect([none.code, none.err]).toEqual([23, 'Cannot read the key file "/nowhere/ring": ENOENT\n'])
    },
    60_000,
  )

  itWith(
    'gpg',
    'are asked for by the agent alone with --use-agent',
    async () => {
      const place = await planted()
      const written = await place.run(['full', place.source, place.url, '--encrypt-key', keys.locked], inHome(home))
      expect(written.code, said(written)).toBe(0)
      await forget()
      writeFileSync(join(home, 'gpg-agent.conf'), 's2k-count 65536\npinentry-program /nowhere/pinentry\n')
      try {
        const refused = await restored(place, ['--use-agent'], inHome(home, { PASSPHRASE: secret }))
        expect([refused.code, refused.err]).toEqual([31, expect.stringContaining('No pinentry')])
        expect((await restored(place, [], inHome(home, { PASSPHRASE: secret }))).code).toBe(0)
        // Now the agent knows the passphrase.
        expect((await restored(place, ['--use-agent'], inHome(home))).code).toBe(0)
      } finally {
        writeFileSync(join(home, 'gpg-agent.conf'), 's2k-count 65536\n')
        await forget()
      }
    },
    60_000,
  )
})

describe('signatures', () => {
  itWith(
    'gpg',
    'are made with --sign-key, demanded with it, and told of without',
    async () => {
      const place = await planted()
      const options = ['--encrypt-key', keys.open, '--sign-key', keys.signer]
      const wrong = await place.run(
        ['full', place.source, place.url, ...options],
        inHome(home, { SIGN_PASSPHRASE: 'x' }),
      )
      expect([wrong.code, wrong.err]).toEqual([31, expect.stringContaining('the passphrase does not unlock it')])
      expect(readdirSync(place.folder)).not.toContain('storage')
      const env = inHome(home, { SIGN_PASSPHRASE: secret })
      const written = await place.run(['full', place.source, place.url, ...options], env)
      expect(written.code, said(written)).toBe(0)
      const fine = await restored(place, ['--sign-key', keys.signer, '-v5'], inHome(home))
      expect([fine.code, fine.out]).toEqual([0, expect.stringContaining(`Signed by the key ${keys.signer}`)])
      const other = await restored(place, ['--sign-key', keys.open], inHome(home))
      expect([other.code, other.err]).toEqual([22, expect.stringContaining(`has to be by the key "${keys.open}"`)])
      // Who has the recipient's key and does not know the signer's.
      const stranger = await newHome()
      const ring = join(place.folder, 'open.asc')
      writeFileSync(ring, await gpg(home, '--armor', '--export-secret-keys', keys.open))
      const told = await restored(place, ['--encrypt-secret-keyring', ring], inHome(stranger))
      expect([told.code, told.out + told.err]).toEqual([
        0,
        expect.stringContaining(`The signature of the key ${keys.signer.slice(-16)} is not proven`),
      ])
      expect((told.out + told.err).match(/is not proven/g)).toHaveLength(1)
      expect((await restored(place, ['--sign-key', keys.signer], inHome(stranger))).code).toBe(31)
    },
    60_000,
  )

  itWith(
    'gpg',
    'are demanded of what is not encrypted too: it has none',
    async () => {
      const place = await planted()
      const plain = await place.run(['full', place.source, place.url, '--no-encryption'], inHome(home))
      expect(plain.code, said(plain)).toBe(0)
      expect((await restored(place, [], inHome(home))).code).toBe(0)
      for (const option of ['--sign-key', '--encrypt-sign-key']) {
        const refused = await restored(place, [option, keys.signer], inHome(home))
        expect([refused.code, refused.err]).toEqual([22, expect.stringContaining('neither encrypted nor signed')])
        const both = ['--no-encryption', option, keys.signer]
        const mistake = await place.run(['full', place.source, place.url, ...both], inHome(home))
        expect([mistake.code, mistake.err]).toEqual([
          23,
          expect.stringContaining(`both "--no-encryption" and "${option}"`),
        ])
      }
    },
    300_000,
  )

  itWith(
    'gpg',
    'by the recipient, with --encrypt-sign-key, need one passphrase for both',
    async () => {
      const place = await planted()
      const both = ['--encrypt-sign-key', keys.locked]
      const written = await place.run(['full', place.source, place.url, ...both], inHome(home, { PASSPHRASE: secret }))
      expect(written.code, said(written)).toBe(0)
      await forget()
      expect((await restored(place, both, inHome(home, { SIGN_PASSPHRASE: secret }))).code).toBe(0)
      await forget()
      expect((await restored(place, both, inHome(home, { PASSPHRASE: 'wrong' }))).code).toBe(31)
    },
    60_000,
  )
})

describe('secrets', () => {
  itWith(
    ['gpg', 'grep'],
    'of keys are in no output, no log, no file and nothing that gpg is given (judge: grep)',
    async () => {
      const place = await planted()
      const seen = join(place.folder, 'seen')
      const binary = join(place.folder, 'gpg')
      const script = `#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/cmdline >> ${seen}\ntr '\\0' '\\n' < /proc/$$/environ >> ${seen}\nexec gpg "$@"\n`
      writeFileSync(binary, script, { mode: 0o755 })
      const env = inHome(home, { PASSPHRASE: secret, SIGN_PASSPHRASE: secret })
      const options = ['--encrypt-key', keys.locked, '--sign-key', keys.signer, '--gpg-binary', binary]
      const log = ['-v9', '--log-file', join(place.folder, 'log')]
      await forget()
      const outcomes = [
        await place.run(['full', place.source, place.url, ...options, ...log], env),
        await restored(place, [...options, ...log], env),
        await restored(place, [...options, ...log], inHome(home, { PASSPHRASE: secret, SIGN_PASSPHRASE: secret })),
      ]
      for (const outcome of outcomes) {
        expect(outcome.code, said(outcome)).toBe(0)
        expect(outcome.out + outcome.err).not.toContain(secret)
      }
      expect(readFileSync(seen, 'latin1')).toContain('--show-session-key')
      expect((await run(['grep', '-rl', secret, place.folder])).stdout.toString()).toBe('')
      await forget()
    },
    60_000,
  )
})
