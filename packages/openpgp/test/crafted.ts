import { randomBytes } from 'node:crypto'
import { aes256, sha256 } from '../src/lib/algorithms.ts'
import { IntegrityProtectedWriter } from '../src/lib/integrity-protected.ts'
import { encodePacket } from '../src/lib/packet-writer.ts'
import { PassphraseKeys } from '../src/lib/passphrase-keys.ts'
import { encodePassphrasePacket } from '../src/lib/session-key.ts'

const passphrase = 'x'
const s2k = { hash: sha256, salt: randomBytes(8), count: 1024 }
const passphraseKey = await new PassphraseKeys(passphrase).derive(s2k, 32)

/** A sound encrypted message around packets of any kind. Its passphrase is x. */
export function messageAround(...packets: Uint8Array[]): Buffer {
  const session = { cipher: aes256, key: randomBytes(32) }
  const writer = new IntegrityProtectedWriter(session, randomBytes(16))
  const head = encodePacket(3, encodePassphrasePacket(s2k, passphraseKey, session))
  return Buffer.concat([head, ...writer.push(packets), ...writer.finish()])
}

/** A literal data packet. */
export function literal(text: string): Uint8Array {
  return encodePacket(11, Buffer.from(`b\0\0\0\0\0${text}`, 'latin1'))
}
