import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { RawPath } from '@coalmine/bytes'
import type { ManifestFile } from '@coalmine/volume-format'

const letters = { new: 'n', changed: 'c', deleted: 'd' } as const
const actions: Readonly<Record<string, ManifestFile['action']>> = { n: 'new', c: 'changed', d: 'deleted' }

const blockWords = 8192
const blockChars = 2 ** 20

/**
 * The files that end in one volume, as the manifest will list them, each as a word: a letter for what became of it, and its
 * path. A volume may hold a million small ones, so blocks of words are held deflated.
 */
export class VolumeFiles implements Iterable<ManifestFile> {
  readonly #blocks: Buffer[] = []
  #words: string[] = []
  #chars = 0

  add({ action, path }: ManifestFile): void {
    this.#addWord(letters[action] + path)
  }

  /** Takes what {@link VolumeFiles.words} gave. Returns whether all of it can be that; else some of it is taken. */
  addWords(words: readonly unknown[]): boolean {
    for (const word of words) {
      if (typeof word !== 'string' || !/^[ncd][\x01-\xff]*$/.test(word)) return false
      this.#addWord(word)
    }
    return true
  }

  /** All words, in order, in blocks; the last one may be empty. */
  *words(): Generator<readonly string[], void, undefined> {
    for (const block of this.#blocks) yield inflateRawSync(block).toString('latin1').split('\0')
    yield this.#words
  }

  *[Symbol.iterator](): Generator<ManifestFile, void, undefined> {
    for (const words of this.words()) {
      for (const word of words) yield { action: actions[word[0]!]!, path: word.slice(1) as RawPath }
    }
  }

  #addWord(word: string): void {
    this.#words.push(word)
    this.#chars += word.length
    if (this.#words.length < blockWords && this.#chars < blockChars) return
    // No path has a NUL in it.
    this.#blocks.push(deflateRawSync(Buffer.from(this.#words.join('\0'), 'latin1'), { level: 1 }))
    this.#words = []
    this.#chars = 0
  }
}
