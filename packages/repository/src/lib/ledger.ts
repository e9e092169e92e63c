import { join } from 'node:path'
import { errorCode, localWriteError, RepositoryError } from './errors.ts'
import { formatPut, type LedgerContent, type LedgerEntry, parseLedger } from './ledger-line.ts'
import type { LocalEffects } from './local-effects.ts'
import { removeIfThere } from './remove-if-there.ts'

// A hundred million bytes are half a million objects.
const largestBytes = 2 ** 29

interface State extends LedgerContent {
  /** Why nothing is known. */
  readonly problem?: string
}

// Below this, what is of no use any more costs nobody anything.
const fewLines = 1000

/**
 * The objects that this machine knows to be on the storage: a line of JSON for each that was put or verified, and for each
 * that went. Lines are added, so a run that is killed leaves at most one that is torn: it is passed over and counted. When
 * most of them are of no use any more, the ledger is written anew by {@link Ledger.compact}.
 *
 * One that cannot be read is in nobody's way: it is told once, nothing is known, and nothing noted.
 */
export class Ledger {
  readonly #folder: string
  readonly #effects: LocalEffects
  readonly #onProblem: (message: string) => void
  #state: State | undefined
  #descriptor: number | undefined

  /**
   * @param folder - Where it lies; made when the first line is written.
   * @param onProblem - Called once when there is a ledger that cannot be read, with the reason.
   */
  constructor(folder: string, effects: LocalEffects, onProblem: (message: string) => void = () => undefined) {
    this.#folder = folder
    this.#effects = effects
    this.#onProblem = onProblem
  }

  /** By name. */
  get entries(): ReadonlyMap<string, LedgerEntry> {
    return this.#read().entries
  }

  /** Lines that are none: what killed runs left. */
  get torn(): number {
    return this.#read().torn
  }

  /** Why it cannot be read, if it cannot. */
  get problem(): string | undefined {
    return this.#read().problem
  }

  /** The object is on the storage, as it is described. Nothing is written when that is known. */
  put(entry: LedgerEntry): void {
    if (this.problem !== undefined) return
    const known = this.entries.get(entry.key)
    const isKnown = known?.size === entry.size && known.sha1 === entry.sha1
    if (isKnown && (entry.digests === undefined || known.digests !== undefined)) return
    this.#append(formatPut(entry))
    this.#read().entries.set(entry.key, entry)
  }

  /** Nothing is expected of the object any more. */
  forget(key: string): void {
    if (this.problem !== undefined || !this.entries.has(key)) return
    this.#append(JSON.stringify({ gone: key }))
    this.#read().entries.delete(key)
  }

  /** What was written is on the disk. */
  sync(): void {
    if (this.#descriptor !== undefined) this.#effects.sync(this.#descriptor)
  }

  /**
   * Writes the ledger anew, in the place of the old one, when fewer than half of its lines say something that still holds.
   * Whoever calls it holds the lock. A run that is killed leaves the old one or the new one.
   */
  compact(): void {
    const { entries, lines, problem } = this.#read()
    if (problem !== undefined || lines < fewLines || lines < 2 * entries.size) return
    const fresh = `${this.#path}.new`
    try {
      this.close()
      // What a killed run left.
      removeIfThere(fresh, this.#effects)
      const descriptor = this.#effects.createFile(fresh)
      try {
        const text = Array.from(entries.values(), (entry) => `${formatPut(entry)}\n`).join('')
        this.#effects.write(descriptor, Buffer.from(text))
        this.#effects.sync(descriptor)
      } finally {
        this.#effects.close(descriptor)
      }
      this.#effects.rename(fresh, this.#path)
      this.#state = { entries, torn: 0, lines: entries.size, endsTorn: false }
    } catch (error) {
      throw localWriteError(error, `write the ledger "${this.#path}" anew`)
    }
  }

  close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) this.#effects.close(descriptor)
  }

  get #path(): string {
    return join(this.#folder, 'ledger')
  }

  #append(line: string): void {
    const state = this.#read()
    try {
      this.#effects.makeFolders(this.#folder)
      this.#descriptor ??= this.#effects.openToAppend(this.#path)
      const text = `${state.endsTorn ? '\n' : ''}${line}\n`
      // Should this one be torn, the next begins a line of its own.
      state.endsTorn = true
      this.#effects.write(this.#descriptor, Buffer.from(text))
      state.endsTorn = false
      state.lines += 1
    } catch (error) {
      throw localWriteError(error, `write the ledger "${this.#path}"`)
    }
  }

  #read(): State {
    return (this.#state ??= this.#open())
  }

  #open(): State {
    try {
      return parseLedger(this.#bytes())
    } catch (error) {
      if (!(error instanceof RepositoryError) && errorCode(error) === undefined) throw error
      const { message } = error as Error
      const problem = error instanceof RepositoryError ? message : `Cannot read the ledger "${this.#path}": ${message}`
      this.#onProblem(problem)
      return { entries: new Map(), torn: 0, lines: 0, endsTorn: false, problem }
    }
  }

  #bytes(): Uint8Array {
    try {
      const { size, kind } = this.#effects.facts(this.#path)
      if (kind !== 'file' || size > largestBytes) {
        const what = kind === 'file' ? `it has ${size} bytes, more than ${largestBytes}` : 'it is no regular file'
        throw new RepositoryError('unreadable', `Cannot read the ledger "${this.#path}": ${what}`)
      }
      return this.#effects.readFile(this.#path)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return new Uint8Array(0)
      throw error
    }
  }
}
