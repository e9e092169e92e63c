import { createCipheriv, createDecipheriv, timingSafeEqual } from 'node:crypto'
import { type Cipher, hasNative } from './algorithms.ts'
import { type AesName, eaxCounter, eaxTag } from './eax.ts'

export const tagBytes = 16

/** A mode of authenticated encryption with associated data (RFC 9580, section 9.6). */
export interface AeadMode {
  readonly id: number
  readonly name: 'EAX' | 'OCB' | 'GCM'
  readonly nonceBytes: number
}

/** A mode with a cipher that has it. */
export interface Aead {
  readonly mode: AeadMode
  readonly cipher: Cipher
  readonly aes: AesName
}

/** A key used with one nonce and associated data. */
export interface AeadUse {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  readonly ad: Uint8Array
}

const modes: readonly AeadMode[] = [
  { id: 1, name: 'EAX', nonceBytes: 16 },
  { id: 2, name: 'OCB', nonceBytes: 15 },
  { id: 3, name: 'GCM', nonceBytes: 12 },
]

export const ocb: AeadMode = modes[1]!

/** The mode with this number for the cipher, or why there is none. */
export function aeadOf(modeId: number, cipher: Cipher): Aead | string {
  const mode = modes.find((one) => one.id === modeId)
  if (mode === undefined) return `its mode of authenticated encryption is number ${modeId}, which is not supported`
  const { authenticated: aes, name } = cipher
  if (aes === undefined) return `it is encrypted by ${name} in ${mode.name} mode, which is not supported`
  const native = mode.name === 'EAX' ? `${aes}-ctr` : `${aes}-${mode.name.toLowerCase()}`
  return hasNative(native) ? { mode, cipher, aes } : `its mode is ${mode.name}, which this build of Node lacks`
}

/** Encrypted bytes and their tag opened; `undefined` when they are not what was sealed, or the key is another. */
export function openSealed({ mode, aes }: Aead, use: AeadUse, sealed: Uint8Array): Uint8Array | undefined {
  const encrypted = sealed.subarray(0, sealed.length - tagBytes)
  const tag = sealed.subarray(sealed.length - tagBytes)
  const { key, nonce, ad } = use
  if (mode.name === 'EAX') {
    if (!timingSafeEqual(eaxTag(aes, key, nonce, ad, encrypted), tag)) return undefined
    return eaxCounter(aes, key, nonce, encrypted)
  }
  const options = { authTagLength: tagBytes }
  const decipher =
    mode.name === 'OCB'
      ? createDecipheriv(`${aes}-ocb`, key, nonce, options)
      : createDecipheriv(`${aes}-gcm`, key, nonce, options)
  decipher.setAuthTag(tag)
  decipher.setAAD(ad)
  const plain = decipher.update(encrypted)
  try {
    const rest = decipher.final()
    return rest.length === 0 ? plain : Buffer.concat([plain, rest])
  } catch {
    // All that can go wrong there is that the tag does not match.
    plain.fill(0)
    return undefined
  }
}

/** A native cipher in OCB mode, the one that is written. */
export function createOcbCipher(aes: AesName, { key, nonce, ad }: AeadUse) {
  return createCipheriv(`${aes}-ocb`, key, nonce, { authTagLength: tagBytes }).setAAD(ad)
}
