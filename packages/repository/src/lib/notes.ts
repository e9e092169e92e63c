import type { RepositoryEvent } from './events.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerEntry } from './ledger-line.ts'

/**
 * Notes in the ledger what becomes of objects. A ledger that cannot be written costs no backup: it is told once, and
 * checks will know less.
 */
export class Notes {
  #ledger: Ledger | undefined
  readonly #onEvent: (event: RepositoryEvent) => void

  /** @param ledger - None without an archive dir that may be written. */
  constructor(ledger: Ledger | undefined, onEvent: (event: RepositoryEvent) => void) {
    this.#ledger = ledger
    this.#onEvent = onEvent
  }

  put(entry: LedgerEntry): void {
    this.#try((ledger) => ledger.put(entry))
  }

  forget(key: string): void {
    this.#try((ledger) => ledger.forget(key))
  }

  sync(): void {
    this.#try((ledger) => ledger.sync())
  }

  /** All is said that this run has to say: what is of no use any more may go. */
  compact(): void {
    this.#try((ledger) => ledger.compact())
  }

  #try(write: (ledger: Ledger) => void): void {
    if (this.#ledger === undefined) return
    try {
      write(this.#ledger)
    } catch (error) {
      this.#ledger = undefined
      this.#onEvent({ type: 'ledger-not-kept', message: error instanceof Error ? error.message : String(error) })
    }
  }
}
