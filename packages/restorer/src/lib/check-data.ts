import { createHash } from 'node:crypto'
import { comparePaths, displayPath, type RawPath } from '@coalmine/bytes'
import type { ScratchFile } from '@coalmine/filetree'
import { type DatedSet, datedSets, type Repository } from '@coalmine/repository'
import { readPartsLeft } from './keep-going.ts'
import { readableOf } from './losses.ts'
import { LostEntries } from './lost-entries.ts'
import { PathStates } from './path-states.ts'
import { SetReader } from './set-reader.ts'
import { SignatureCursor } from './signature-cursor.ts'

/** What a reading of all data has found. */
export type DataFinding =
  /** An object cannot be read, or is not what it should be. */
  | { readonly type: 'object'; readonly key: string; readonly setSeconds: number; readonly message: string }
  /** States of a path that cannot be restored, by the times of the sets, and those that can. */
  | {
      readonly type: 'path'
      readonly path: RawPath
      readonly lostSeconds: readonly number[]
      readonly intactSeconds: readonly number[]
      readonly message: string
    }
  /** Volumes and signature file of a set do not agree about a path: nothing should be built on it. */
  | { readonly type: 'signature'; readonly path: RawPath; readonly setSeconds: number; readonly message: string }

export interface CheckDataOptions {
  readonly repository: Repository
  /** Opens a file for what does not fit in memory of the states of the file at a path. */
  readonly scratch: (path: RawPath) => ScratchFile
  /** Read only this share of all volumes (0 to 1), the ones that the seed chooses. */
  readonly sample?: { readonly share: number; readonly seed: string }
  readonly signal?: AbortSignal
  readonly onFinding: (finding: DataFinding) => void
  readonly onVolume?: (key: string) => void
}

export interface DataSummary {
  /** Volumes that were read and are what their manifests say. */
  readonly volumes: number
  readonly bytes: number
  /** Times of the sets whose state can be restored as a whole; empty for a sample. */
  readonly intactSeconds: readonly number[]
  readonly findings: number
}

/**
 * Reads every volume of every chain: hashes, integrity, archives; puts each file together in each of its states and makes
 * its signature, which has to be the one in the signature file. Damage is told and passed over.
 *
 * Of a sample, volumes are read one by one: files that are whole in one are compared, changes of files are not.
 *
 * @throws RepositoryError when passphrase or keys are wrong; the storage's and the signal's errors.
 */
export async function checkData(options: CheckDataOptions): Promise<DataSummary> {
  const run = new DataCheck(options)
  const sets = datedSets(await options.repository.collect())
  for (const chain of new Set(sets.map((set) => set.chain))) {
    const ofChain = sets.filter((set) => set.chain === chain)
    if (options.sample === undefined) await run.readChain(ofChain)
    else for (const set of ofChain) await run.readSample(set, options.sample)
  }
  return run.summary()
}

class DataCheck {
  #volumes = 0
  #bytes = 0
  #findings = 0
  readonly #intact = new Set<number>()
  readonly #options: CheckDataOptions

  constructor(options: CheckDataOptions) {
    this.#options = options
  }

  summary(): DataSummary {
    const intactSeconds = [...this.#intact].sort((a, b) => a - b)
    return { volumes: this.#volumes, bytes: this.#bytes, intactSeconds, findings: this.#findings }
  }

  async readChain(sets: readonly DatedSet[]): Promise<void> {
    const sides = await Promise.all(sets.map((set) => this.#open(set)))
    for (const { seconds } of sets) this.#intact.add(seconds)
    try {
      await Promise.all(sides.map(({ reader }) => reader.next()))
      for (;;) {
        const path = lowest(sides)
        if (path === undefined) break
        await this.#readPath(path, sides)
        await Promise.all(sides.filter(({ reader }) => reader.entry?.path === path).map(({ reader }) => reader.next()))
      }
      // Where it is not even known what is lost, nothing that builds on it is whole for sure.
      const blind = sides.findIndex(({ reader }) => reader.isBlind)
      for (const { seconds } of blind < 0 ? [] : sets.slice(blind)) this.#intact.delete(seconds)
      for (const side of sides) await side.cursor?.finish((entry) => this.#tellExtra(entry.path, side.set))
    } finally {
      for (const { reader, cursor } of sides) {
        await reader.close()
        await cursor?.close()
      }
    }
    this.#tellCursors(sides)
  }

  async readSample(set: DatedSet, { share, seed }: { share: number; seed: string }): Promise<void> {
    const { repository, signal } = this.#options
    const readable = await readableOf(repository, set.set, { keepGoing: true, original: true, signal })
    for (const number of [...readable.manifest.volumes.keys()].sort((a, b) => a - b)) {
      const key = set.set.volumes.get(number)?.key ?? ''
      if (!isChosen(`${seed} ${key}`, share)) continue
      const side = await this.#open(set, [number])
      try {
        for (await side.reader.next(); side.reader.entry !== undefined; await side.reader.next()) {
          const { entry, lost } = side.reader
          const expected = await side.cursor?.take(entry.path, () => undefined)
          const isWhole = entry.action !== 'diff' && (entry.meta?.kind !== 'file' || entry.sizeBytes !== undefined)
          if (lost !== undefined || !isWhole) continue
          await this.#takeOne(entry.path, side, expected)
        }
      } finally {
        await side.reader.close()
        await side.cursor?.close()
      }
    }
    const last = await this.#open(set, [])
    await last.cursor?.finish(() => undefined)
    this.#tellCursors([last])
  }

  async #takeOne(path: RawPath, { reader, set, cursor }: Side, expected: Parameters<PathStates['take']>[1]) {
    const states = new PathStates(path, this.#options.scratch)
    const wrong = await states.take(reader, expected, cursor !== undefined && cursor.failure === undefined)
    states.close()
    if (wrong !== undefined) this.#tell({ type: 'signature', path, setSeconds: set.seconds, message: wrong })
  }

  async #open(set: DatedSet, only?: readonly number[]): Promise<Side> {
    const { repository, signal, onVolume } = this.#options
    const { manifest, losses } = await readableOf(repository, set.set, { keepGoing: true, original: true, signal })
    const numbers = only ?? [...manifest.volumes.keys()].sort((a, b) => a - b)
    const open = () => (set.signatures === undefined ? undefined : repository.originalSignatures(set.signatures))
    const parts = readPartsLeft({
      ...{ repository, set: set.set, numbers, signal },
      readable: { manifest, losses: only === undefined ? losses : [] },
      onLoss: ({ key, message }) => this.#tell({ type: 'object', key, setSeconds: set.seconds, message }),
      onVolume: (number) => {
        const { key, size } = set.set.volumes.get(number)!
        this.#volumes += 1
        this.#bytes += size
        const sha1 = manifest.volumes.get(number)!.hashes.find(({ name }) => name.toUpperCase() === 'SHA1')!.hex
        repository.verified({ key, size, sha1: sha1.toLowerCase() })
        onVolume?.(key)
      },
    })
    const reader = new SetReader(parts, '' as RawPath, { lostEntries: () => new LostEntries(open()) })
    const signatures = open()
    return { set, reader, cursor: signatures && new SignatureCursor(signatures) }
  }

  /** Follows one path through all sets of its chain. */
  async #readPath(path: RawPath, sides: readonly Side[]): Promise<void> {
    const states = new PathStates(path, this.#options.scratch)
    const [lost, intact]: [number[], number[]] = [[], []]
    let message = ''
    let isThere = false
    for (const { set, reader, cursor } of sides) {
      if (reader.entry?.path === path) {
        const expected = await cursor?.take(path, (entry) => this.#tellExtra(entry.path, set))
        isThere = reader.entry.action !== 'deleted'
        const wrong = await states.take(reader, expected, cursor !== undefined && cursor.failure === undefined)
        if (wrong !== undefined) this.#tell({ type: 'signature', path, setSeconds: set.seconds, message: wrong })
      } else {
        const loss = reader.unknown(path)
        if (loss !== undefined) states.lose(`what it was then lies in "${loss.key}", which cannot be read`)
      }
      if (states.problem !== undefined) {
        message ||= states.problem
        lost.push(set.seconds)
        this.#intact.delete(set.seconds)
      } else if (isThere) {
        intact.push(set.seconds)
      }
    }
    states.close()
    if (lost.length > 0) this.#tell({ type: 'path', path, lostSeconds: lost, intactSeconds: intact, message })
  }

  #tellExtra(path: RawPath, { seconds }: DatedSet): void {
    const message = `"${displayPath(path)}" has a signature, and is not in the volumes`
    this.#tell({ type: 'signature', path, setSeconds: seconds, message })
  }

  #tellCursors(sides: readonly Side[]): void {
    for (const { set, cursor } of sides) {
      if (cursor?.failure === undefined) continue
      const { message } = cursor.failure
      this.#tell({ type: 'object', key: set.signatures!.object.key, setSeconds: set.seconds, message })
    }
  }

  #tell(finding: DataFinding): void {
    this.#findings += 1
    this.#options.onFinding(finding)
  }
}

interface Side {
  readonly set: DatedSet
  readonly reader: SetReader
  readonly cursor: SignatureCursor | undefined
}

function lowest(sides: readonly Side[]): RawPath | undefined {
  let first: RawPath | undefined
  for (const { reader } of sides) {
    const path = reader.entry?.path
    if (path !== undefined && (first === undefined || comparePaths(path, first) < 0)) first = path
  }
  return first
}

/** The same for the same words, on every machine. */
function isChosen(words: string, share: number): boolean {
  return createHash('sha256').update(words).digest().readUInt32BE() < share * 2 ** 32
}
