import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, tempDir } from '@coalmine/fixtures'
import { afterAll } from 'vitest'
import { duplicityEnv } from '../src/index.ts'

/** Passphrases of the keys that have one. */
export const phrases = { recipient: 'recipient p\u00e4ss', signer: 'signer "pass' } as const

/** Keys of a home's keyring, by what they are for: fingerprints. */
export interface HomeKeys {
  readonly home: string
  /** cv25519, RSA and cv25519, without a passphrase. */
  readonly open: string
  readonly rsa: string
  /** Each with its passphrase. */
  readonly locked: string
  readonly signer: string
}

/** Runs gpg in a home; it must succeed. */
export async function gpgIn(home: string, args: readonly string[], input?: Uint8Array): Promise<string> {
  const words = ['gpg', '--batch', '--no-tty', '--pinentry-mode', 'loopback', ...args]
  const { stdout } = await run(words, { env: duplicityEnv(home), input, check: true })
  return stdout.toString()
}

/** A home with keys. What is made with it is for its copies, too. */
export async function makeKeyHome(): Promise<HomeKeys> {
  const home = await emptyHome()
  const make = async (name: string, phrase: string, primary: string, sub: string) => {
    await gpgIn(home, ['--passphrase', phrase, '--quick-gen-key', name, primary, 'sign', 'never'])
    const listing = await gpgIn(home, ['--with-colons', '--list-keys', `=${name}`])
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)![1]!
    await gpgIn(home, ['--passphrase', phrase, '--quick-add-key', fingerprint, sub, 'encr', 'never'])
    return fingerprint
  }
  const keys = {
    home,
    open: await make('open', '', 'ed25519', 'cv25519'),
    rsa: await make('rsa', '', 'rsa2048', 'rsa2048'),
    locked: await make('locked', phrases.recipient, 'ed25519', 'cv25519'),
    signer: await make('signer', phrases.signer, 'ed25519', 'cv25519'),
  }
  await endAgent(home)
  return keys
}

/** A home with a keyring of its own: the same keys. */
export async function copyHome(keys: HomeKeys): Promise<HomeKeys> {
  const home = await emptyHome()
  const isSocket = (path: string) => /\/S\.[^/]*$/.test(path)
  cpSync(join(keys.home, '.gnupg'), join(home, '.gnupg'), { recursive: true, filter: (path) => !isSocket(path) })
  return { ...keys, home }
}

/** A home without keys. Its agent ends with the test file. */
export async function emptyHome(): Promise<string> {
  const home = await tempDir('kh')
  mkdirSync(join(home, '.gnupg'), { mode: 0o700 })
  // Passphrases of keys are stretched for half a second otherwise, each time.
  writeFileSync(join(home, '.gnupg', 'gpg-agent.conf'), 's2k-count 65536\n')
  afterAll(async () => endAgent(home))
  return home
}

async function endAgent(home: string): Promise<void> {
  const folder = join(home, '.gnupg')
  await run(['gpgconf', '--homedir', folder, '--kill', 'all'], { env: duplicityEnv(home) })
  // It goes on to remove its sockets; those of an agent that ended with its world stay.
  for (let waits = 0; waits < 200 && existsSync(folder); waits++) {
    if (!readdirSync(folder).some((name) => name.startsWith('S.'))) return
    await sleep(5)
  }
}
