import { type Attributes, callsFor } from './attributes.ts'
import type { FileEffects } from './effects.ts'
import { FileTreeError, sentence } from './errors.ts'
import type { FolderStack } from './folder-stack.ts'
import type { Reporter } from './reporter.ts'
import type { FileSink, WriteEntry } from './write-entry.ts'

/** What a sink needs of its writer. */
export interface SinkHost {
  readonly effects: FileEffects
  readonly attributes: Attributes
  readonly reporter: Reporter
  /** Removes what was made under a temporary name. */
  discard(entry: WriteEntry, folder: FolderStack, temporary: string): void
  /** The sink is over. */
  release(): void
}

/** Writes one file under a temporary name and gives it its own when all of it is there, with its attributes. */
export class FileSinkOnDisk implements FileSink {
  readonly #host: SinkHost
  readonly #entry: WriteEntry
  readonly #folder: FolderStack
  readonly #temporary: string
  readonly #name: string
  #descriptor: number | undefined
  /** `lost`: something failed and was told; what still comes is ignored. */
  #state: 'open' | 'lost' | 'over' = 'open'

  /** @param place - The open folder, the file's name in it, and the temporary one that `descriptor` was opened under. */
  constructor(
    host: SinkHost,
    entry: WriteEntry,
    place: { folder: FolderStack; name: string; temporary: string; descriptor: number },
  ) {
    this.#host = host
    this.#entry = entry
    this.#folder = place.folder
    this.#name = place.name
    this.#temporary = place.temporary
    this.#descriptor = place.descriptor
  }

  write(chunk: Uint8Array): void {
    this.#usable('write')
    if (this.#state === 'lost') return
    this.#step('write', () => this.#host.effects.write(this.#descriptor!, chunk))
  }

  commit(): void {
    this.#usable('commit')
    if (this.#state === 'open') {
      const { effects, attributes } = this.#host
      const descriptor = this.#descriptor!
      let applied = false
      try {
        attributes.apply(this.#entry, callsFor(effects, descriptor))
        applied = true
      } finally {
        if (!applied) this.#lose()
      }
      // A full disk may show only now, on some file systems.
      this.#descriptor = undefined
      this.#step('write', () => effects.close(descriptor))
    }
    if (this.#state === 'open') {
      const { effects } = this.#host
      this.#step('create', () => effects.rename(this.#folder.at(this.#temporary), this.#folder.at(this.#name)))
    }
    this.#state = 'over'
    this.#host.release()
  }

  abort(): void {
    if (this.#state === 'open') this.#lose()
    if (this.#state !== 'over') this.#host.release()
    this.#state = 'over'
  }

  #step(operation: 'write' | 'create', call: () => void): void {
    let done = false
    try {
      done = this.#host.reporter.attempt(this.#entry, operation, call) !== undefined
    } finally {
      if (!done) this.#lose()
    }
  }

  #lose(): void {
    this.#state = 'lost'
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    try {
      if (descriptor !== undefined) this.#host.effects.close(descriptor)
    } catch {
      // The file goes away: that its last bytes could not be stored changes nothing.
    }
    this.#host.discard(this.#entry, this.#folder, this.#temporary)
  }

  #usable(verb: string): void {
    if (this.#state !== 'over') return
    throw new FileTreeError('closed', sentence(verb, this.#entry.path, 'it was committed or aborted already'))
  }
}

/** Takes the content of a file that could not be created. */
export const refusedSink: FileSink = { write() {}, commit() {}, abort() {} }
