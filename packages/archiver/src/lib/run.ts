import { comparePaths, displayPath, type RawPath } from '@coalmine/bytes'
import { ownerNames, type Owners, type Tree, type TreeEntry, type TreeProblem } from '@coalmine/filetree'
import { RdiffError, readSignature, type Signature } from '@coalmine/rdiff'
import type { Member, ResumePoint } from '@coalmine/repository'
import type { SigTarEntry } from '@coalmine/volume-format'
import {
  type Encoded,
  encodeDeleted,
  encodeOther,
  encodeSmall,
  LargeFile,
  metaOf,
  type SignatureOptions,
} from './encode.ts'
import { BackupError } from './errors.ts'
import type { BackupEvent } from './events.ts'
import type { Step, StepBatch } from './plan.ts'
import { markOf } from './resume.ts'
import { emptyStatistics } from './statistics.ts'

export interface RunOptions {
  readonly tree: Pick<Tree, 'open'>
  readonly signatures?: SignatureOptions
  readonly owners?: Owners
  readonly signal?: AbortSignal
  readonly onEvent?: (event: BackupEvent) => void
  /** Gives the signature of an archived file that was too large to come with its entry. */
  readonly signatureOf?: (old: SigTarEntry) => Promise<Uint8Array | undefined>
  /** Called with each regular file whose archived state is, with this set, what the entry says; in the order of paths. */
  readonly onKept?: (entry: TreeEntry) => void
}

/** Carries out a plan: what comes of it are the members of volumes, with their signatures, and statistics. */
export class BackupRun {
  readonly statistics = emptyStatistics()
  readonly #options: RunOptions
  readonly #owners: Owners
  readonly #onEvent: (event: BackupEvent) => void
  #sourceBytes = 0
  #last: RawPath | undefined

  constructor(options: RunOptions) {
    this.#options = options
    this.#owners = options.owners ?? ownerNames()
    this.#onEvent = options.onEvent ?? (() => undefined)
  }

  /**
   * All members of the set's volumes.
   *
   * @param point - Where an interrupted set goes on: what is stored before is only counted.
   * @throws SplitFileChanged, before the first member, when it cannot go on there.
   */
  async *members(
    plan: AsyncIterable<StepBatch>,
    point?: ResumePoint,
  ): AsyncGenerator<readonly Member[], void, undefined> {
    for await (const batch of plan) {
      this.#options.signal?.throwIfAborted()
      for (const problem of batch.problems) this.#problem(problem)
      let members: Member[] = []
      for (const step of batch.steps) {
        if (!this.#takesIn(step)) continue
        const basis = step.step === 'changed' || step.step === 'touched' ? await this.#basisOf(step.old) : undefined
        const encoded = this.#encode(step, basis)
        if (encoded !== undefined) {
          members.push(...encoded.members)
          continue
        }
        if (members.length > 0) yield members
        members = []
        yield* this.#large(step as WholeStep, basis, point)
      }
      if (members.length > 0) yield members
      this.#onEvent({ type: 'progress', bytes: this.#sourceBytes })
    }
    this.#requireSource()
  }

  /** Counts what an interrupted run has stored, as far as it can be told without reading it again. */
  stored(step: Step): void {
    if (!this.#takesIn(step)) return
    // Whether anything of it was stored is not known; mostly it is not.
    if (step.step === 'touched') return this.#countUnchanged(step.entry)
    const { statistics } = this
    statistics.deltaEntries += 1
    if (step.step === 'gone') {
      statistics.deletedFiles += 1
      return
    }
    const { kind, size } = step.entry
    statistics.sourceFiles += 1
    statistics.sourceFileSize += size
    if (kind === 'file') this.#sourceBytes += size
    statistics[step.step === 'changed' ? 'changedFiles' : 'newFiles'] += 1
    statistics[step.step === 'changed' ? 'changedFileSize' : 'newFileSize'] += size
  }

  /** Counts what the plan would do, without reading any content. */
  async survey(plan: AsyncIterable<StepBatch>): Promise<void> {
    for await (const batch of plan) {
      this.#options.signal?.throwIfAborted()
      for (const problem of batch.problems) this.#problem(problem)
      for (const step of batch.steps) {
        if (!this.#takesIn(step)) continue
        if (step.step === 'gone') this.#countGone(step.old)
        else if (step.step === 'touched') this.#countUnchanged(step.entry)
        else this.#count(step, step.entry.size)
      }
    }
    this.#requireSource()
  }

  /** What is stored of an entry that is in memory; `undefined` for one that has to be read as it is stored. */
  #encode(step: StoredStep, basis: Signature | undefined): Encoded | undefined {
    if (step.step === 'gone') {
      this.#countGone(step.old)
      return encodeDeleted(step.old.path, step.old.meta?.kind === 'file')
    }
    const { entry } = step
    if (step.step !== 'touched' && entry.kind !== 'file') {
      this.#count(step, entry.size)
      return encodeOther(metaOf(entry, this.#owners))
    }
    if (entry.content === undefined) return undefined
    const { content, size } = entry
    const options = { ...this.#options.signatures, sizeBytes: size, basis, unlessSame: step.step === 'touched' }
    const encoded = encodeSmall(metaOf(entry, this.#owners), content, options)
    if (encoded.members.length === 0) this.#countUnchanged(entry)
    else this.#count(asStored(step, basis), content.length)
    this.statistics.rawDeltaSize += encoded.bodyBytes
    this.#options.onKept?.(entry)
    return encoded
  }

  async *#large(
    step: WholeStep,
    basis: Signature | undefined,
    point: ResumePoint | undefined,
  ): AsyncGenerator<readonly Member[], void, undefined> {
    const { tree, signal } = this.#options
    const { entry } = step
    const isSplit = point?.block !== undefined && point.path === entry.path
    const stored = isSplit ? { blocks: point.block, mark: point.mark } : undefined
    const unlessSame = step.step === 'touched'
    const options = {
      ...this.#options.signatures,
      sizeBytes: entry.size,
      basis,
      facts: markOf(entry),
      stored,
      unlessSame,
    }
    const file = new LargeFile(metaOf(entry, this.#owners), tree.open(entry), options)
    let begun = false
    for await (const member of file.members()) {
      begun = true
      yield [member]
      this.#onEvent({ type: 'progress', bytes: this.#sourceBytes + file.bytes })
    }
    signal?.throwIfAborted()
    if (file.failure !== undefined) {
      const message = file.failure instanceof Error ? file.failure.message : 'unknown error'
      this.statistics.errors += 1
      this.#onEvent({ type: 'unreadable', path: entry.path, message, cut: begun })
    }
    if (file.failure === undefined) this.#options.onKept?.(entry)
    if (file.isSame) this.#countUnchanged(entry)
    if (!begun) return
    this.#count(asStored(step, basis), file.bytes)
    this.statistics.rawDeltaSize += file.bodyBytes
  }

  /** What a changed file is compared with. Without it the file is stored whole, which is never wrong. */
  async #basisOf(old: SigTarEntry): Promise<Signature | undefined> {
    const bytes = old.signature ?? (await this.#options.signatureOf?.(old))
    if (bytes === undefined) return undefined
    try {
      return await readSignature(oneChunk(bytes))
    } catch (error) {
      if (!(error instanceof RdiffError)) throw error
      this.#onEvent({ type: 'no-basis', path: old.path, message: error.message })
      return undefined
    }
  }

  /** Whether anything is stored of it. */
  #takesIn(step: Step): step is StoredStep {
    if (step.step === 'gone') return true
    const { path } = step.entry
    // Else no increment could ever build on this set. What is gone comes from signatures, whose order was checked.
    if (this.#last !== undefined && comparePaths(this.#last, path) >= 0) {
      const order = `"${displayPath(path)}" comes after "${displayPath(this.#last)}"`
      throw new BackupError('unsorted', `Cannot back up: ${order}, which is not the order of paths`)
    }
    this.#last = path
    if (step.step === 'skipped') {
      this.#onEvent({ type: 'socket-skipped', path })
      return false
    }
    if (step.step !== 'unchanged') return true
    this.#countUnchanged(step.entry)
    if (step.entry.kind === 'file') this.#options.onKept?.(step.entry)
    return false
  }

  #countUnchanged({ kind, size }: TreeEntry): void {
    this.statistics.sourceFiles += 1
    this.statistics.sourceFileSize += size
    if (kind === 'file') this.#sourceBytes += size
  }

  /** @param readBytes - Of its content; the file system's size for everything else. */
  #count({ step, entry }: CountedStep, readBytes: number): void {
    const { statistics } = this
    const { path, kind, size, mtimeSeconds } = entry
    statistics.sourceFiles += 1
    statistics.sourceFileSize += readBytes
    statistics.deltaEntries += 1
    if (step === 'changed') {
      statistics.changedFiles += 1
      statistics.changedFileSize += size
    } else {
      statistics.newFiles += 1
      statistics.newFileSize += size
    }
    if (kind === 'file') this.#sourceBytes += readBytes
    if (mtimeSeconds < 0) this.#onEvent({ type: 'time-before-1970', path, seconds: mtimeSeconds })
    this.#onEvent({ type: step, path, bytes: size })
  }

  #countGone({ path }: SigTarEntry): void {
    this.statistics.deletedFiles += 1
    this.statistics.deltaEntries += 1
    this.#onEvent({ type: 'deleted', path })
  }

  #problem({ path, operation, message }: TreeProblem): void {
    this.statistics.errors += 1
    if (operation === 'list') this.#onEvent({ type: 'unlisted', path, message })
    else this.#onEvent({ type: 'unreadable', path, message, cut: false })
  }

  #requireSource(): void {
    if (this.statistics.sourceFiles > 0) return
    throw new BackupError('nothing-to-store', 'Cannot back up: the source has nothing that could be stored')
  }
}

type StoredStep = Exclude<Step, { step: 'unchanged' | 'skipped' }>
type WholeStep = Extract<Step, { step: 'new' | 'changed' | 'touched' }>
type CountedStep = { readonly step: 'new' | 'changed'; readonly entry: TreeEntry }

function asStored({ step, entry }: WholeStep, basis: Signature | undefined): CountedStep {
  return { step: step === 'new' || basis === undefined ? 'new' : 'changed', entry }
}

async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
