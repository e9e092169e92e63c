import { comparePaths, concat, displayPath, isBelow, type RawPath } from '@coalmine/bytes'
import type { AsyncTreeWriter, FileSink, WriteEntry } from '@coalmine/filetree'
import type { Repository } from '@coalmine/repository'
import type { BackupSet, DiffTarEntry, DiffTarPart } from '@coalmine/volume-format'
import { RestoreError } from './errors.ts'
import type { RestoreEvent } from './events.ts'
import { nothingToBuildOn } from './merge-sets.ts'
import { openRest } from './open-rest.ts'
import type { Standing } from './standing.ts'
import { openState } from './state.ts'

export interface RestoreOptions {
  readonly repository: Repository
  /** The sets to restore from, the full one first. */
  readonly sets: readonly BackupSet[]
  /** What to restore, relative to the root of the backup; everything by default. It becomes the target itself. */
  readonly path?: RawPath
  readonly writer: AsyncTreeWriter
  /** Whether devices and pipes are restored; true. */
  readonly specialFiles?: boolean
  /**
   * Go on when volumes or manifests cannot be read: what does not build on them is restored, the rest told as `lost` and
   * `incomplete`. Nothing is restored in an older state than the one asked for.
   */
  readonly keepGoing?: boolean
  /**
   * The target as an earlier restore of the same left it: files that are right already are not written, and volumes in
   * which there is nothing else are not fetched. The caller opens and closes it. Not with `keepGoing`.
   */
  readonly standing?: Standing
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RestoreEvent) => void
}

export interface RestoreSummary {
  readonly entries: number
  /** Content bytes written. */
  readonly bytes: number
  /** Files left out because part of them is missing. */
  readonly incomplete: number
  /** Objects that could not be read, with `keepGoing`. */
  readonly lost: number
  /** Files that were right already. */
  readonly kept: number
  /** Volumes that need not be fetched because of them. */
  readonly spared: number
}

// Up to here a file's content is gathered and written at once.
const wholeFileBytes = 1 << 20

/**
 * Writes the state that the sets describe into the writer's target.
 *
 * Each volume's hash is checked before a byte of it is decoded; volumes are fetched one ahead. Only volumes whose range
 * touches the path are fetched, and reading ends behind it.
 *
 * A file that cannot be put together is left out, told as an event and counted; the others are restored.
 *
 * @throws RestoreError `path-not-found` when the backup holds nothing at the path, `damaged` when what it holds there
 * cannot be restored, or when sets contradict themselves.
 */
export async function restore(options: RestoreOptions): Promise<RestoreSummary> {
  const { repository, sets, path = '' as RawPath, writer, signal, keepGoing } = options
  let lost = 0
  const onEvent = (event: RestoreEvent) => {
    if (event.type === 'lost') lost += 1
    options.onEvent?.(event)
  }
  const run = new Restore(options, path, onEvent)
  const onProblem = (at: RawPath, message: string) => run.leaveOut(at, message)
  const scratch = (at: RawPath) => writer.scratch(below(at, path))
  const wanted = { repository, sets, path, scratch, signal, keepGoing, byContent: true, onEvent, onProblem }
  const { standing } = options
  const continued = standing === undefined || keepGoing === true ? undefined : await openRest(wanted, standing)
  const state = continued ?? (await openState(wanted))
  const { kept = 0, spared = 0 } = continued ?? {}
  try {
    for await (const parts of state.parts) {
      run.apply(parts)
      if (run.isPast) break
      await writer.ready?.()
    }
  } catch (error) {
    run.abandon()
    throw error
  } finally {
    await state.close()
  }
  if (run.entries === 0 && run.lastProblem !== undefined && keepGoing !== true) {
    throw new RestoreError('damaged', `Cannot restore "${displayPath(path)}": ${run.lastProblem}`)
  }
  if (run.entries === 0 && run.lastProblem === undefined && lost === 0 && kept === 0) {
    throw new RestoreError('path-not-found', `Cannot restore "${displayPath(path)}": it is not in the backup`)
  }
  await writer.finish()
  return { entries: run.entries, bytes: run.bytes, incomplete: run.incomplete, lost, kept, spared }
}

/** A path at or below another one, as seen from there. */
function below(path: RawPath, above: RawPath): RawPath {
  return (above === '' ? path : path.slice(above.length + 1)) as RawPath
}

/** Applies the parts of a set's volumes, in order, to the writer. */
class Restore {
  entries = 0
  bytes = 0
  incomplete = 0
  /** Why the last one was left out that was. */
  lastProblem: string | undefined
  /** Everything at and below the path has been seen. */
  isPast = false
  readonly #path: RawPath
  readonly #writer: AsyncTreeWriter
  readonly #specialFiles: boolean
  readonly #onEvent: (event: RestoreEvent) => void
  #file: { entry: WriteEntry; sink: FileSink | undefined; pieces: Uint8Array[]; held: number } | undefined

  constructor({ writer, specialFiles = true }: RestoreOptions, path: RawPath, onEvent: (event: RestoreEvent) => void) {
    this.#path = path
    this.#writer = writer
    this.#specialFiles = specialFiles
    this.#onEvent = onEvent
  }

  apply(parts: readonly DiffTarPart[]): void {
    for (const part of parts) {
      if (part.type === 'entry') this.#begin(part.entry)
      else if (part.type === 'data') this.#data(part.bytes)
      else this.#end()
      if (this.isPast) return
    }
  }

  /** Counts and tells what cannot be restored. If it is the file that is being written, nothing of it stays. */
  leaveOut(path: RawPath, message: string): void {
    if (this.#file !== undefined) {
      this.abandon()
      this.entries -= 1
    }
    this.incomplete += 1
    this.lastProblem = message
    this.#onEvent({ type: 'incomplete', path, message })
  }

  /** Leaves nothing of a file that is half written. */
  abandon(): void {
    this.#file?.sink?.abort()
    this.#file = undefined
  }

  #begin(entry: DiffTarEntry): void {
    if (!isBelow(entry.path, this.#path)) {
      this.isPast = comparePaths(entry.path, this.#path) > 0
      return
    }
    if (entry.action === 'deleted') return
    if (entry.action !== 'snapshot' || entry.meta === undefined) return this.leaveOut(entry.path, nothingToBuildOn)
    if ((entry.firstBlock ?? 1) !== 1) {
      return this.leaveOut(entry.path, `its first ${entry.firstBlock! - 1} blocks are missing`)
    }
    this.entries += 1
    if (!this.#specialFiles && isSpecial(entry.meta.kind)) {
      this.#onEvent({ type: 'special-left-out', path: entry.path, kind: entry.meta.kind })
      return
    }
    const meta: WriteEntry = { ...entry.meta, path: below(entry.path, this.#path) }
    this.#onEvent({ type: 'entry', path: entry.path, kind: meta.kind })
    if (meta.kind === 'file') this.#file = { entry: meta, sink: undefined, pieces: [], held: 0 }
    else if (meta.kind === 'directory') this.#writer.directory(meta)
    else if (meta.kind === 'symlink') this.#writer.symlink(meta)
    else if (meta.kind === 'fifo') this.#writer.fifo(meta)
    else this.#writer.device(meta)
  }

  #data(bytes: Uint8Array): void {
    const file = this.#file
    if (file === undefined) return
    this.bytes += bytes.length
    if (file.sink === undefined && file.held + bytes.length <= wholeFileBytes) {
      file.pieces.push(bytes)
      file.held += bytes.length
      return
    }
    if (file.sink === undefined) {
      file.sink = this.#writer.openFile(file.entry)
      for (const piece of file.pieces) file.sink.write(piece)
      file.pieces = []
    }
    file.sink.write(bytes)
  }

  #end(): void {
    const file = this.#file
    if (file === undefined) return
    this.#file = undefined
    if (file.sink === undefined) this.#writer.file(file.entry, concat(file.pieces))
    else file.sink.commit()
    this.#onEvent({ type: 'progress', bytes: this.bytes })
  }
}

function isSpecial(kind: WriteEntry['kind']): boolean {
  return kind === 'fifo' || kind === 'character-device' || kind === 'block-device'
}
