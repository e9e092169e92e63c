import { getCiphers, getHashes } from 'node:crypto'

/** A block cipher. */
export interface Cipher {
  /** Its number in RFC 9580, section 9.3. */
  readonly id: number
  readonly name: string
  /** What node:crypto calls it in CFB mode with full-block feedback; absent where it has none, which is only read. */
  readonly native?: string
  /** What the names of its authenticated modes begin with in node:crypto; absent where it has none. */
  readonly authenticated?: 'aes-128' | 'aes-192' | 'aes-256'
  readonly keyBytes: number
  readonly blockBytes: number
}

/** A hash for deriving keys from passphrases. */
export interface Hash {
  /** Its number in RFC 4880, section 9.4. */
  readonly id: number
  readonly name: string
  readonly native: string
  readonly digestBytes: number
}

const ciphers: readonly Cipher[] = [
  // OpenSSL 3 has four of these in its legacy provider only, which Node does not load.
  { id: 1, name: 'IDEA', keyBytes: 16, blockBytes: 8 },
  { id: 2, name: '3DES', native: 'des-ede3-cfb', keyBytes: 24, blockBytes: 8 },
  { id: 3, name: 'CAST5', keyBytes: 16, blockBytes: 8 },
  { id: 4, name: 'Blowfish', keyBytes: 16, blockBytes: 8 },
  { id: 7, name: 'AES-128', native: 'aes-128-cfb', authenticated: 'aes-128', keyBytes: 16, blockBytes: 16 },
  { id: 8, name: 'AES-192', native: 'aes-192-cfb', authenticated: 'aes-192', keyBytes: 24, blockBytes: 16 },
  { id: 9, name: 'AES-256', native: 'aes-256-cfb', authenticated: 'aes-256', keyBytes: 32, blockBytes: 16 },
  { id: 10, name: 'Twofish', keyBytes: 32, blockBytes: 16 },
  { id: 11, name: 'Camellia-128', native: 'camellia-128-cfb', keyBytes: 16, blockBytes: 16 },
  { id: 12, name: 'Camellia-192', native: 'camellia-192-cfb', keyBytes: 24, blockBytes: 16 },
  { id: 13, name: 'Camellia-256', native: 'camellia-256-cfb', keyBytes: 32, blockBytes: 16 },
]

const hashes: readonly Hash[] = [
  { id: 1, name: 'MD5', native: 'md5', digestBytes: 16 },
  { id: 2, name: 'SHA-1', native: 'sha1', digestBytes: 20 },
  { id: 3, name: 'RIPEMD-160', native: 'ripemd160', digestBytes: 20 },
  { id: 8, name: 'SHA-256', native: 'sha256', digestBytes: 32 },
  { id: 9, name: 'SHA-384', native: 'sha384', digestBytes: 48 },
  { id: 10, name: 'SHA-512', native: 'sha512', digestBytes: 64 },
  { id: 11, name: 'SHA-224', native: 'sha224', digestBytes: 28 },
  { id: 12, name: 'SHA3-256', native: 'sha3-256', digestBytes: 32 },
  { id: 14, name: 'SHA3-512', native: 'sha3-512', digestBytes: 64 },
]

// Asked once, when first needed: some builds of Node lack one or the other.
let nativeCiphers: ReadonlySet<string> | undefined
let nativeHashes: ReadonlySet<string> | undefined

/** The cipher with this number, or why there is none. */
export function cipherById(id: number): Cipher | string {
  const cipher = ciphers.find((one) => one.id === id)
  if (cipher === undefined) return `its cipher is number ${id}, which is not supported`
  if (cipher.native === undefined || hasNative(cipher.native)) return cipher
  return `its cipher is ${cipher.name}, which this build of Node lacks`
}

/** Whether node:crypto has a cipher of this name. */
export function hasNative(name: string): boolean {
  return (nativeCiphers ??= new Set(getCiphers())).has(name)
}

/** The hash with this number, or why there is none. */
export function hashById(id: number): Hash | string {
  const hash = hashes.find((one) => one.id === id)
  if (hash === undefined) return `its passphrase hash is number ${id}, which is not supported`
  nativeHashes ??= new Set(getHashes())
  return nativeHashes.has(hash.native) ? hash : `its passphrase hash is ${hash.name}, which this build of Node lacks`
}

/** A name as people and gpg write it: AES256, AES-256, aes256. */
function plainName(name: string): string {
  return name.replaceAll('-', '').toUpperCase()
}

/** A cipher that can be written with; also AES-256 itself. */
export type NativeCipher = Cipher & { readonly native: string }

/** The cipher with this name, if it is one that is written; AES alone is AES-128, as gpg has it. */
export function cipherByName(name: string): NativeCipher | undefined {
  const wanted = plainName(name) === 'AES' ? 'AES128' : plainName(name)
  return ciphers.find((one): one is NativeCipher => plainName(one.name) === wanted && one.native !== undefined)
}

/** The hash with this name. */
export function hashByName(name: string): Hash | undefined {
  return hashes.find((one) => plainName(one.name) === plainName(name))
}

export const aes256: NativeCipher = cipherByName('AES256')!
export const sha256: Hash = hashes.find((one) => one.id === 8)!
export const sha512: Hash = hashes.find((one) => one.id === 10)!
