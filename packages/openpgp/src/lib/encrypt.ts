import { randomBytes } from 'node:crypto'
import type { ByteStream } from '@coalmine/bytes'
import { deflate } from '@coalmine/deflate'
import { aes256 } from './algorithms.ts'
import { encodePacket, PacketWriter } from './packet-writer.ts'
import { PassphraseKeys } from './passphrase-keys.ts'
import type { S2k } from './s2k.ts'
import { chooseWriting, type NewSession, type OpenPgpProfile, type Writing } from './profile.ts'
import { encodeOnePass, type Signer, type Signing } from './signing.ts'

export interface CompressionOptions {
  /** `zip`, or `none` for content that does not shrink. */
  readonly algorithm: 'zip' | 'none'
  /** 0 (stored) to 9; 4. */
  readonly level?: number
  /** Jobs in flight; as many as there are cores. */
  readonly parallel?: number
  /** Plain bytes of one job; 262,144. */
  readonly chunkBytes?: number
}

export interface PassphraseOptions {
  /** Text is taken as its UTF-8 bytes. */
  readonly passphrase: string | Uint8Array
  /** `zip` at level 4. */
  readonly compression?: CompressionOptions
  /** What is written: `rfc4880`, which every GnuPG reads; or `rfc9580`, which none does so far. Both are always read. */
  readonly profile?: OpenPgpProfile
  /**
   * Bytes hashed to stretch the passphrase: one of OpenPGP's 256 values; 65,011,712, the largest, as GnuPG does. Of the
   * profile `rfc4880`.
   */
  readonly s2kCount?: number
  /** Memory that Argon2 takes to stretch the passphrase, a power of two; 64 MiB. Of the profile `rfc9580`. */
  readonly argon2Bytes?: number
  /** Random bytes; the system's. */
  readonly random?: (count: number) => Uint8Array
  /** The clock for the message's date, in milliseconds. */
  readonly nowMs?: () => number
  readonly signal?: AbortSignal
}

/**
 * Encrypts a stream with a passphrase, as an OpenPGP message that every GnuPG reads: AES-256 with a modification
 * detection code, a random session key, the passphrase stretched by iterated and salted SHA-256. With the profile `rfc9580`:
 * AES-256 in OCB mode, and Argon2.
 *
 * Nothing is read before the first pull. Memory does not grow with the content.
 *
 * @throws RangeError when the passphrase is empty, or an option is out of range or not of the profile.
 */
export function encryptMessage(plain: ByteStream, options: PassphraseOptions): ByteStream {
  return seal(plain, createSealer(new PassphraseKeys(options.passphrase), options))
}

/** What the messages of one run have in common. */
export interface Sealer {
  readonly writing: Writing
  /** Packets that carry the session key, in front of the data. */
  readonly wrap: (session: NewSession) => Promise<Uint8Array>
  /** Who signs the content, if it is to be signed. */
  readonly signer?: () => Promise<Signer>
  readonly compression: CompressionOptions
  readonly random: (count: number) => Uint8Array
  readonly nowMs: () => number
  readonly signal?: AbortSignal
}

export function createSealer(keys: PassphraseKeys, options: PassphraseOptions): Sealer {
  const { compression, profile, s2kCount, argon2Bytes, random = randomBytes, nowMs = Date.now, signal } = options
  if (keys.empty) throw new RangeError('Cannot encrypt with the passphrase: it is empty')
  const writing = chooseWriting({ profile, s2kCount, argon2Bytes, random })
  return {
    writing,
    wrap: passphraseWrap(keys, writing),
    compression: checkedCompression(compression),
    random,
    nowMs,
    signal,
  }
}

/** @throws RangeError for an algorithm that is not written */
export function checkedCompression(compression: CompressionOptions = { algorithm: 'zip' }): CompressionOptions {
  if (compression.algorithm !== 'zip' && compression.algorithm !== 'none') {
    throw new RangeError(`Cannot compress with "${String(compression.algorithm)}": the algorithms are zip and none`)
  }
  return compression
}

/** Session keys under the key that a passphrase is stretched to once: as for what it has opened until the first is asked for. */
export function passphraseWrap(keys: PassphraseKeys, writing: Writing): Sealer['wrap'] {
  const fresh = writing.newS2k()
  let s2k: S2k | undefined
  return async (session) => {
    s2k ??= keys.toWrite(fresh)
    const passphraseKey = await keys.derive(s2k, aes256.keyBytes)
    const packet = encodePacket(3, writing.encodeKey(s2k, passphraseKey, session))
    passphraseKey.fill(0)
    return packet
  }
}

export async function* seal(plain: ByteStream, sealer: Sealer): ByteStream {
  const { writing, wrap, compression, random, nowMs, signal } = sealer
  signal?.throwIfAborted()
  const signer = await sealer.signer?.()
  const { cipher } = writing
  const session = { cipher, key: Uint8Array.from(random(cipher.keyBytes)) }
  let first: Uint8Array[] = [await wrap(session)]
  const writer = writing.createWriter(session)
  session.key.fill(0)

  const signing = signer?.begin()
  try {
    const literal = literalPacket(plain, nowMs(), signing, signal)
    const signed = signer === undefined || signing === undefined ? literal : signedPackets(literal, signer, signing)
    const packets = compression.algorithm === 'none' ? signed : compressedPacket(signed, compression, signal)
    for await (const pieces of packets) {
      const encrypted = writer.push(pieces)
      if (encrypted.length === 0) continue
      yield Buffer.concat([...first, ...encrypted])
      first = []
    }
    yield Buffer.concat([...first, ...writer.finish()])
  } finally {
    signing?.stop()
  }
}

/** The literal packet between the packet that announces the signature and the signature. */
async function* signedPackets(
  literal: AsyncIterable<readonly Uint8Array[]>,
  { onePass }: Signer,
  signing: Signing,
): AsyncGenerator<readonly Uint8Array[]> {
  yield [encodeOnePass(onePass)]
  yield* literal
  yield [await signing.finish()]
}

/** Larger chunks are cut, so that no call encrypts for long and no buffer is large. */
const pieceBytes = 1024 * 1024

async function* literalPacket(
  plain: ByteStream,
  dateMs: number,
  signing: Signing | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly Uint8Array[]> {
  const packet = new PacketWriter(11)
  const seconds = Math.min(Math.max(Math.floor(dateMs / 1000), 0), 0xffff_ffff)
  // Binary, no name, date.
  packet.push([Uint8Array.of(0x62, 0, seconds >>> 24, seconds >>> 16, seconds >>> 8, seconds)])
  for await (const chunk of plain) {
    signal?.throwIfAborted()
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const content = chunk.subarray(at, at + pieceBytes)
      await signing?.update(content)
      const pieces = packet.push([content])
      if (pieces.length > 0) yield pieces
    }
  }
  yield [packet.finish()]
}

/** Old format, length to the end of what it is in, as GnuPG writes it: the compressed length is not known before. */
async function* compressedPacket(
  packets: AsyncIterable<readonly Uint8Array[]>,
  options: CompressionOptions,
  signal?: AbortSignal,
): AsyncGenerator<readonly Uint8Array[]> {
  const { level, parallel, chunkBytes } = options
  yield [Uint8Array.of(0x80 | (8 << 2) | 3, 1)]
  for await (const chunk of deflate(flat(packets), { level, parallel, chunkBytes, signal })) yield [chunk]
}

async function* flat(packets: AsyncIterable<readonly Uint8Array[]>): ByteStream {
  for await (const pieces of packets) yield* pieces
}
