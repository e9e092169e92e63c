import { displayPath, parentPath, type RawPath } from '@coalmine/bytes'
import type { AsyncTreeWriter, WriteEntry } from '@coalmine/filetree'
import { UsageError } from './exit-codes.ts'
import type { Settings } from './settings.ts'

/** What `--rename` asks for: by the path in the backup, the one that it gets. Of two that fit the longer one counts. */
export class Renames {
  readonly #to: ReadonlyMap<RawPath, RawPath>
  readonly #used = new Set<RawPath>()

  /** @throws UsageError for a path that is not below the root. */
  constructor(settings: Settings) {
    const pairs = settings.pairs('rename').map(([from, to]) => [plain(from), plain(to)] as const)
    this.#to = new Map(pairs)
  }

  get isEmpty(): boolean {
    return this.#to.size === 0
  }

  /** The path under which something is restored. */
  take(path: RawPath): RawPath {
    const from = this.#fitting(path)
    if (from !== undefined) this.#used.add(from)
    return this.#renamed(path, from)
  }

  /** Paths that nothing was restored from. */
  get unused(): RawPath[] {
    return [...this.#to.keys()].filter((from) => !this.#used.has(from))
  }

  /** Whether something may be written in a folder (by its new name) after what follows it. */
  reaches(folder: RawPath): boolean {
    const holds = (path: RawPath) => folder === '' || path === folder || path.startsWith(`${folder}/`)
    const places = [...this.#to].flatMap(([from, to]) => {
      const above = parentPath(from)!
      return [to, this.#renamed(above, this.#fitting(above))]
    })
    return places.some(holds)
  }

  #fitting(path: RawPath): RawPath | undefined {
    let at: RawPath | undefined = path
    while (at !== undefined && !this.#to.has(at)) at = parentPath(at)
    return at
  }

  #renamed(path: RawPath, from: RawPath | undefined): RawPath {
    return from === undefined ? path : ((this.#to.get(from)! + path.slice(from.length)) as RawPath)
  }
}

/** As the real program takes it: slashes at both ends and components `.` do not count. */
function plain(said: RawPath): RawPath {
  const parts = said.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.length > 0 && !parts.includes('..')) return parts.join('/') as RawPath
  throw new UsageError(`Cannot take "--rename" with "${displayPath(said)}": it must be a path below the root`)
}

/**
 * A writer that restores under other names. What it writes is then no longer in the order of paths: folders that were left
 * are entered again at the end, so that they get their times after all.
 */
export function renaming(inner: AsyncTreeWriter, renames: Renames): AsyncTreeWriter {
  const again: WriteEntry[] = []
  const renamed = (entry: WriteEntry): WriteEntry => {
    const path = renames.take(entry.path)
    return path === entry.path ? entry : { ...entry, path }
  }
  return {
    directory(entry) {
      const to = renamed(entry)
      if (renames.reaches(to.path)) again.push(to)
      inner.directory(to)
    },
    file: (entry, content) => inner.file(renamed(entry), content),
    openFile: (entry) => inner.openFile(renamed(entry)),
    symlink: (entry) => inner.symlink(renamed(entry)),
    fifo: (entry) => inner.fifo(renamed(entry)),
    device: (entry) => inner.device(renamed(entry)),
    scratch: (path) => inner.scratch(renames.take(path)),
    ready: async () => inner.ready?.(),
    async finish() {
      for (const entry of again) inner.directory(entry)
      await inner.finish()
    },
    close: () => inner.close(),
  }
}
