import type { RawPath } from '@coalmine/bytes'
import type { ManifestFile, ManifestVolume, SetTimes } from '@coalmine/volume-format'
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
  readonly files: readonly ManifestFile[]
  /** Of a file that goes on in the next volume: what it was. */
  readonly mark?: Mark
}

const letters = { new: 'n', changed: 'c', deleted: 'd' } as const
const actions: Readonly<Record<string, ManifestFile['action']>> = { n: 'new', c: 'changed', d: 'deleted' }

export function formatHead(head: JournalHead): string {
  return `${JSON.stringify({ journal: 1, ...head })}\n`
}

export function formatVolume({ volume, files, ...rest }: JournalVolume): string {
  const { number, start, end, hashes } = volume
  const listed = files.map(({ action, path }) => letters[action] + path)
  return `${JSON.stringify({ number, start, end, sha1: hashes[0]?.hex, ...rest, files: listed })}\n`
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

/** `undefined` for a line that is none, as the last one of a killed run may be. */
export function parseVolume(line: string, number: number): JournalVolume | undefined {
  const { key, bytes, start, end, sha1, signatureBytes, copyBytes, files, mark, ...rest } = membersOf(line)
  const [from, to] = [placeOf(start), placeOf(end)]
  const isOne = rest['number'] === number && typeof key === 'string' && isCount(bytes) && typeof sha1 === 'string'
  if (!isOne || from === undefined || to === undefined || !isCount(signatureBytes) || !isCount(copyBytes))
    return undefined
  const listed = filesOf(files)
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

function filesOf(value: unknown): ManifestFile[] | undefined {
  if (!Array.isArray(value)) return undefined
  const files: ManifestFile[] = []
  for (const one of value as unknown[]) {
    const action = typeof one === 'string' ? actions[one[0] ?? ''] : undefined
    if (action === undefined) return undefined
    files.push({ action, path: (one as string).slice(1) as RawPath })
  }
  return files
}
