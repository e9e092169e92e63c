import { comparePaths, displayPath, isBelow, type ByteStream, type RawPath } from '@coalmine/bytes'
import type { CheckedVolume } from '@coalmine/repository'
import { DiffTarDecoder, type DiffTarEntry, type DiffTarPart, FormatError } from '@coalmine/volume-format'
import { RestoreError } from './errors.ts'
import { type Loss, LostData } from './losses.ts'
import type { LostEntries } from './lost-entries.ts'

/** A piece of a set, or the word that one is lost: then `broken` says whether the entry at hand goes on in it. */
export type ReadPart = DiffTarPart | { readonly type: 'lost'; readonly loss: Loss; readonly broken: boolean }

/**
 * The parts of a set's volumes, in order, as they are decoded.
 *
 * @throws RestoreError `damaged` naming the volume that is no archive of a set, though it is what its manifest says.
 */
export async function* readParts(
  volumes: AsyncIterable<CheckedVolume>,
  onVolume: (number: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<readonly DiffTarPart[], void, undefined> {
  let decoder = new DiffTarDecoder()
  let last: number | undefined
  for await (const volume of volumes) {
    if (last !== undefined && volume.number !== last + 1) {
      // What goes on in a volume that is left out ends here; what begins in one begins in the middle.
      yield decoder.finish()
      decoder = new DiffTarDecoder()
    }
    last = volume.number
    yield* readVolume(volume, decoder, signal)
    onVolume(volume.number)
  }
  yield decoder.finish()
}

/** The parts of one volume. @throws RestoreError `damaged` as {@link readParts}. */
export async function* readVolume(
  volume: CheckedVolume,
  decoder: DiffTarDecoder,
  signal?: AbortSignal,
): AsyncGenerator<readonly DiffTarPart[], void, undefined> {
  try {
    decoder.beginVolume()
    for await (const chunk of volume.open()) {
      signal?.throwIfAborted()
      yield decoder.push(chunk)
    }
    yield decoder.endVolume()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new RestoreError('damaged', `Cannot read the volume "${volume.key}": ${error.message}`, { cause: error })
  }
}

export interface SetReaderOptions {
  /** What the signature file of the set names, where volumes are lost; without it nothing may be lost. */
  readonly lostEntries?: () => LostEntries
  /** Volumes are left out, of whose entries nothing is wanted: what they would have in the middle may come in parts. */
  readonly hasGaps?: boolean
}

/** Goes through one set entry by entry, as far as the entries lie at or below a path. */
export class SetReader {
  /** The entry at hand; `undefined` at the end. */
  entry: DiffTarEntry | undefined
  /** Why the entry at hand cannot be read: then it has no data, and what it is is not known. */
  lost: Loss | undefined
  readonly #parts: AsyncGenerator<readonly ReadPart[], void, undefined>
  readonly #path: RawPath
  readonly #options: SetReaderOptions
  /** The last path that was at hand. */
  #last: RawPath | undefined
  /** The next entry that can be read, while entries before it are at hand that cannot. */
  #held: DiffTarEntry | undefined
  #isHeld = false
  #isAtEnd = false
  /** The losses between the last entry that can be read and the next one. */
  #gap: Loss[] = []
  #hasLosses = false
  #names: LostEntries | undefined
  /** Parts of the tree in which this set may say anything. */
  readonly #unknown: { loss: Loss; from: RawPath; to: RawPath | undefined }[] = []
  #batch: readonly ReadPart[] = []
  #at = 0

  constructor(
    parts: AsyncGenerator<readonly ReadPart[], void, undefined>,
    path: RawPath,
    options: SetReaderOptions = {},
  ) {
    this.#parts = parts
    this.#path = path
    this.#options = options
  }

  /**
   * Goes on to the next entry; what is left of the data of this one is passed over.
   *
   * @throws RestoreError `damaged` when it does not come after the last one: what sets say could not be merged.
   */
  async next(): Promise<void> {
    this.lost = undefined
    if (!this.#isHeld) await this.#readOn()
    if (this.#gap.length > 0 && (await this.#takeLost())) return
    this.entry = this.#held
    this.#held = undefined
    this.#isHeld = false
    if (this.entry !== undefined) this.#last = this.entry.path
  }

  /** A part of the set is lost, and what was in it is not known. */
  get isBlind(): boolean {
    return this.#unknown.length > 0
  }

  /** Why it is not known what this set says of a path that it does not name. */
  unknown(path: RawPath): Loss | undefined {
    return this.#unknown.find(
      ({ from, to }) => comparePaths(from, path) <= 0 && (to === undefined || comparePaths(path, to) <= 0),
    )?.loss
  }

  /** The data of the entry at hand; once. @throws LostData when it breaks off. */
  async *data(): ByteStream {
    if (this.#isHeld) return
    for (let part = await this.#part(); part !== undefined; part = await this.#part()) {
      if (part.type === 'end') return
      if (part.type === 'data' && part.bytes.length > 0) yield part.bytes
      if (part.type === 'lost') {
        this.#lose(part.loss)
        if (part.broken) throw new LostData(part.loss.message)
      }
    }
  }

  async close(): Promise<void> {
    this.entry = undefined
    this.#held = undefined
    this.#isHeld = false
    this.#isAtEnd = true
    this.#gap = []
    this.#batch = []
    this.#at = 0
    await this.#names?.close()
    await this.#parts.return()
  }

  /** Reads up to the next entry at or below the path, and holds it. */
  async #readOn(): Promise<void> {
    this.#isHeld = true
    this.#held = undefined
    if (this.#isAtEnd) return
    for (let part = await this.#part(); part !== undefined; part = await this.#part()) {
      if (part.type === 'lost') this.#lose(part.loss)
      if (part.type !== 'entry') continue
      // The rest of a file of which the middle is lost.
      const isTorn = this.#hasLosses || this.#options.hasGaps === true
      if (isTorn && part.entry.path === this.#last && (part.entry.firstBlock ?? 1) > 1) continue
      if (this.#last !== undefined && comparePaths(this.#last, part.entry.path) >= 0) {
        const [one, other] = [displayPath(part.entry.path), displayPath(this.#last)]
        throw new RestoreError('damaged', `Cannot restore "${one}": it comes after "${other}" in the same set`)
      }
      if (isBelow(part.entry.path, this.#path)) {
        this.#held = part.entry
        return
      }
      if (comparePaths(part.entry.path, this.#path) > 0) {
        this.#isAtEnd = true
        await this.#parts.return()
        return
      }
      this.#last = part.entry.path
    }
    this.#isAtEnd = true
  }

  /** Takes the next entry of the gap, as far as the signatures name it; `false` at its end. */
  async #takeLost(): Promise<boolean> {
    const [first, end] = [this.#gap[0]!, this.#gap.at(-1)!]
    const names = (this.#names ??= this.#options.lostEntries?.())
    if (names === undefined) throw new TypeError('Cannot read on: a part of the set is lost')
    const isAhead = this.#last === undefined || comparePaths(first.from, this.#last) > 0
    await names.advance(isAhead ? first.from : this.#last!, isAhead)
    for (; names.entry !== undefined; await names.advance(names.entry.path, false)) {
      const { path, action, meta } = names.entry
      if (end.to !== undefined && comparePaths(path, end.to) > 0) break
      if (this.#held !== undefined && comparePaths(path, this.#held.path) >= 0) break
      if (!isBelow(path, this.#path)) continue
      this.#last = path
      // All that there is to know of what is no file stands in the signatures.
      if (action === 'deleted') this.entry = { action, path }
      else if (action === 'snapshot') this.entry = { action, path, meta }
      else {
        this.entry = { action: 'diff', path, meta }
        this.lost = this.#gap.find(({ to }) => to === undefined || comparePaths(path, to) <= 0) ?? end
      }
      return true
    }
    if (names.isBlind) this.#unknown.push({ loss: first, from: this.#last ?? first.from, to: end.to })
    this.#gap = []
    return false
  }

  #lose(loss: Loss): void {
    this.#gap.push(loss)
    this.#hasLosses = true
  }

  async #part(): Promise<ReadPart | undefined> {
    while (this.#at === this.#batch.length) {
      const next = await this.#parts.next()
      if (next.done === true) return undefined
      this.#batch = next.value
      this.#at = 0
    }
    return this.#batch[this.#at++]
  }
}
