import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { concat, fromBytes, type RawPath } from '@coalmine/bytes'
import {
  BLOCK_BYTES,
  DiffTarDecoder,
  encodeDiffTarMember,
  parseName,
  readSigTar,
  type DiffTarEntry,
  type DiffTarPart,
  type EntryMeta,
  type ParsedName,
  type SigTarEntry,
} from '../src/index.ts'

/** An entry of a set with all its data. */
export type WholeEntry = DiffTarEntry & { data: Uint8Array }

/** Decodes volumes, each given in pieces. */
export function decodeVolumes(volumes: Iterable<Iterable<Uint8Array>>): WholeEntry[] {
  const decoder = new DiffTarDecoder()
  const parts: DiffTarPart[] = []
  for (const volume of volumes) {
    decoder.beginVolume()
    for (const piece of volume) parts.push(...decoder.push(piece))
    parts.push(...decoder.endVolume())
  }
  parts.push(...decoder.finish())
  return gather(parts)
}

/** Puts the parts of entries together, and sees to it that they come in order. */
function gather(parts: readonly DiffTarPart[]): WholeEntry[] {
  const entries: WholeEntry[] = []
  let open: { entry: DiffTarEntry; pieces: Uint8Array[] } | undefined
  for (const part of parts) {
    if (part.type === 'entry') {
      if (open !== undefined) throw new Error(`"${open.entry.path}" has no end`)
      open = { entry: part.entry, pieces: [] }
    } else if (open === undefined) {
      throw new Error(`"${part.type}" without an entry`)
    } else if (part.type === 'data') {
      if (part.bytes.length === 0) throw new Error(`empty data of "${open.entry.path}"`)
      open.pieces.push(part.bytes)
    } else {
      entries.push({ ...open.entry, data: concat(open.pieces) })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`"${open.entry.path}" has no end`)
  return entries
}

/** All members of one entry, cut into chunks as duplicity does. */
export function encodeEntry(
  action: 'snapshot' | 'diff' | 'deleted',
  path: RawPath,
  meta?: EntryMeta,
  data?: Uint8Array,
) {
  if (action === 'deleted') return encodeDiffTarMember({ action, path })
  if (data === undefined || data.length < BLOCK_BYTES) return encodeDiffTarMember({ action, meta: meta!, data })
  const members: Uint8Array[] = []
  for (let block = 1, at = 0; at <= data.length; block++, at += BLOCK_BYTES) {
    members.push(encodeDiffTarMember({ action, meta: meta!, block, data: data.subarray(at, at + BLOCK_BYTES) }))
  }
  return concat(members)
}

export async function signaturesIn(bytes: Uint8Array): Promise<SigTarEntry[]> {
  const entries: SigTarEntry[] = []
  for await (const batch of readSigTar(fromBytes(bytes).open())) entries.push(...batch)
  return entries
}

/** The objects in a folder, by what their names say. */
export function objectsIn(dir: string) {
  const objects = readdirSync(dir).map((key) => ({ key, parsed: parseName(key), bytes: readFileSync(join(dir, key)) }))
  const known = objects.filter((one): one is typeof one & { parsed: ParsedName } => one.parsed !== undefined)
  const of = (object: ParsedName['object'], type: 'full' | 'inc') =>
    known
      .filter(({ parsed }) => parsed.object === object && parsed.set.type === type)
      .sort((a, b) => (a.parsed.volume ?? 0) - (b.parsed.volume ?? 0))
  return {
    names: objects.map(({ key }) => key),
    volumes: (type: 'full' | 'inc') => of('volume', type).map(({ bytes }) => bytes),
    manifest: (type: 'full' | 'inc') => of('manifest', type)[0]!.bytes,
    signatures: (type: 'full' | 'inc') => of('signatures', type)[0]!.bytes,
    set: (type: 'full' | 'inc') => of('manifest', type)[0]!.parsed.set,
  }
}
