import type { EntryKind } from './entry.ts'
import type { FileSink, TreeWriter, WriteEntry } from './write-entry.ts'
import type { RawPath } from '@coalmine/bytes'

/** What a writer is told to do, one after the other. `begin` opens a file that `data` and `commit` or `abort` follow for. */
export type WriteStep = 'directory' | 'file' | 'symlink' | 'fifo' | 'device' | 'begin' | 'data' | 'commit' | 'abort'

type Field = string | number | null

/**
 * Steps in the form that crosses to the writer's thread: one list of plain fields, and all content in one piece of memory.
 * Copying tens of thousands of objects costs more than the files do.
 */
export interface WriteBatch {
  readonly fields: readonly Field[]
  /** Of one {@link batchBytes}; moved to the receiver, not copied. */
  readonly memory: ArrayBuffer
}

/** The content that one batch can hold. */
export const batchBytes = 1_048_576

/** Steps in one batch at most. */
const mostSteps = 1024

/** Gathers steps until there is no room for the next one. */
export class WritePacker {
  #fields: Field[] = []
  #memory: Uint8Array<ArrayBuffer>
  #at = 0
  #steps = 0

  constructor(memory: ArrayBuffer) {
    this.#memory = new Uint8Array(memory)
  }

  get isEmpty(): boolean {
    return this.#steps === 0
  }

  /** How much content the next step may have; -1 when the batch has to be taken first. */
  get room(): number {
    return this.#steps >= mostSteps ? -1 : batchBytes - this.#at
  }

  /** Copies the content, which must fit. */
  add(step: WriteStep, entry: WriteEntry | undefined, content?: Uint8Array): void {
    const fields = this.#fields
    fields.push(step, content?.length ?? 0)
    if (content !== undefined) {
      this.#memory.set(content, this.#at)
      this.#at += content.length
    }
    if (entry !== undefined) {
      const { path, kind, mode, uid, gid, mtimeSeconds, userName, groupName, linkTarget, devMajor, devMinor } = entry
      fields.push(path, kind, mode, uid, gid, mtimeSeconds, userName, groupName)
      fields.push(linkTarget ?? null, devMajor ?? null, devMinor ?? null)
    }
    this.#steps += 1
  }

  /** All that was added. @param memory - For what comes next. */
  take(memory: ArrayBuffer): WriteBatch {
    const batch = { fields: this.#fields, memory: this.#memory.buffer }
    this.#fields = []
    this.#memory = new Uint8Array(memory)
    this.#at = 0
    this.#steps = 0
    return batch
  }
}

/** Does what batches say, with a writer of this thread. A file may begin in one batch and end in another. */
export class WriteUnpacker {
  readonly #writer: TreeWriter
  #sink: FileSink | undefined

  constructor(writer: TreeWriter) {
    this.#writer = writer
  }

  /** @throws what the writer throws; the rest of the batch is left then. */
  apply({ fields, memory }: WriteBatch): void {
    let [at, from] = [0, 0]
    while (at < fields.length) {
      const step = fields[at] as WriteStep
      const length = fields[at + 1] as number
      const content = new Uint8Array(memory, from, length)
      at += 2
      from += length
      if (step === 'data') this.#sink!.write(content)
      else if (step === 'commit' || step === 'abort') this.#end(step)
      else {
        this.#begin(step, entryOf(fields, at), content)
        at += 11
      }
    }
  }

  #begin(step: Exclude<WriteStep, 'data' | 'commit' | 'abort'>, entry: WriteEntry, content: Uint8Array): void {
    if (step === 'begin') this.#sink = this.#writer.openFile(entry)
    else if (step === 'file') this.#writer.file(entry, content)
    else this.#writer[step](entry)
  }

  #end(step: 'commit' | 'abort'): void {
    const sink = this.#sink!
    this.#sink = undefined
    sink[step]()
  }
}

function entryOf(fields: readonly Field[], at: number): WriteEntry {
  return {
    path: fields[at] as RawPath,
    kind: fields[at + 1] as EntryKind,
    mode: fields[at + 2] as number,
    uid: fields[at + 3] as number,
    gid: fields[at + 4] as number,
    mtimeSeconds: fields[at + 5] as number,
    userName: fields[at + 6] as string,
    groupName: fields[at + 7] as string,
    linkTarget: (fields[at + 8] ?? undefined) as RawPath | undefined,
    devMajor: (fields[at + 9] ?? undefined) as number | undefined,
    devMinor: (fields[at + 10] ?? undefined) as number | undefined,
  }
}
