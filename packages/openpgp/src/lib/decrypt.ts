import { ByteReader, type ByteStream } from '@coalmine/bytes'
import { type DataReader, isEncryptedData, startEncryptedData } from './encrypted-data.ts'
import { argon2Work, maxArgon2WorkOfMessage } from './argon2.ts'
import { cannotDecrypt, OpenPgpError } from './errors.ts'
import { type Candidates, findSessionKey, type Openers } from './find-session-key.ts'
import { type PacketHeader, packetName, PacketReader } from './packet-reader.ts'
import { LazyPassphrase } from './passphrase-source.ts'
import { literalData } from './plain-packets.ts'
import { maxPublicKeyPacketBytes, parsePublicKeyPacket } from './public-key-packet.ts'
import { parsePassphrasePacket } from './session-key.ts'
import { SignatureCheck } from './signature-check.ts'
import type { Verifier } from './verifier.ts'

export interface DecryptOptions {
  /** Text is taken as its UTF-8 bytes. */
  readonly passphrase: string | Uint8Array
  readonly signal?: AbortSignal
}

/**
 * Decrypts an OpenPGP message that was encrypted with a passphrase.
 *
 * The plaintext comes as it is decrypted, one piece behind: the last piece is handed out only when the whole message
 * has proven intact, so a message of up to 60 KiB never shows unproven bytes. Of a larger one they do show, and the
 * error comes at the latest at the end: whoever must not act on forged bytes holds them until the stream has ended.
 *
 * Memory does not grow with the message. How much a compressed message expands is for the caller to limit.
 *
 * @throws OpenPgpError with a `code`.
 */
export function decryptMessage(stored: ByteStream, options: DecryptOptions): ByteStream {
  return open(stored, { passphrase: new LazyPassphrase(options.passphrase), signal: options.signal })
}

/** What a message is opened with. */
export interface Opening extends Openers {
  /** Checks signatures; without it signed messages are refused. */
  readonly verifier?: Verifier
  readonly signal?: AbortSignal
}

export async function* open(stored: ByteStream, opening: Opening): ByteStream {
  const { signal } = opening
  signal?.throwIfAborted()
  const packets = new PacketReader(stored, 'stored')
  try {
    const { candidates, data } = await readSessionPackets(packets)
    const body = new ByteReader(packets.body(data))
    const encrypted = await startEncryptedData(data.tag, body)
    const { session, by } = await findSessionKey(candidates, opening, encrypted)
    const proof: Proof = { intact: false }
    const inside = provenPackets(await encrypted.createReader(session), encrypted.start, body, packets, proof)
    yield* lastPieceAfterProof(inside, proof, opening)
    by?.keys.prove(by.s2k)
  } finally {
    await packets.close()
  }
}

/** Session key packets and what is declared before the data are small: these are many times what programs write. */
const maxSessionPackets = 256
const maxPassphrasePackets = 16
const maxSessionPacketBytes = 65_536

/** Reads on to the encrypted data. */
async function readSessionPackets(packets: PacketReader): Promise<{ candidates: Candidates; data: PacketHeader }> {
  const candidates: Candidates = { passphrases: [], publicKeys: [], refused: [] }
  let argon2 = 0
  for (let count = 0; count <= maxSessionPackets; count++) {
    const header = await packets.header()
    if (header === undefined) {
      throw cannotDecrypt('truncated', count === 0 ? 'it is empty' : 'it ends before its encrypted data')
    }
    if (isEncryptedData(header.tag)) {
      if (header.length === 'open') throw cannotDecrypt('damaged', 'its encrypted data has no length')
      return { candidates, data: header }
    }
    switch (header.tag) {
      case 1: {
        const packet = parsePublicKeyPacket(await packets.smallBody(header, maxPublicKeyPacketBytes))
        if (typeof packet === 'string') candidates.refused.push(packet)
        else candidates.publicKeys.push(packet)
        break
      }
      case 3: {
        const packet = parsePassphrasePacket(await packets.smallBody(header, maxSessionPacketBytes))
        if (typeof packet === 'string') candidates.refused.push(packet)
        else if (candidates.passphrases.push(packet) > maxPassphrasePackets) {
          throw cannotDecrypt('too-large', `it has more than ${maxPassphrasePackets} passphrase packets`)
        } else if ('passes' in packet.s2k && (argon2 += argon2Work(packet.s2k)) > maxArgon2WorkOfMessage) {
          throw cannotDecrypt('too-large', `its passphrase packets take Argon2 more than ${maxArgon2WorkOfMessage} KiB`)
        }
        break
      }
      case 10: // a marker: to be ignored
      case 21: // padding: to be ignored
        await packets.smallBody(header, maxSessionPacketBytes)
        break
      default:
        throw refusedPacket(header.tag, count === 0)
    }
  }
  throw cannotDecrypt('too-large', `more than ${maxSessionPackets} packets precede its data`)
}

function refusedPacket(tag: number, first: boolean): OpenPgpError {
  if (tag === 9)
    return cannotDecrypt('no-integrity', 'it has no modification detection code, so a change would not show')
  if (tag === 2 || tag === 4 || tag === 8 || tag === 11) {
    return cannotDecrypt('no-integrity', `it is not encrypted: it holds a ${packetName(tag)} packet in the open`)
  }
  if (tag >= 5 && tag <= 14 && first) {
    return cannotDecrypt('unsupported', `it begins with a ${packetName(tag)} packet, so it is no message`)
  }
  return cannotDecrypt(first ? 'not-openpgp' : 'damaged', `a ${packetName(tag)} packet stands where none belongs`)
}

interface Proof {
  intact: boolean
}

/** The packets inside. Ends well only if the code matches and nothing follows. */
async function* provenPackets(
  reader: DataReader,
  start: Uint8Array,
  body: ByteReader,
  outside: PacketReader,
  proof: Proof,
): AsyncGenerator<Uint8Array> {
  yield* reader.push(start)
  for (;;) {
    const encrypted = await body.readSome()
    if (encrypted === undefined) break
    yield* reader.push(encrypted)
  }
  // Checked before anything more is handed on: what comes last may be all there is.
  const last = reader.finish()
  if (!(await outside.atEnd())) throw cannotDecrypt('trailing', 'something follows its encrypted data')
  proof.intact = true
  yield* last
}

/**
 * The literal data in the packets `inside`, its last piece only when they have proven intact.
 *
 * Whether they are is answered first: a packet that makes no sense is what a changed byte looks like.
 */
async function* lastPieceAfterProof(
  inside: AsyncIterator<Uint8Array>,
  proof: Proof,
  { verifier, signal }: Opening,
): ByteStream {
  const signatures = verifier && new SignatureCheck(verifier)
  let last: Uint8Array | undefined
  try {
    for await (const piece of literalData(unclosed(inside), signatures)) {
      signal?.throwIfAborted()
      if (last !== undefined) yield last
      last = piece
    }
  } catch (error) {
    // When the error came from `inside`, that has ended.
    while ((await inside.next()).done !== true) signal?.throwIfAborted()
    throw error
  }
  if (!proof.intact) throw new Error('Cannot decrypt the message: its end was not read')
  if (last !== undefined) yield last
}

/** The same bytes for a reader that may stop early: the stream stays open. */
function unclosed(stream: AsyncIterator<Uint8Array>): ByteStream {
  return { [Symbol.asyncIterator]: () => ({ next: async () => stream.next() }) }
}
