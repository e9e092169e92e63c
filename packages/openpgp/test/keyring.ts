import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { run, type RunResult, tempDir } from '@coalmine/fixtures'
import { afterAll } from 'vitest'

/** A home of gpg's with keys of its own. Its agent is ended after the test file. */
export interface Keyring {
  readonly home: string
  /** Runs gpg there; it asks nobody. */
  gpg(args: readonly string[], input?: Uint8Array): Promise<RunResult>
  /** The same, and it must succeed: what it wrote. */
  out(args: readonly string[], input?: Uint8Array): Promise<Buffer>
  /** Takes in the recorded keys, and trusts them: their fingerprints. */
  importKinds(): Promise<Map<KeyKind, string>>
  /** Makes a key of ed25519 and cv25519 and returns its fingerprint. */
  make(name: string, options?: KeyMaking): Promise<string>
  /** Revokes a key that was made here. */
  revoke(fingerprint: string): Promise<void>
  /** Ends the agent: what it remembers is forgotten. */
  forget(): Promise<void>
}

export interface KeyMaking {
  readonly passphrase?: string
  /** As gpg has it: `never`, `10d`. */
  readonly expires?: string
  /** gpg believes that it is then: `20200101T000000`. */
  readonly at?: string
  /** Only a key that signs. */
  readonly signsOnly?: boolean
}

/** Keys of every kind that gpg 2.2 makes, recorded: finding the primes of some takes it half a minute. */
export const keyKinds = ['ed25519', 'rsa2048', 'nistp384', 'dsa2048', 'brainpoolP256r1'] as const

const recorded = fileURLToPath(new URL('vectors/keys.asc', import.meta.url))

export type KeyKind = (typeof keyKinds)[number]

/** Of every home's agent. */
export const agentSettings = 's2k-count 65536\n'

export async function createKeyring(): Promise<Keyring> {
  const home = join(await tempDir('keys'), 'k')
  mkdirSync(home, { mode: 0o700 })
  // Passphrases of keys are stretched for half a second otherwise, each time.
  writeFileSync(join(home, 'gpg-agent.conf'), agentSettings)
  const env = { ...process.env, GNUPGHOME: home, LC_ALL: 'C' }
  const always = ['gpg', '--batch', '--no-tty', '--pinentry-mode', 'loopback', '--status-fd', '2']
  const forget = async () => {
    await run(['gpgconf', '--homedir', home, '--kill', 'all'], { env })
    // It goes on to remove its sockets.
    while (readdirSync(home).some((name) => name.startsWith('S.'))) await sleep(5)
  }
  afterAll(forget)
  const gpg = async (args: readonly string[], input?: Uint8Array) => run([...always, ...args], { env, input })
  const out = async (args: readonly string[], input?: Uint8Array) => {
    const { code, stdout, stderr } = await gpg(args, input)
    if (code !== 0) throw new Error(`gpg ${args.join(' ')}: ${stderr.toString()}`)
    return stdout
  }
  return {
    home,
    gpg,
    out,
    forget,
    async revoke(fingerprint) {
      const path = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`)
      // gpg puts a colon before it, lest it is used by mistake.
      await out(['--import'], Buffer.from(readFileSync(path, 'latin1').replace(/^:-----/m, '-----'), 'latin1'))
    },
    async importKinds() {
      await out(['--import', recorded])
      const listing = (await out(['--with-colons', '--list-keys'])).toString()
      const keys = new Map<KeyKind, string>()
      for (const [, fingerprint, kind] of listing.matchAll(/^fpr:+([0-9A-F]{40}):\nuid:.*<(\w+)@example.org>/gm)) {
        keys.set(kind as KeyKind, fingerprint!)
      }
      await out(['--import-ownertrust'], Buffer.from([...keys.values()].map((key) => `${key}:6:\n`).join('')))
      return keys
    },
    async make(name, { passphrase = '', expires = 'never', at, signsOnly } = {}) {
      const when = at === undefined ? [] : ['--faked-system-time', `${at}!`]
      const how = [...when, '--passphrase', passphrase]
      await out([...how, '--quick-gen-key', `${name} <${name}@example.org>`, 'ed25519', 'sign', expires])
      const listing = await out(['--with-colons', '--list-keys', `=${name} <${name}@example.org>`])
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing.toString())![1]!
      if (signsOnly !== true) await out([...how, '--quick-add-key', fingerprint, 'cv25519', 'encr', expires])
      return fingerprint
    },
  }
}

/** A program in place of gpg: a shell script. */
export async function scriptFor(lines: string): Promise<string> {
  const path = join(await tempDir('script'), 'gpg')
  writeFileSync(path, `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
  return path
}
