import { displayPath, type RawPath } from '@coalmine/bytes'
import type { Manifest, SigTarEntry } from '@coalmine/volume-format'

/** What is remembered of a signature file to compare it with its manifest. */
export class SeenSignatures {
  #first: RawPath | undefined
  #last: RawPath | undefined
  #signatures = 0
  #deleted = 0

  /** Takes in what comes next. */
  add(entries: readonly SigTarEntry[]): void {
    if (entries.length === 0) return
    this.#first ??= entries[0]!.path
    this.#last = entries.at(-1)!.path
    for (const { action } of entries) {
      if (action === 'signature') this.#signatures += 1
      else if (action === 'deleted') this.#deleted += 1
    }
  }

  /**
   * How the whole file differs from the manifest. A set without any change has no entries, and says that it goes from the
   * root to the root.
   */
  disagreementWith({ volumes, fileCount = 0 }: Manifest): string | undefined {
    const numbers = [...volumes.keys()].sort((a, b) => a - b)
    const from = volumes.get(numbers[0] ?? 0)?.start.path ?? ('' as RawPath)
    const to = volumes.get(numbers.at(-1) ?? 0)?.end.path ?? ('' as RawPath)
    if ((this.#first ?? '') !== from) return `they begin with ${shown(this.#first)}, the set with ${shown(from)}`
    if ((this.#last ?? '') !== to) return `they end with ${shown(this.#last)}, the set with ${shown(to)}`
    // A manifest need not list files. Of what is deleted, it lists what was a file.
    const [least, most] = [this.#signatures, this.#signatures + this.#deleted]
    if (fileCount === 0 || (fileCount >= least && fileCount <= most)) return undefined
    return `they have ${least} files, the manifest lists ${fileCount}`
  }
}

function shown(path: RawPath | undefined): string {
  return path === undefined ? 'nothing' : `"${displayPath(path) || '.'}"`
}
