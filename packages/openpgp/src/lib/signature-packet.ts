import { createHash, type Hash as Digest } from 'node:crypto'
import type { SignaturePacket } from 'openpgp'
import { type Hash, hashById } from './algorithms.ts'
import type { OpenPgpJs } from './openpgp-js.ts'

/** What openpgp.js asks its packet for, and would otherwise hash itself, all content in memory. */
interface Hashing {
  toHash(): undefined
  hash(): Promise<Uint8Array>
}

/**
 * Lets a signature packet take its digest from `content`, which has been given all of the content: the packet's own part
 * and the trailer are added when it asks (RFC 4880, section 5.2.4).
 */
export function withDigest(packet: SignaturePacket, content: Digest): SignaturePacket {
  const hashing: Hashing = {
    // Without the bytes themselves the signature is made or checked over the digest.
    toHash: () => undefined,
    async hash() {
      const own = packet.signatureData!
      const length = Buffer.alloc(4)
      length.writeUInt32BE(own.length)
      return content.copy().update(own).update(Uint8Array.of(4, 0xff)).update(length).digest()
    },
  }
  return Object.assign(packet, hashing)
}

/** A signature packet's body read. @throws Error of openpgp.js when it makes no sense */
export function readSignatureBody(js: OpenPgpJs, body: Uint8Array): SignaturePacket {
  const packet = new js.SignaturePacket()
  packet.read(body)
  return packet
}

/** A hash for content, or why there is none. */
export function contentHash(id: number): { hash: Hash; digest: Digest } | string {
  const hash = hashById(id)
  return typeof hash === 'string' ? `hash number ${id} is not supported` : { hash, digest: createHash(hash.native) }
}
