import { createHash } from 'node:crypto'
import { type ByteSource, collect, comparePaths, equalBytes } from '@coalmine/bytes'
import type { Manifest, ManifestVolume } from '@coalmine/volume-format'
import type { ArchiveDir, PendingFile } from './archive-dir.ts'
import { errorCode, RepositoryError } from './errors.ts'
import {
  agrees,
  bindingIn,
  endBytes,
  type FactsBlock,
  type FileFacts,
  FileIndexDecoder,
  FileIndexEncoder,
  leastBytes,
} from './file-index.ts'

/** In the archive dir. */
const indexName = 'coalmine/files'

/** Times of files may be as coarse as this; a file that changed later may change again without its time showing it. */
const coarsestMs = 2000

/**
 * What an index is bound to: one set, by its times and by what its manifest says of source and volumes. An index of
 * anything else is none.
 *
 * @param name - Of the set's manifest.
 */
export function bindingOf(
  name: string,
  {
    hostname = '',
    localDir,
    volumes,
  }: Pick<Manifest, 'hostname' | 'localDir'> & {
    readonly volumes: Iterable<ManifestVolume>
  },
): Uint8Array {
  const hash = createHash('sha256').update(JSON.stringify([name, hostname, localDir ?? '']))
  for (const { number, hashes } of [...volumes].sort((a, b) => a.number - b.number)) {
    hash.update(`\n${number} ${hashes.map(({ hex }) => hex).join(' ')}`)
  }
  return hash.digest()
}

/**
 * The files of the newest set as they were when it was written, to be asked in the order of paths. An index that is not
 * there, damaged, or of another set knows nothing: that costs nobody more than the time that it would have saved.
 */
export class KnownFiles {
  readonly #stream: AsyncIterator<Uint8Array> | undefined
  readonly #decoder = new FileIndexDecoder()
  readonly #ready: FactsBlock[] = []
  #block: FactsBlock | undefined
  #at = 0
  #state: 'open' | 'ended' | 'broken' = 'open'

  /** @param source - Of an index; nothing is known without. */
  constructor(source: ByteSource | undefined) {
    this.#stream = source?.open()[Symbol.asyncIterator]()
    if (source === undefined) this.#state = 'broken'
  }

  /** Opens the index that is bound to `binding`, if there is one. Never rejects. */
  static async open(archiveDir: ArchiveDir, binding: Uint8Array): Promise<KnownFiles> {
    try {
      const source = archiveDir.source(indexName)
      if (source === undefined || source.size < leastBytes) return new KnownFiles(undefined)
      const end = await collect(source.open({ start: source.size - endBytes }))
      return new KnownFiles(equalBytes(bindingIn(end), binding) ? source : undefined)
    } catch {
      // Whatever is in its place: an index that cannot be read is none.
      return new KnownFiles(undefined)
    }
  }

  /**
   * What is known of a file: `same` when it is what it was, `other` when it is not, or when the index does not vouch for
   * it; `unknown` without an index; `more` when {@link KnownFiles.read} has to be awaited first.
   */
  judge(facts: FileFacts): 'same' | 'other' | 'unknown' | 'more' {
    if (this.#state === 'broken') return 'unknown'
    for (;;) {
      const path = this.#block?.paths[this.#at]
      if (path === undefined) {
        if (this.#advance()) continue
        return this.#state === 'ended' ? 'other' : 'more'
      }
      const order = path === facts.path ? 0 : comparePaths(path, facts.path)
      if (order > 0) return 'other'
      this.#at += 1
      if (order === 0) return agrees(this.#block!, this.#at - 1, facts) ? 'same' : 'other'
    }
  }

  /** Reads on. Never rejects: what cannot be read is not known. */
  async read(): Promise<void> {
    try {
      while (this.#ready.length === 0 && this.#state === 'open') {
        const { done, value } = await this.#stream!.next()
        if (done === true) this.#state = this.#decoder.ended ? 'ended' : 'broken'
        else this.#ready.push(...this.#decoder.push(value))
      }
    } catch {
      // Damaged, or cut off while it is read: from here on nothing is known.
      this.#state = 'broken'
    }
  }

  async close(): Promise<void> {
    await this.#stream?.return?.()
  }

  #advance(): boolean {
    if (this.#ready.length === 0) return false
    this.#block = this.#ready.shift()
    this.#at = 0
    return true
  }
}

/**
 * Notes the files of a set that is being written. Only what can be told apart later: a file that changed right before it
 * was read is left out. Nothing that goes wrong here is worth a backup: then there is no index.
 */
export class FileNotes {
  readonly #encoder = new FileIndexEncoder()
  readonly #latestMs: number
  #file: PendingFile | undefined

  /** To be made before the first file is looked at. @param nowMs - The clock. */
  constructor(archiveDir: ArchiveDir, nowMs: () => number = Date.now) {
    this.#latestMs = nowMs() - coarsestMs
    this.#trying(() => {
      this.#file = archiveDir.begin(indexName)
    })
  }

  /** In the order of paths. */
  add(facts: FileFacts): void {
    if (this.#file === undefined || facts.ctimeMs >= this.#latestMs) return
    const block = this.#encoder.add(facts)
    if (block !== undefined) this.#trying(() => this.#file?.write(block))
  }

  /** Puts the index in its place; the set that `binding` names is there. */
  commit(binding: Uint8Array): void {
    this.#trying(() => {
      this.#file?.write(this.#encoder.finish(binding))
      this.#file?.commit({ durable: false })
      this.#file = undefined
    })
  }

  discard(): void {
    const file = this.#file
    this.#file = undefined
    file?.discard()
  }

  #trying(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof RepositoryError) && errorCode(error) === undefined) throw error
      this.discard()
    }
  }
}
