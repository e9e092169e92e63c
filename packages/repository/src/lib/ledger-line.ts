import type { Digests } from '@coalmine/storage'

/** What this machine knows of an object that it has put, or read and found right. */
export interface LedgerEntry {
  readonly key: string
  /** In bytes. */
  readonly size: number
  /** Of the stored bytes, lower-case hex. */
  readonly sha1: string
  /** What the storage said of it when it was put. */
  readonly digests?: Digests
}

/** What the lines of a ledger say together. */
export interface LedgerContent {
  /** By name. */
  readonly entries: Map<string, LedgerEntry>
  /** Lines that are none. */
  readonly torn: number
  /** All lines, those included. */
  lines: number
  /** Whether the last one has no end. */
  endsTorn: boolean
}

// A name and a few digests.
const longestLine = 1_048_576

/** The line that says that an object is there, without its end. */
export function formatPut({ key, size, sha1, digests }: LedgerEntry): string {
  return JSON.stringify({ put: key, size, sha1, digests })
}

/** Reads all lines; one that is none is passed over and counted. Never throws. */
export function parseLedger(bytes: Uint8Array): LedgerContent {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries = new Map<string, LedgerEntry>()
  let torn = 0
  let lines = 0
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf(10, at)
    const end = newline < 0 ? text.length : newline
    if (end > at) {
      lines += 1
      if (end - at > longestLine || !take(text.toString('utf8', at, end), entries)) torn += 1
    }
    at = end + 1
  }
  return { entries, torn, lines, endsTorn: text.length > 0 && text.at(-1) !== 10 }
}

/** Whether the line was one. */
function take(line: string, entries: Map<string, LedgerEntry>): boolean {
  const { put, gone, size, sha1, digests } = membersOf(line)
  if (typeof gone === 'string') {
    entries.delete(gone)
    return true
  }
  const isEntry = typeof put === 'string' && Number.isSafeInteger(size) && typeof sha1 === 'string'
  if (!isEntry) return false
  entries.set(put, { key: put, size: size as number, sha1, ...(isDigests(digests) ? { digests } : {}) })
  return true
}

function membersOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    // Torn: counted by the caller.
    return {}
  }
}

function isDigests(value: unknown): value is Digests {
  return typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string')
}
