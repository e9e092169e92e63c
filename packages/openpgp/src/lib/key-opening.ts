import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { open, type Opening } from './decrypt.ts'
import type { SecretKeys } from './find-session-key.ts'
import { exportKeys } from './gpg-keyring.ts'
import { gpgSecretKeys } from './gpg-session-key.ts'
import { gpgProgram, type KeyEnvelopeOptions, keyPassphrase } from './key-options.ts'
import { findPublicKey, type KeyFile, shownSource } from './key-source.ts'
import { type Certificate, readCertificates } from './openpgp-js.ts'
import type { LazyPassphrase } from './passphrase-source.ts'
import { secretKeyFiles } from './secret-key-files.ts'
import { anyOf } from './secret-keys.ts'
import { Verifier } from './verifier.ts'

/** Opens the messages of a run. */
export interface KeyOpener {
  open(stored: ByteSource): ByteStream
  /** Looks up the key that must have signed. @throws OpenPgpError */
  prepare(): Promise<void>
}

export function createOpener(options: KeyEnvelopeOptions, passphrase: LazyPassphrase | undefined): KeyOpener {
  const demanded = demandedKeys(options)
  const opening: Opening = {
    passphrase,
    secretKeys: secretKeysOf(options),
    verifier: new Verifier({
      demanded,
      demandedNames: options.signedBy === undefined ? undefined : shownSource(options.signedBy),
      find: finder(options),
      nowMs: options.nowMs ?? Date.now,
      onVerdict: options.onSignature,
    }),
    signal: options.signal,
  }
  return {
    open: (stored) => (demanded === undefined ? open(stored.open(), opening) : openProven(stored, opening)),
    async prepare() {
      await demanded?.()
    },
  }
}

/** Twice: whether the right key has signed shows at the end, and nothing is handed on before. */
async function* openProven(stored: ByteSource, opening: Opening): ByteStream {
  for await (const _ of open(stored.open(), opening));
  yield* open(stored.open(), opening)
}

function secretKeysOf(options: KeyEnvelopeOptions): SecretKeys | undefined {
  const { secretKeys = [], passphrase } = options
  const fallback = typeof passphrase === 'function' ? undefined : passphrase
  const given = keyPassphrase(options.keyPassphrase ?? fallback)
  const gpg = gpgProgram(options)
  const sources: SecretKeys[] = []
  if (secretKeys.length > 0) sources.push(secretKeyFiles(secretKeys, given))
  if (gpg !== undefined) sources.push(gpgSecretKeys(gpg, given))
  return sources.length === 0 ? undefined : anyOf(sources)
}

function demandedKeys(options: KeyEnvelopeOptions): (() => Promise<readonly Certificate[]>) | undefined {
  const { signedBy } = options
  if (signedBy === undefined) return undefined
  let finding: Promise<readonly Certificate[]> | undefined
  const find = async () => [
    await findPublicKey(signedBy, 'check signatures of', { gpg: gpgProgram(options), trusted: false }),
  ]
  return async () => (finding ??= find())
}

/** As many signers as there may be in the sets of a storage, and then some. */
const keptIds = 256

/** Public keys by id: of the key files that were given, then of gpg. */
function finder(options: KeyEnvelopeOptions): (keyId: string) => Promise<readonly Certificate[]> {
  const gpg = gpgProgram(options)
  const kept = new Map<string, Promise<readonly Certificate[]>>()
  let files: Promise<readonly Certificate[]> | undefined
  const find = async (keyId: string) => {
    const inFiles = await (files ??= allIn(keyFilesOf(options)))
    const found = inFiles.filter((key) => key.getKeyIDs().some((id) => id.toHex().toUpperCase() === keyId))
    if (found.length > 0 || gpg === undefined) return found
    const bytes = await exportKeys(gpg, keyId, 'check signatures of')
    return bytes.length === 0 ? [] : readCertificates(bytes)
  }
  return async (keyId) => {
    const known = kept.get(keyId)
    if (known !== undefined) return known
    const finding = find(keyId)
    if (kept.size < keptIds) kept.set(keyId, finding)
    return finding
  }
}

function keyFilesOf({
  recipients = [],
  hiddenRecipients = [],
  signer,
  secretKeys = [],
}: KeyEnvelopeOptions): KeyFile[] {
  const sources = [...recipients, ...hiddenRecipients, ...secretKeys, ...(signer === undefined ? [] : [signer])]
  return sources.filter((source): source is KeyFile => typeof source !== 'string')
}

async function allIn(files: readonly KeyFile[]): Promise<Certificate[]> {
  // A file that cannot be read is an error where it is needed; here it has no public keys.
  const all = await Promise.all(files.map(async ({ bytes }) => readCertificates(bytes).catch(() => [])))
  return all.flat()
}
