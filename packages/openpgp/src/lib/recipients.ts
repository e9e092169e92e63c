import { OpenPgpError } from './errors.ts'
import type { KeySource, PublicKeyOptions } from './key-source.ts'
import { findPublicKey, shownSource } from './key-source.ts'
import { chooseKey, readsRfc9580, type UsableKey } from './key-use.ts'
import { type OpenPgpJs, openPgpJs } from './openpgp-js.ts'
import { encodePacket } from './packet-writer.ts'
import type { SessionKey } from './session-key.ts'

export interface RecipientOptions extends PublicKeyOptions {
  readonly recipients: readonly KeySource[]
  /** Who of them a message is for does not show in it. */
  readonly hiddenRecipients: readonly KeySource[]
  /** Of the packets that hold the session key; 6 is for keys that say that they read RFC 9580. */
  readonly version: 3 | 6
  readonly nowMs: () => number
}

/** Wraps session keys for the recipients of a run. */
export interface Recipients {
  /** The packets that go before the data, one for each. */
  wrap(session: SessionKey): Promise<Uint8Array>
}

/**
 * Looks up all recipients and their keys for encryption. One that cannot be used refuses all: a message that leaves a
 * recipient out is found out on the day it is needed.
 *
 * @throws OpenPgpError `no-key`, `unusable-key` or `gpg`, naming the key
 */
export async function findRecipients(options: RecipientOptions): Promise<Recipients> {
  const { recipients, hiddenRecipients, version, nowMs } = options
  const found = new Map<string, { chosen: UsableKey; hidden: boolean }>()
  for (const [sources, hidden] of [
    [recipients, false],
    [hiddenRecipients, true],
  ] as const) {
    for (const source of sources) {
      const key = await findPublicKey(source, 'encrypt to', options)
      const chosen = await chooseKey(key, source, 'encrypt to', nowMs(), version === 6 ? [4, 6] : [4])
      if (version === 6 && !(await readsRfc9580(key, nowMs()))) {
        throw new OpenPgpError(
          'unusable-key',
          `Cannot encrypt to ${shownSource(source)}: it does not say that its owner reads RFC 9580, as keys of gpg never do`,
        )
      }
      // Named twice is meant once.
      found.set(`${chosen.getFingerprint()} ${String(hidden)}`, { chosen, hidden })
    }
  }
  const all = [...found.values()]
  return {
    async wrap(session) {
      const js = await openPgpJs()
      const bodies = await Promise.all(
        all.map(async ({ chosen, hidden }) => wrapFor(js, version, chosen, hidden, session)),
      )
      return Buffer.concat(bodies.map((body) => encodePacket(1, body)))
    },
  }
}

/** What openpgp.js has in its packets and does not declare. */
interface SessionKeyPacketClass {
  fromObject(parts: {
    version: number
    encryptionKeyPacket: UsableKey['keyPacket']
    anonymousRecipient: boolean
    sessionKey: Uint8Array
    sessionKeyAlgorithm: number
  }): { encrypt(key: UsableKey['keyPacket']): Promise<void>; write(): Uint8Array }
}

async function wrapFor(
  js: OpenPgpJs,
  version: 3 | 6,
  { keyPacket }: UsableKey,
  anonymousRecipient: boolean,
  session: SessionKey,
): Promise<Uint8Array> {
  const packet = (js.PublicKeyEncryptedSessionKeyPacket as unknown as SessionKeyPacketClass).fromObject({
    version,
    encryptionKeyPacket: keyPacket,
    anonymousRecipient,
    sessionKey: session.key,
    sessionKeyAlgorithm: session.cipher.id,
  })
  await packet.encrypt(keyPacket)
  return packet.write()
}
