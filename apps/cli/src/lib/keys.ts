import { readFileSync, readlinkSync } from 'node:fs'
import { isatty } from 'node:tty'
import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import type { GpgOptions, KeyFile, KeySource } from '@coalmine/openpgp'
import { CommandError, exitCode } from './exit-codes.ts'
import { type MappedGpgOptions, mapGpgOptions } from './gpg-options.ts'
import { textOf } from './parse-arguments.ts'
import { expandHome, type Settings } from './settings.ts'

/** What the options say about keys. */
export interface Keys {
  readonly recipients: readonly KeySource[]
  readonly hiddenRecipients: readonly KeySource[]
  /** Who signs what is written, and must have signed what is read. */
  readonly signer: KeySource | undefined
  /** Whether the signer is one of the recipients, by the same word: one passphrase then stands for both. */
  readonly signerIsRecipient: boolean
  readonly secretKeys: readonly KeyFile[]
  readonly gpg: GpgOptions
  readonly mapped: MappedGpgOptions
  /** Passphrases of keys are asked for by gpg's agent alone. */
  readonly useAgent: boolean
}

/** Whether what is written is for public keys. */
export function hasRecipients(settings: Settings): boolean {
  return ['encrypt-key', 'hidden-encrypt-key', 'encrypt-sign-key'].some((name) => settings.all(name).length > 0)
}

/** @throws CommandError for a key file that cannot be read, and for options of gpg's that mean nothing here */
export function keysOf(settings: Settings): Keys {
  const encryptSign = settings.all('encrypt-sign-key')
  const named = [...settings.all('encrypt-key'), ...encryptSign]
  const hidden = settings.all('hidden-encrypt-key')
  const signer = settings.raw('sign-key') ?? encryptSign.at(-1)
  const mapped = mapGpgOptions(settings.all('gpg-options').map(textOf))
  const secret = settings.raw('encrypt-secret-keyring')
  showTerminal()
  return {
    recipients: named.map(keySource),
    hiddenRecipients: hidden.map(keySource),
    signer: signer === undefined ? undefined : keySource(signer),
    signerIsRecipient: signer !== undefined && [...named, ...hidden].includes(signer),
    secretKeys: secret === undefined ? [] : [keyFile(secret)],
    gpg: { binary: settings.path('gpg-binary')?.toString(), home: mapped.home, trustAll: mapped.trustAll },
    mapped,
    useAgent: settings.flag('use-agent'),
  }
}

/** A word with a slash or an ending of key files is a file; any other is a name in gpg's keyring. */
function keySource(word: RawPath): KeySource {
  return /\/|\.(asc|gpg|pgp|key)$/.test(word) ? keyFile(word) : textOf(word)
}

function keyFile(word: RawPath): KeyFile {
  const path = expandHome(word)
  try {
    return { name: displayPath(word), bytes: readFileSync(rawToBytes(path)) }
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new CommandError(exitCode.user, `Cannot read the key file "${displayPath(word)}": ${reason}`, {
      cause: error,
    })
  }
}

/** Where pinentry asks, when it has no window to do so: gpg looks at the variable only, because its input is ours. */
function showTerminal(): void {
  if (process.env['GPG_TTY'] !== undefined || !isatty(0)) return
  try {
    process.env['GPG_TTY'] = readlinkSync('/proc/self/fd/0')
  } catch {
    // No /proc here: who wants pinentry on the terminal sets the variable, as gpg's manual says.
  }
}
