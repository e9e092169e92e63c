import { isDeepStrictEqual } from 'node:util'

// A process of its own, because the system's keyring may make whoever asks wait: for a password to unlock it, or for a
// window that nobody sees. A process can be ended; a call into the library cannot. Requests and answers go through pipes.

/** What is asked: one line of JSON on standard input. Secrets are in base64. */
export interface KeyringRequest {
  readonly verb: 'get' | 'set' | 'forget'
  readonly account: string
  readonly secret?: string
}

/** What is answered: JSON on standard output. */
export type KeyringAnswer =
  | { readonly error: string; readonly missing?: boolean }
  /** Of `get`: the secret, `null` when there is none. Of `forget`: whether there was one. */
  | { readonly secret?: string | null; readonly existed?: boolean }

const service = 'coalmine'

async function answer({ verb, account, secret }: KeyringRequest): Promise<KeyringAnswer> {
  let Entry: typeof import('@napi-rs/keyring').Entry
  try {
    ;({ Entry } = await import('@napi-rs/keyring'))
  } catch {
    return { error: 'its library @napi-rs/keyring is not installed or does not run here' }
  }
  try {
    // Without this word the library falls back to the kernel's keys, which are gone after the next start.
    const entry = new Entry(service, account, { linux: { store: 'secret-service' } })
    if (verb === 'forget') return { existed: entry.deleteCredential() }
    if (verb === 'set') entry.setSecret(Buffer.from(secret!, 'base64'))
    const kept = entry.getSecret()
    const shown = kept === null ? null : Buffer.from(kept).toString('base64')
    if (verb === 'set' && !isDeepStrictEqual(shown, secret)) return { error: 'it did not keep what it was given' }
    return { secret: shown }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
const request = JSON.parse(Buffer.concat(chunks).toString()) as KeyringRequest
process.stdout.write(JSON.stringify(await answer(request)))
