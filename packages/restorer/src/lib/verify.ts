import { ByteReader, comparePaths, equalBytes, fromBytes, isBelow, type RawPath } from '@coalmine/bytes'
import type { Owners, ScratchFile, Tree } from '@coalmine/filetree'
import type { Repository } from '@coalmine/repository'
import type { BackupSet, DiffTarEntry, DiffTarPart } from '@coalmine/volume-format'
import { type Difference, metaDifference } from './differences.ts'
import type { RestoreEvent } from './events.ts'
import { nothingToBuildOn } from './merge-sets.ts'
import { openState } from './state.ts'
import { TreeCursor } from './tree-cursor.ts'

export interface VerifyOptions {
  readonly repository: Repository
  /** The sets of one chain, the full one first. */
  readonly sets: readonly BackupSet[]
  /** What is compared, relative to the root of the backup; everything by default. The tree stands in its place. */
  readonly path?: RawPath
  /** What the backup is compared with. The caller opens and closes it. */
  readonly tree: Tree
  /** Compare the content of files too. Without it volumes are read and checked all the same. */
  readonly data?: boolean
  /** Whose ids the names in the backup have here; without it ids are compared as they are. */
  readonly owners?: Owners
  /** Opens a file for what does not fit in memory of the states of the file at a path. */
  readonly scratch: (path: RawPath) => ScratchFile
  readonly signal?: AbortSignal
  readonly onDifference: (path: RawPath, difference: Difference) => void
  readonly onEvent?: (event: RestoreEvent) => void
}

export interface VerifySummary {
  /** Entries of either side. */
  readonly compared: number
  readonly differences: number
}

/**
 * Compares a state of the backup with a tree, each entry once: the first difference of each counts. Every volume of the
 * state is fetched, its hash checked, and decoded to its end, whatever is compared.
 *
 * @throws what {@link restore} throws for damaged volumes, and the signal's reason.
 */
export async function verify(options: VerifyOptions): Promise<VerifySummary> {
  const { repository, sets, path = '' as RawPath, tree, scratch, signal, onEvent = () => undefined } = options
  const run = new Verify(options, path, new TreeCursor(tree, options.data === true ? smallBytes : 0, signal))
  const onProblem = (at: RawPath, message: string) => run.cannotRead(at, message)
  const state = await openState({ repository, sets, path, scratch, signal, onEvent, onProblem })
  try {
    for await (const parts of state.parts) for (const part of parts) await run.take(part)
    await run.finish()
  } finally {
    await run.close()
    await state.close()
  }
  return { compared: run.compared, differences: run.differences }
}

// Files below this are compared as they come with the walk.
const smallBytes = 65_536

class Verify {
  compared = 0
  differences = 0
  readonly #options: VerifyOptions
  readonly #path: RawPath
  readonly #local: TreeCursor
  /** The file whose data is coming, as long as it is like the one in the tree. */
  #file: { path: RawPath; content: ByteReader } | undefined

  constructor(options: VerifyOptions, path: RawPath, local: TreeCursor) {
    this.#options = options
    this.#path = path
    this.#local = local
  }

  async take(part: DiffTarPart): Promise<void> {
    if (part.type === 'entry') await this.#begin(part.entry)
    else if (part.type === 'data') await this.#data(part.bytes)
    else await this.#end()
  }

  /** What the backup has cannot be put together: that counts once, as its difference. */
  cannotRead(path: RawPath, message: string): void {
    const begun = this.#file !== undefined
    this.#file = undefined
    if (!begun) this.compared += 1
    this.#differ(path, { what: 'unreadable', message })
  }

  async finish(): Promise<void> {
    for (let entry = await this.#local.next(); entry !== undefined; entry = await this.#local.next()) this.#isNew(entry)
  }

  async close(): Promise<void> {
    await this.#file?.content.close()
    await this.#local.close()
  }

  async #begin(entry: DiffTarEntry): Promise<void> {
    if (!isBelow(entry.path, this.#path) || entry.action === 'deleted') return
    const relative = (this.#path === '' ? entry.path : entry.path.slice(this.#path.length + 1)) as RawPath
    const found = await this.#advanceTo(relative)
    this.compared += 1
    if (entry.action !== 'snapshot' || entry.meta === undefined) {
      return this.#differ(entry.path, { what: 'unreadable', message: nothingToBuildOn })
    }
    if (found === undefined) return this.#differ(relative, { what: 'missing' })
    if (found.entry === undefined) return this.#differ(relative, { what: 'unreadable', message: found.problem })
    const difference = metaDifference(found.entry, entry.meta, this.#options.owners)
    if (difference !== undefined) return this.#differ(relative, difference)
    if (found.entry.kind !== 'file' || this.#options.data !== true) return
    const { content } = found.entry
    const stream = content === undefined ? this.#options.tree.open(found.entry) : fromBytes(content).open()
    this.#file = { path: relative, content: new ByteReader(stream) }
  }

  /** The tree's entry at a path; those before it are in no backup. */
  async #advanceTo(path: RawPath): Promise<TreeCursor['current']> {
    for (;;) {
      const { current = await this.#local.next() } = this.#local
      if (current === undefined) return undefined
      const order = comparePaths(current.path, path)
      if (order > 0) return undefined
      this.#local.take()
      if (order === 0) return current
      this.#isNew(current)
    }
  }

  #isNew(found: NonNullable<TreeCursor['current']>): void {
    this.#local.take()
    this.compared += 1
    if (found.entry === undefined) this.#differ(found.path, { what: 'unreadable', message: found.problem })
    else this.#differ(found.path, { what: 'new' })
  }

  async #data(bytes: Uint8Array): Promise<void> {
    const file = this.#file
    if (file === undefined || bytes.length === 0) return
    await this.#guarded(async () => equalBytes(await file.content.readUpTo(bytes.length), bytes))
  }

  async #end(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    await this.#guarded(() => file.content.atEnd())
    this.#file = undefined
    await file.content.close()
  }

  /** Goes on as long as what is read is the same; a file that cannot be read is a difference. */
  async #guarded(isSame: () => Promise<boolean>): Promise<void> {
    const file = this.#file!
    let difference: Difference | undefined
    try {
      if (!(await isSame())) difference = { what: 'data' }
    } catch (error) {
      if (this.#options.signal?.aborted === true) throw error
      difference = { what: 'unreadable', message: error instanceof Error ? error.message : String(error) }
    }
    if (difference === undefined) return
    this.#file = undefined
    await file.content.close()
    this.#differ(file.path, difference)
  }

  #differ(path: RawPath, difference: Difference): void {
    this.differences += 1
    this.#options.onDifference(path, difference)
  }
}
