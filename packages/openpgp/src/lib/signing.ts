import type { Hash } from './algorithms.ts'
import { cannotDecrypt } from './errors.ts'
import { encodePacket } from './packet-writer.ts'
import { toHex } from './public-key-packet.ts'

/** What the packet before signed data says about the signature after it. */
export interface OnePass {
  readonly hash: Hash
  /** The public-key algorithm's number. */
  readonly algorithm: number
  /** Eight bytes. */
  readonly keyId: Uint8Array
}

/** Signs the content of messages with one key. */
export interface Signer {
  readonly onePass: OnePass
  /** Begins with a message. End it by `finish` or `stop`. */
  begin(): Signing
}

export interface Signing {
  /** The next bytes of the content. */
  update(content: Uint8Array): void | Promise<void>
  /** The whole signature packet. @throws OpenPgpError */
  finish(): Promise<Uint8Array>
  stop(): void
}

/** A signature, the packet before it, and both their headers take less than this. */
export const maxSignatureBytes = 4096

/** Signed are the bytes as they are. */
export const binarySignature = 0

/** A one-pass signature packet (RFC 4880, section 5.4), the last before the data. */
export function encodeOnePass({ hash, algorithm, keyId }: OnePass): Uint8Array {
  return encodePacket(4, Uint8Array.of(3, binarySignature, hash.id, algorithm, ...keyId, 1))
}

/** A one-pass signature packet's body read. @throws OpenPgpError `unsupported` or `damaged` */
export function parseOnePass(body: Uint8Array): AnnouncedSignature {
  const [version, type, hashId, algorithm] = body
  if (version !== 3) throw cannotDecrypt('unsupported', `it is signed by a signature of version ${version ?? 'none'}`)
  if (body.length !== 13) throw cannotDecrypt('damaged', 'its one-pass signature packet has the wrong length')
  if (type !== binarySignature) throw cannotDecrypt('unsupported', `its signature is of type ${type}, not over bytes`)
  return { hashId: hashId!, algorithm: algorithm!, keyId: toHex(body.subarray(4, 12)), last: body[12] !== 0 }
}

/** What a one-pass signature packet says. */
export interface AnnouncedSignature {
  readonly hashId: number
  readonly algorithm: number
  /** 16 hex digits, in capitals. */
  readonly keyId: string
  /** Whether the next packet is what is signed. */
  readonly last: boolean
}
