import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { ManifestFile } from './manifest.ts'
import { quote } from './quoting.ts'

const blockLines = 8192

/**
 * The list of files of a manifest being written. Its lines are held deflated: neighbours have long names in common, and
 * a tree of a million files needs some ten megabytes. Nothing of it touches the disk.
 */
export class FileList {
  readonly #blocks: Buffer[] = []
  #lines: string[] = []
  #count = 0

  /** Files in the list. */
  get count(): number {
    return this.#count
  }

  add({ action, path }: ManifestFile): void {
    this.#lines.push(`    ${action.padEnd(7)}  ${path === '' ? '.' : quote(path)}`)
    this.#count += 1
    if (this.#lines.length === blockLines)
      this.#blocks.push(deflateRawSync(bytesOf(this.#lines.splice(0)), { level: 1 }))
  }

  /** All lines, in order, in pieces of less than a few megabytes. */
  *pieces(): Iterable<Uint8Array> {
    for (const block of this.#blocks) yield inflateRawSync(block)
    if (this.#lines.length > 0) yield bytesOf(this.#lines)
  }
}

function bytesOf(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1')
}
