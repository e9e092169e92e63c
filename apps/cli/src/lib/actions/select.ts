import { displayPath, parentPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import type { TreeEntry } from '@coalmine/filetree'
import { chooseFiles, openSource } from '../choice.ts'
import { code, type Log, quotePath } from '../log.ts'
import { type Context, localPath } from '../session.ts'
import { canonicalSource, openableSource } from '../source.ts'
import { byteText } from '../statistics-text.ts'
import { oneLine } from '../visible.ts'

/** `select`: what a backup of a source would take, or what its folders would weigh. Nothing is read but names. */
export async function select([source]: readonly RawPath[], { settings, log, signal }: Context): Promise<void> {
  const root = canonicalSource(localPath(source!))
  const folder = openableSource(root)
  const { tree, warnings, close } = await openSource(folder, await chooseFiles(root, folder, settings), signal)
  const print = printerOf(settings.flag('print0'), log)
  const sizes = settings.flag('sizes') ? new Sizes() : undefined
  try {
    for await (const { entries, problems } of tree.walk({})) {
      for (const { message } of problems) complain(message, log)
      for (const entry of entries) {
        if (entry.kind === 'socket') continue
        if (sizes === undefined) print('', entry.path)
        else sizes.add(entry)
      }
      await log.drained()
      if (log.outputGone) return
    }
    for (const { path, bytes } of sizes?.sorted() ?? [])
      print(process.stdout.isTTY ? byteText(bytes) : `${bytes}`, path)
    for (const { message } of warnings()) complain(message, log)
  } finally {
    await close()
  }
}

/** Beside the listing, which may go to another program. */
export function complain(message: string, log: Log): void {
  if (log.shows('warning')) process.stderr.write(`${oneLine(message)}\n`)
  log.recordOnly('warning', message)
}

/** Names byte by byte to a pipe or file; escaped to a terminal, so that they cannot move the cursor there. */
function printerOf(nul: boolean, log: Log): (before: string, path: RawPath) => void {
  const isTty = process.stdout.isTTY && !nul
  const end = Buffer.from(nul ? '\0' : '\n')
  return (before, path) => {
    const name = isTty ? Buffer.from(displayPath(path)) : path === '' ? Buffer.from('.') : rawToBytes(path)
    const head = before === '' ? '' : isTty ? `${before.padStart(9)}  ` : `${before}\t`
    log.raw(Buffer.concat([Buffer.from(head), name, end]), { code: code.fileList, extra: () => quotePath(path) })
  }
}

/** Bytes of files in each folder and everything below it. */
class Sizes {
  readonly #folders = new Map<RawPath, number>()

  add({ path, kind, size }: Pick<TreeEntry, 'path' | 'kind' | 'size'>): void {
    if (kind === 'directory' || path === '') this.#count(path, 0)
    if (kind !== 'file') return
    if (path === '') this.#count(path, size)
    for (let above = parentPath(path); above !== undefined; above = parentPath(above)) this.#count(above, size)
  }

  /** Biggest first; of equals the one that comes first in the archive. */
  sorted(): { path: RawPath; bytes: number }[] {
    const rows = [...this.#folders].map(([path, bytes]) => ({ path, bytes }))
    return rows.sort((a, b) => b.bytes - a.bytes)
  }

  #count(path: RawPath, bytes: number): void {
    this.#folders.set(path, (this.#folders.get(path) ?? 0) + bytes)
  }
}
