import type { ByteReader } from '@coalmine/bytes'
import {
  type AeadHeader,
  AeadReader,
  aeadSaltBytes,
  firstBytesOf,
  gnupgTag,
  maxChunkOctet,
  opensFirstChunk,
} from './aead-data.ts'
import { aeadOf } from './aead.ts'
import { type Cipher, cipherById } from './algorithms.ts'
import { createCfbDecipher } from './cfb.ts'
import { cannotDecrypt } from './errors.ts'
import {
  IntegrityProtectedReader,
  integrityProtectedTag,
  passesQuickCheck,
  quickCheckBytes,
} from './integrity-protected.ts'
import type { DataStart } from './public-key-packet.ts'
import type { SessionKey } from './session-key.ts'

/** Decrypts what follows {@link EncryptedData.start}, that first. */
export interface DataReader {
  push(encrypted: Uint8Array): Uint8Array[]
  finish(): Uint8Array[]
}

/** The beginning of encrypted data, of any kind that shows changes. */
export interface EncryptedData {
  /** What has been read of it after its header. */
  readonly start: Uint8Array
  /** The same for whoever opens session keys. */
  readonly head: DataStart
  /** Its cipher, where it says it itself. */
  readonly cipher: Cipher | undefined
  /** Versions of the session key packets that go with it: others are for other data. */
  readonly passphraseVersions: readonly number[]
  readonly publicKeyVersions: readonly number[]
  /** Whether a session key seems to be the right one. */
  fits(session: SessionKey): Promise<boolean>
  /** The key in `session` is overwritten. */
  createReader(session: SessionKey): Promise<DataReader>
}

export function isEncryptedData(tag: number): boolean {
  return tag === integrityProtectedTag || tag === gnupgTag
}

/** @throws OpenPgpError */
export async function startEncryptedData(tag: number, body: ByteReader): Promise<EncryptedData> {
  const [version] = await body.readUpTo(1)
  if (tag === gnupgTag && version === 1) return startAead(gnupgTag, version, body)
  if (tag === integrityProtectedTag && version === 1) return startCfb(body)
  if (tag === integrityProtectedTag && version === 2) return startAead(integrityProtectedTag, version, body)
  throw cannotDecrypt('damaged', `its encrypted data has version ${version ?? 'none'}`)
}

async function startCfb(body: ByteReader): Promise<EncryptedData> {
  const start = await body.readUpTo(quickCheckBytes)
  if (start.length < quickCheckBytes) throw tooShort()
  const create = async ({ cipher, key }: SessionKey) => createCfbDecipher(cipher, key)
  return {
    start,
    head: { tag: integrityProtectedTag, bytes: Uint8Array.of(1, ...start), cipher: undefined },
    cipher: undefined,
    passphraseVersions: [4],
    publicKeyVersions: [2, 3],
    fits: async (session) => passesQuickCheck(await create(session), session.cipher, start),
    async createReader(session) {
      const decipher = await create(session)
      session.key.fill(0)
      return new IntegrityProtectedReader(decipher, session.cipher)
    },
  }
}

async function startAead(tag: AeadHeader['tag'], version: number, body: ByteReader): Promise<EncryptedData> {
  const [cipherId, modeId, chunkOctet] = await exactly(3, body)
  const cipher = cipherById(cipherId!)
  if (typeof cipher === 'string') throw cannotDecrypt('unsupported', cipher)
  const aead = aeadOf(modeId!, cipher)
  if (typeof aead === 'string') throw cannotDecrypt('unsupported', aead)
  if (chunkOctet! > maxChunkOctet) {
    throw cannotDecrypt('too-large', `its chunks are of 2^${chunkOctet! + 6} bytes, which is more than 4 MiB`)
  }
  const nonceOrSalt = await exactly(tag === gnupgTag ? aead.mode.nonceBytes : aeadSaltBytes, body)
  const header: AeadHeader = { tag, aead, chunkOctet: chunkOctet!, salt: nonceOrSalt, nonce: nonceOrSalt }
  const start = await body.readUpTo(firstBytesOf(header))
  const isGnupg = tag === gnupgTag
  const headBytes = Uint8Array.of(version, cipherId!, modeId!, chunkOctet!, ...nonceOrSalt)
  return {
    start,
    head: { tag, bytes: headBytes, cipher },
    cipher,
    passphraseVersions: isGnupg ? [4, 5] : [6],
    publicKeyVersions: isGnupg ? [3] : [6],
    fits: async (session) => session.cipher.id === cipher.id && opensFirstChunk(header, session, start),
    createReader: async (session) => new AeadReader(header, session),
  }
}

async function exactly(count: number, body: ByteReader): Promise<Uint8Array> {
  const bytes = await body.readUpTo(count)
  if (bytes.length < count) throw tooShort()
  return Uint8Array.from(bytes)
}

function tooShort() {
  return cannotDecrypt('damaged', 'its encrypted data is too short')
}
