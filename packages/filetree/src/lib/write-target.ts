import type { RawPath } from '@coalmine/bytes'
import { constants } from 'node:fs'
import { type Address, address } from './address.ts'
import type { FileEffects, FileFacts } from './effects.ts'
import { codeOf, FileTreeError, sentence, toFileTreeError } from './errors.ts'
import { folderFlags, FolderStack } from './folder-stack.ts'

/** What was just made is empty and nobody else's, until its own mode is set. */
export const folderMode = 0o700

/** A folder that is open at the root of a stack, whose descriptor is its owner's to close. */
export interface OpenFolder {
  readonly stack: FolderStack
  /** As it was given, with one char per byte. */
  readonly path: string
  readonly descriptor: number
  /** What was there before; `undefined` when the folder was made. */
  readonly before: FileFacts | undefined
}

const followed = folderFlags & ~constants.O_NOFOLLOW

/**
 * Opens a writer's target as a folder, and makes it when it is missing. Without it nothing can be written, so whatever
 * fails here is thrown.
 *
 * @param how.follow - Whether a symlink may lead to the folder: one of the caller's own, not one from the archive.
 * @throws FileTreeError
 */
export function openTarget(
  effects: FileEffects,
  target: string,
  { overwrite, follow }: { readonly overwrite: boolean; readonly follow: boolean },
): OpenFolder {
  const where = address(target)
  try {
    let before = effects.lstat(where)
    const isFolder = before?.kind === 'directory' || (follow && before?.kind === 'symlink')
    if (before !== undefined && !isFolder) {
      if (!overwrite) throw new FileTreeError('EEXIST', sentence('write to', target as RawPath, 'it is no folder'))
      effects.unlink(where)
      before = undefined
    }
    if (before === undefined && !madeFolder(effects, where)) before = effects.lstat(where)
    const descriptor = effects.open(where, before?.kind === 'symlink' ? followed : folderFlags)
    return { stack: new FolderStack(effects, { path: target, descriptor }), path: target, descriptor, before }
  } catch (error) {
    throw toFileTreeError(error, 'write to', target as RawPath, 'create')
  }
}

/** `false` when it is there by now: two writers of one target may begin at the same time. */
function madeFolder(effects: FileEffects, where: Address): boolean {
  try {
    effects.mkdir(where, folderMode)
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return false
  }
}

/**
 * Opens the folder above the target, for a target that is to be no folder; `name` is the target's name in it. One that
 * is a folder by its very spelling (`/`, `a/..`) is found in the way later.
 *
 * @throws FileTreeError
 */
export function openAboveTarget(effects: FileEffects, target: string): OpenFolder & { name: string } {
  const path = target.replace(/\/+$/, '')
  const slash = path.lastIndexOf('/')
  const above = slash < 0 ? '.' : path.slice(0, slash) || '/'
  try {
    const descriptor = effects.open(address(above), followed)
    const stack = new FolderStack(effects, { path: above, descriptor })
    return { stack, path: above, descriptor, before: undefined, name: path.slice(slash + 1) || '.' }
  } catch (error) {
    throw toFileTreeError(error, 'write to', target as RawPath, 'create')
  }
}
