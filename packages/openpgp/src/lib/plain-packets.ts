import { ByteReader, type ByteStream } from '@coalmine/bytes'
import { decompress } from './decompress.ts'
import { cannotDecrypt, type OpenPgpError } from './errors.ts'
import { packetName, PacketReader } from './packet-reader.ts'
import type { SignatureCheck } from './signature-check.ts'

/** GnuPG nests once; more only serves to make a small message huge. */
const maxCompressedDepth = 4
const maxIgnoredPackets = 256
const maxIgnoredBytes = 65_536

/**
 * The content of the one literal data packet in a sequence of packets, which may be compressed, and signed inside.
 *
 * Reads `packets` to its end, or throws.
 *
 * @param signatures - Checks signatures; without it a signed message is refused.
 */
export async function* literalData(stream: ByteStream, signatures?: SignatureCheck, depth = 0): ByteStream {
  const packets = new PacketReader(stream, 'inside')
  let found: 'nothing' | 'content' | 'compressed' = 'nothing'
  for (let count = 0; count <= maxIgnoredPackets; count++) {
    const header = await packets.header()
    if (header === undefined) {
      if (found === 'nothing') throw cannotDecrypt('damaged', 'no literal data is in it')
      if (found === 'content') signatures?.finish()
      return
    }
    if (header.tag === 10 || header.tag === 21) {
      await packets.smallBody(header, maxIgnoredBytes)
      continue
    }
    if (found === 'content' && header.tag === 2 && signatures !== undefined && signatures.pending > 0) {
      await signatures.signature(await packets.smallBody(header, maxIgnoredBytes))
      continue
    }
    if (found !== 'nothing') throw cannotDecrypt('damaged', `a ${packetName(header.tag)} packet follows its data`)
    if (header.tag === 4 && signatures !== undefined) {
      signatures.announce(await packets.smallBody(header, maxIgnoredBytes))
      continue
    }
    if (header.tag === 8) {
      if (depth === maxCompressedDepth) {
        throw cannotDecrypt('too-large', `it is compressed more than ${maxCompressedDepth} times over`)
      }
      if (signatures !== undefined && signatures.pending > 0) {
        throw cannotDecrypt('unsupported', 'it is signed outside its compressed data')
      }
      yield* literalData(decompress(packets.body(header)), signatures, depth + 1)
      found = 'compressed'
    } else if (header.tag === 11) {
      await signatures?.begin()
      for await (const piece of withoutLiteralHeader(packets.body(header))) {
        signatures?.update(piece)
        yield piece
      }
      found = 'content'
    } else {
      throw refusedInside(header.tag, signatures !== undefined)
    }
  }
  throw cannotDecrypt('too-large', `more than ${maxIgnoredPackets} packets are in it`)
}

/** What follows format, name and date. The three are of no use here: the content is bytes whatever they say. */
async function* withoutLiteralHeader(body: ByteStream): ByteStream {
  const reader = new ByteReader(body)
  const [, nameBytes] = await reader.readUpTo(2)
  const rest = nameBytes === undefined ? undefined : await reader.readUpTo(nameBytes + 4)
  if (nameBytes === undefined || rest?.length !== nameBytes + 4) {
    throw cannotDecrypt('damaged', 'its literal data packet is too short')
  }
  yield* reader.rest()
}

function refusedInside(tag: number, checked: boolean): OpenPgpError {
  if (tag === 2 && checked) return cannotDecrypt('unsupported', 'its signature stands before its content, as of old')
  if (tag === 2 || tag === 4) return cannotDecrypt('unsupported', 'it is signed, and signatures are not checked here')
  if (tag === 1 || tag === 3 || tag === 9 || tag === 18 || tag === 20) {
    return cannotDecrypt('unsupported', 'it holds another encrypted message')
  }
  return cannotDecrypt('damaged', `a ${packetName(tag)} packet is in it where data belongs`)
}
