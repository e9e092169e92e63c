import type { RawPath } from '@coalmine/bytes'
import type { ManifestVolume, SetTimes } from '@coalmine/volume-format'
import { VolumeFiles } from './volume-files.ts'
import type { Mark } from './volume-writer.ts'

/** What set a journal is of, and what has to be the same for it to go on. */
export interface JournalHead {
  readonly times: SetTimes
  /** The name that its manifest will have. */
  readonly manifest: string
  /** Whatever decides what is written, by what it is called. */
  readonly conditions: Readonly<Record<string, string>>
  /** Something that was sealed as the set is, base64: it proves the passphrase of whoever goes on. */
  readonly probe?: string
}

/** A volume that is stored, and all that was decided with it. */
export interface JournalVolume {
  readonly key: string
  /** Of the stored object. */
  readonly bytes: number
  readonly volume: ManifestVolume
  /** Length of the plain signatures of the entries that end in this volume or before. */
  readonly signatureBytes: number
  /** Length of the gzipped copy of these signatures. */
  readonly copyBytes: number
  /** The files that the manifest will list, of those that end in this volume. */
  readonly files: VolumeFiles
  /** Of a file that goes on in the next volume: what it was. */
  readonly mark?: Mark
}

export function formatHead(head: JournalHead): string {
  return `${JSON.stringify({ journal: 1, ...head })}\n`
}

/** The lines of a volume: some with files alone when there are many, and the one that the volume is noted with. */
export function* formatVolume({ volume, files, ...rest }: JournalVolume): Generator<string, void, undefined> {
  const { number, start, end, hashes } = volume
  let last: readonly string[] | undefined
  for (const words of files.words()) {
    if (last !== undefined) yield `${JSON.stringify({ files: last })}\n`
    last = words
  }
  yield `${JSON.stringify({ number, start, end, sha1: hashes[0]?.hex, ...rest, files: last })}\n`
}

/** `undefined` for what is no head of a journal of ours. */
export function parseHead(line: string): JournalHead | undefined {
  const { journal, times, manifest, conditions, probe } = membersOf(line)
  const parsed = timesOf(times)
  if (journal !== 1 || parsed === undefined || typeof manifest !== 'string' || !isRecord(conditions)) return undefined
  if (!Object.values(conditions).every((one) => typeof one === 'string')) return undefined
  if (probe !== undefined && typeof probe !== 'string') return undefined
  return { times: parsed, manifest, conditions: conditions as Record<string, string>, probe }
}

/** The files of a volume whose line is yet to come, with those of the lines before; `undefined` for another line. */
export function parseFiles(line: string, before: VolumeFiles | undefined): VolumeFiles | undefined {
  const { files, ...rest } = membersOf(line)
  return Object.keys(rest).length === 0 ? filesOf(files, before) : undefined
}

/**
 * `undefined` for a line that is none, as the last one of a killed run may be.
 *
 * @param before - The files of the lines before it.
 */
export function parseVolume(line: string, number: number, before?: VolumeFiles): JournalVolume | undefined {
  const { key, bytes, start, end, sha1, signatureBytes, copyBytes, files, mark, ...rest } = membersOf(line)
  const [from, to] = [placeOf(start), placeOf(end)]
  const isOne = rest['number'] === number && typeof key === 'string' && isCount(bytes) && typeof sha1 === 'string'
  if (!isOne || from === undefined || to === undefined || !isCount(signatureBytes) || !isCount(copyBytes))
    return undefined
  const listed = filesOf(files, before)
  if (listed === undefined || !(mark === undefined || isMark(mark))) return undefined
  const volume = { number, start: from, end: to, hashes: [{ name: 'SHA1', hex: sha1 }] }
  return { key, bytes, volume, signatureBytes, copyBytes, files: listed, mark }
}

function membersOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : {}
  } catch {
    // Torn: no line of a journal.
    return {}
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isMark(value: unknown): value is Mark {
  return isRecord(value) && Object.values(value).every((one) => typeof one === 'number' || typeof one === 'string')
}

function timesOf(value: unknown): SetTimes | undefined {
  if (!isRecord(value)) return undefined
  const { type, timeSeconds, startSeconds, endSeconds } = value
  if (type === 'full' && isCount(timeSeconds)) return { type, timeSeconds }
  return type === 'inc' && isCount(startSeconds) && isCount(endSeconds) ? { type, startSeconds, endSeconds } : undefined
}

function placeOf(value: unknown): ManifestVolume['start'] | undefined {
  if (!isRecord(value) || typeof value['path'] !== 'string') return undefined
  const { path, block } = value
  return block === undefined || isCount(block) ? { path: path as RawPath, block } : undefined
}

function filesOf(words: unknown, files = new VolumeFiles()): VolumeFiles | undefined {
  return Array.isArray(words) && files.addWords(words) ? files : undefined
}
