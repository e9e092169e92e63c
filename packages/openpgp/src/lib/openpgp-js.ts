import { createHash } from 'node:crypto'
import type * as openpgp from 'openpgp'
import { hashById } from './algorithms.ts'

export type OpenPgpJs = typeof openpgp
export type Certificate = openpgp.Key

let loading: Promise<OpenPgpJs> | undefined

/** openpgp.js, which takes 40 ms to load: only what needs keys pays for it. */
export function openPgpJs(): Promise<OpenPgpJs> {
  return (loading ??= import('openpgp'))
}

/**
 * How keys are judged: as gpg does, which makes and takes DSA, ElGamal, every curve and RSA from 1024 bits. Whoever owns
 * such a key has chosen it; a backup program that refuses it leaves its owner without one.
 */
export function keyRules(js: OpenPgpJs): openpgp.Config {
  return {
    ...js.config,
    minRSABits: 1024,
    rejectPublicKeyAlgorithms: new Set(),
    rejectCurves: new Set(),
    rejectMessageHashAlgorithms: new Set([js.enums.hash.md5]),
    allowMissingKeyFlags: true,
    // A v3 packet is what every gpg reads, whatever the key says that it could read.
    aeadProtect: false,
  }
}

/** More than any honest file of keys. */
const maxKeyFileBytes = 4 * 1024 * 1024

/**
 * The keys in a file, binary or armored, public or secret.
 *
 * @throws Error when there are none
 */
export async function readCertificates(bytes: Uint8Array): Promise<Certificate[]> {
  if (bytes.length > maxKeyFileBytes) throw new Error(`it is longer than ${maxKeyFileBytes} bytes`)
  const js = await openPgpJs()
  const config = keyRules(js)
  // Every packet has the highest bit set in its first byte, armor never.
  const binary = (bytes[0] ?? 0) >= 0x80
  const blocks = binary ? [] : armoredBlocks(Buffer.from(bytes).toString('latin1'))
  const found: Certificate[] = binary ? await js.readKeys({ binaryKeys: bytes, config }) : []
  for (const armoredKeys of blocks) found.push(...(await js.readKeys({ armoredKeys, config })))
  if (found.length === 0) throw new Error('there is no key in it')
  for (const key of found) verifyByDigest(key, js.enums.publicKey.ecdsa)
  return found
}

/** What openpgp.js asks a signature packet for when it verifies. */
interface Hashing {
  toHash(type: number, data: object): Uint8Array
  hash(type: number, data: object): Promise<Uint8Array>
}

/**
 * Has the signatures on a key verified over their digests. Given the bytes, openpgp.js takes for Brainpool curves another
 * way, by a module that it does not bring along; over digests it goes the same way for every curve.
 */
function verifyByDigest(key: Certificate, ecdsa: openpgp.enums.publicKey): void {
  const { users, subkeys, revocationSignatures } = key
  const onKey = 'directSignatures' in key ? (key.directSignatures as openpgp.SignaturePacket[]) : []
  const all = [
    ...[...revocationSignatures, ...onKey],
    ...users.flatMap((user) => [...user.selfCertifications, ...user.revocationSignatures]),
    ...subkeys.flatMap((subkey) => [...subkey.bindingSignatures, ...subkey.revocationSignatures]),
  ]
  const embedded = all.flatMap(({ embeddedSignature }) => (embeddedSignature === null ? [] : [embeddedSignature]))
  for (const packet of [...all, ...embedded]) {
    const found = hashById(packet.hashAlgorithm ?? 0)
    if (packet.publicKeyAlgorithm !== ecdsa || typeof found === 'string') continue
    const bytesOf = (packet as unknown as Hashing).toHash.bind(packet)
    Object.assign(packet, {
      toHash: () => undefined,
      hash: async (type: number, data: object) => createHash(found.native).update(bytesOf(type, data)).digest(),
    })
  }
}

const begin = /-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----/g

function armoredBlocks(text: string): string[] {
  const starts = [...text.matchAll(begin)].map((match) => match.index)
  return starts.map((start, index) => text.slice(start, starts[index + 1]))
}
