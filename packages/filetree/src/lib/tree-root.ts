import { closeSync, lstatSync, openSync } from 'node:fs'
import type { RawPath } from '@coalmine/bytes'
import { address, type Address } from './address.ts'
import { toFileTreeError } from './errors.ts'
import { folderFlags } from './folder-stack.ts'

/** The root of a tree that is read. A folder is held open, so it stays the same one whatever happens to its name. */
export interface TreeRoot {
  /** With one char per byte. */
  readonly path: string
  readonly address: Address
  /** Of a folder. A root of any other kind, a symlink too, is a tree with one entry. */
  readonly descriptor: number | undefined
}

/** @param path - With one char per byte. @throws FileTreeError when there is nothing, or a folder cannot be opened. */
export function openRoot(path: string): TreeRoot {
  const where = address(path)
  try {
    const folder = lstatSync(where).isDirectory()
    return { path, address: where, descriptor: folder ? openSync(where, folderFlags) : undefined }
  } catch (error) {
    throw toFileTreeError(error, 'open the tree', path as RawPath, 'open')
  }
}

export function closeRoot(root: TreeRoot): void {
  if (root.descriptor !== undefined) closeSync(root.descriptor)
}
