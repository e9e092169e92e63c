import { closeSync, constants, lstatSync, openSync, statSync } from 'node:fs'
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
  /** Whether links below the root are what they lead to. */
  readonly followLinks: boolean
}

/** The flags for opening something in the tree: what is never a link does not have to be refused as one. */
export function following(flags: number, { followLinks }: Pick<TreeRoot, 'followLinks'>): number {
  return followLinks ? flags & ~constants.O_NOFOLLOW : flags
}

/**
 * @param path - With one char per byte.
 * @param followLinks - The root too.
 * @throws FileTreeError when there is nothing, or a folder cannot be opened.
 */
export function openRoot(path: string, followLinks = false): TreeRoot {
  const where = address(path)
  try {
    const stats = followLinks ? statSync(where) : lstatSync(where)
    if (!stats.isDirectory()) {
      return { path, address: where, descriptor: undefined, guarded: undefined, followLinks }
    }
    const descriptor = openSync(where, following(folderFlags, { followLinks }))
    // Without addresses of descriptors everything is done by paths anyway.
    const guarded = nodeEffects.descriptors() === undefined ? undefined : guardedPath(path, descriptor)
    return { path, address: where, descriptor, guarded, followLinks }
  } catch (error) {
    throw toFileTreeError(error, 'open the tree', path as RawPath, 'open')
  }
}

export function closeRoot(root: TreeRoot): void {
  if (root.descriptor !== undefined) closeSync(root.descriptor)
}
