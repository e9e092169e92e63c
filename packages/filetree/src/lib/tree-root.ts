import { closeSync, lstatSync, openSync } from 'node:fs'
import type { RawPath } from '@coalmine/bytes'
import { address, type Address } from './address.ts'
import { toFileTreeError } from './errors.ts'
import { nodeEffects } from './effects.ts'
import { folderFlags } from './folder-stack.ts'
import { guardedPath } from './guarded.ts'

/** The root of a tree that is read. A folder is held open, so it stays the same one whatever happens to its name. */
export interface TreeRoot {
  /** With one char per byte. */
  readonly path: string
  readonly address: Address
  /** Of a folder. A root of any other kind, a symlink too, is a tree with one entry. */
  readonly descriptor: number | undefined
  /** A path of the folder that nobody else can redirect, with a slash at its end; `undefined` when there is none. */
  readonly guarded: string | undefined
}

/** @param path - With one char per byte. @throws FileTreeError when there is nothing, or a folder cannot be opened. */
export function openRoot(path: string): TreeRoot {
  const where = address(path)
  try {
    if (!lstatSync(where).isDirectory()) return { path, address: where, descriptor: undefined, guarded: undefined }
    const descriptor = openSync(where, folderFlags)
    // Without addresses of descriptors everything is done by paths anyway.
    const guarded = nodeEffects.descriptors() === undefined ? undefined : guardedPath(path, descriptor)
    return { path, address: where, descriptor, guarded }
  } catch (error) {
    throw toFileTreeError(error, 'open the tree', path as RawPath, 'open')
  }
}

export function closeRoot(root: TreeRoot): void {
  if (root.descriptor !== undefined) closeSync(root.descriptor)
}
