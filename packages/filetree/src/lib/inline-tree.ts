import type { ByteStream, RawPath } from '@coalmine/bytes'
import { setImmediate } from 'node:timers/promises'
import { unpackBatch } from './batch.ts'
import type { LoadOptions, OpenableEntry, Tree, TreeBatch, WalkOptions } from './entry.ts'
import { FileTreeError } from './errors.ts'
import { loadFiles } from './file-loader.ts'
import { TreeOpener } from './file-reader.ts'
import { closeRoot, openRoot, type TreeRoot } from './tree-root.ts'
import { walkHere } from './walk-here.ts'

/** A tree that is read in place, with nothing ahead. Between two batches or pieces other work gets its turn. */
export class InlineTree implements Tree {
  readonly #root: TreeRoot
  readonly #opener: TreeOpener
  readonly #signal: AbortSignal | undefined
  /** What is under way and holds descriptors. */
  readonly #open = new Set<{ close(): void }>()
  #closed = false

  /** @throws FileTreeError when the tree cannot be opened. */
  constructor(root: string, options: { signal?: AbortSignal; followLinks: boolean }) {
    const { signal, followLinks } = options
    this.#root = openRoot(root, followLinks)
    this.#opener = new TreeOpener(this.#root)
    this.#signal = signal
    signal?.addEventListener('abort', this.#end)
  }

  walk(options: WalkOptions = {}): AsyncGenerator<TreeBatch, void, undefined> {
    return walkHere(this.#root, options, { open: this.#open, check: () => this.#check() })
  }

  async *open(entry: OpenableEntry): ByteStream {
    this.#check()
    const reader = this.#opener.open(entry)
    this.#open.add(reader)
    try {
      for (;;) {
        const { bytes, last } = reader.next()
        if (bytes.length > 0) yield bytes
        if (last) return
        await setImmediate()
        this.#check()
      }
    } finally {
      this.#open.delete(reader)
      reader.close()
    }
  }

  async load(paths: readonly RawPath[], options: LoadOptions = {}): Promise<TreeBatch> {
    this.#check()
    return unpackBatch(loadFiles(this.#opener, paths, options.contentUpTo ?? 0))
  }

  async close(): Promise<void> {
    this.#end()
  }

  readonly #end = () => {
    if (this.#closed) return
    this.#closed = true
    this.#signal?.removeEventListener('abort', this.#end)
    for (const thing of this.#open) thing.close()
    this.#opener.close()
    closeRoot(this.#root)
  }

  #check(): void {
    this.#signal?.throwIfAborted()
    if (this.#closed) throw new FileTreeError('closed', 'Cannot read the tree: it was closed')
  }
}
