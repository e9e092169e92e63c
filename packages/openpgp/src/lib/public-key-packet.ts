import type { Cipher } from './algorithms.ts'
import { encodePacket } from './packet-writer.ts'

/** A public-key encrypted session key (RFC 9580, section 5.1), as far as it is read here. */
export interface PublicKeyPacket {
  readonly version: number
  /** Of the key that opens it, 16 hex digits in capitals; zeros when it is hidden, absent in versions other than 3 and 6. */
  readonly keyId: string | undefined
  readonly body: Uint8Array
}

/** RSA of 16,384 bits takes 2 KiB. */
export const maxPublicKeyPacketBytes = 4096
export const hiddenKeyId = '0000000000000000'

/** A packet's body read, or why it cannot be used. */
export function parsePublicKeyPacket(body: Uint8Array): PublicKeyPacket | string {
  const [version] = body
  if (version === undefined) return 'its public-key packet is empty'
  if (version === 6) return parseVersion6(body)
  if (version !== 3) return { version, keyId: undefined, body }
  if (body.length < 10) return 'its public-key packet ends too early'
  return { version, keyId: toHex(body.subarray(1, 9)), body }
}

/** It names its key by version and fingerprint. The id is the end of a fingerprint of version 4, the start of others. */
function parseVersion6(body: Uint8Array): PublicKeyPacket | string {
  const [version, count = 0, keyVersion] = body
  if (body.length < 3 + count) return 'its public-key packet ends too early'
  if (count === 0) return { version: version!, keyId: hiddenKeyId, body }
  const fingerprint = body.subarray(3, 2 + count)
  if (fingerprint.length !== (keyVersion === 4 ? 20 : 32)) return 'its public-key packet names no key'
  return {
    version: version!,
    keyId: toHex(keyVersion === 4 ? fingerprint.subarray(-8) : fingerprint.subarray(0, 8)),
    body,
  }
}

/** Sixteen, forty or so capital hex digits, as people know key ids and fingerprints. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase()
}

/** The encrypted data that follows, as far as is needed to find its session key. */
export interface DataStart {
  readonly tag: number
  /** From the version octet on. */
  readonly bytes: Uint8Array
  /** Its cipher, where it says it itself. */
  readonly cipher: Cipher | undefined
}

/**
 * The packets and the start of the data as a small message of its own: whoever holds the secret key finds the session
 * key by it. Of the content it shows nothing, or with a cipher of small blocks a few bytes.
 */
export function encodeMessageHead(packets: readonly PublicKeyPacket[], data: DataStart): Buffer {
  return Buffer.concat([...packets.map(({ body }) => encodePacket(1, body)), encodePacket(data.tag, data.bytes)])
}
