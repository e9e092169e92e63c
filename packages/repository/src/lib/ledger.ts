import { join } from 'node:path'
import type { Digests } from '@coalmine/storage'
import { errorCode, localWriteError, RepositoryError } from './errors.ts'
import type { LocalEffects } from './local-effects.ts'

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

// A hundred million bytes are half a million objects.
const largestBytes = 2 ** 29

/**
 * The objects that this machine knows to be on the storage: a line of JSON for each that was put or verified, and for each
 * that went. Lines are only ever added, so a run that is killed leaves at most one that is torn: it is passed over and
 * counted.
 */
export class Ledger {
  readonly #folder: string
  readonly #effects: LocalEffects
  #state: { entries: Map<string, LedgerEntry>; torn: number; endsTorn: boolean } | undefined
  #descriptor: number | undefined

  /** @param folder - Where it lies; made when the first line is written. */
  constructor(folder: string, effects: LocalEffects) {
    this.#folder = folder
    this.#effects = effects
  }

  /** By name. @throws RepositoryError when there is a ledger that cannot be read. */
  get entries(): ReadonlyMap<string, LedgerEntry> {
    return this.#read().entries
  }

  /** Lines that are none: what killed runs left. */
  get torn(): number {
    return this.#read().torn
  }

  /** The object is on the storage, as it is described. Nothing is written when that is known. */
  put(entry: LedgerEntry): void {
    const known = this.entries.get(entry.key)
    const isKnown = known?.size === entry.size && known.sha1 === entry.sha1
    if (isKnown && (entry.digests === undefined || known.digests !== undefined)) return
    this.#append({ put: entry.key, size: entry.size, sha1: entry.sha1, digests: entry.digests })
    this.#read().entries.set(entry.key, entry)
  }

  /** Nothing is expected of the object any more. */
  forget(key: string): void {
    if (!this.entries.has(key)) return
    this.#append({ gone: key })
    this.#read().entries.delete(key)
  }

  /** What was written is on the disk. */
  sync(): void {
    if (this.#descriptor !== undefined) this.#effects.sync(this.#descriptor)
  }

  close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) this.#effects.close(descriptor)
  }

  get #path(): string {
    return join(this.#folder, 'ledger')
  }

  #append(line: Record<string, unknown>): void {
    const state = this.#read()
    try {
      this.#effects.makeFolders(this.#folder)
      this.#descriptor ??= this.#effects.openToAppend(this.#path)
      const text = `${state.endsTorn ? '\n' : ''}${JSON.stringify(line)}\n`
      // Should this one be torn, the next begins a line of its own.
      state.endsTorn = true
      this.#effects.write(this.#descriptor, Buffer.from(text))
      state.endsTorn = false
    } catch (error) {
      throw localWriteError(error, `write the ledger "${this.#path}"`)
    }
  }

  #read() {
    return (this.#state ??= parse(this.#bytes()))
  }

  #bytes(): Uint8Array {
    try {
      const { size, kind } = this.#effects.facts(this.#path)
      if (kind !== 'file' || size > largestBytes) {
        const what = kind === 'file' ? `it has ${size} bytes` : 'it is no regular file'
        throw new RepositoryError('unreadable', `Cannot read the ledger "${this.#path}": ${what}`)
      }
      return this.#effects.readFile(this.#path)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return new Uint8Array(0)
      throw error
    }
  }
}

function parse(bytes: Uint8Array) {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries = new Map<string, LedgerEntry>()
  let torn = 0
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf(10, at)
    const end = newline < 0 ? text.length : newline
    if (end > at && !take(text.toString('utf8', at, end), entries)) torn += 1
    at = end + 1
  }
  return { entries, torn, endsTorn: text.length > 0 && text.at(-1) !== 10 }
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
