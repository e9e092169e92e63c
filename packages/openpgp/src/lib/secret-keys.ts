import { createHash } from 'node:crypto'
import { cannotDecrypt, OpenPgpError } from './errors.ts'
import type { SecretKeys } from './find-session-key.ts'
import type { PublicKeyPacket } from './public-key-packet.ts'
import type { SessionKey } from './session-key.ts'

/** An object is opened again when it is checked first and read then. Others are between the two. */
const keptMessages = 16

/**
 * Several sources of secret keys as one: they are tried in their order, and the session keys of the last few messages are
 * remembered, so that gpg and its agent are not asked twice.
 */
export function anyOf(sources: readonly SecretKeys[]): SecretKeys {
  const kept = new Map<string, Promise<SessionKey[]>>()
  return {
    async open(packets, data) {
      const name = nameOf(packets)
      let opening = kept.get(name)
      if (opening === undefined) {
        opening = firstOf(sources, packets, data)
        kept.set(name, opening)
        opening.catch(() => kept.delete(name))
        if (kept.size > keptMessages) forgetOldest(kept)
      }
      const sessions = await opening
      return sessions.map(({ cipher, key }) => ({ cipher, key: Uint8Array.from(key) }))
    },
  }
}

async function firstOf(
  sources: readonly SecretKeys[],
  ...[packets, data]: Parameters<SecretKeys['open']>
): Promise<SessionKey[]> {
  let refused: OpenPgpError | undefined
  for (const source of sources) {
    try {
      return await source.open(packets, data)
    } catch (error) {
      // The next one may have the key. What is said in the end is what went wrong with a key, or that there was none.
      if (!(error instanceof OpenPgpError)) throw error
      if (refused === undefined || refused.code === 'no-secret-key') refused = error
    }
  }
  throw refused ?? cannotDecrypt('no-secret-key', 'it is encrypted to public keys only, and no secret key is at hand')
}

function nameOf(packets: readonly PublicKeyPacket[]): string {
  const hash = createHash('sha256')
  for (const { body } of packets) hash.update(`${body.length} `).update(body)
  return hash.digest('hex')
}

// Whoever waits for it asked earlier, so takes its copy before it is overwritten.
function forgetOldest(kept: Map<string, Promise<SessionKey[]>>): void {
  for (const [name, opening] of kept) {
    kept.delete(name)
    void opening.then((sessions) => sessions.forEach(({ key }) => key.fill(0))).catch(() => undefined)
    return
  }
}
