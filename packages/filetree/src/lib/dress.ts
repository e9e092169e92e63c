import { constants } from 'node:fs'
import type { AttributeCalls, Attributes } from './attributes.ts'
import type { FileEffects } from './effects.ts'
import type { EntryKind } from './entry.ts'
import { FileTreeError, sentence } from './errors.ts'
import type { FolderStack } from './folder-stack.ts'
import type { WriteEntry } from './write-entry.ts'

/** Linux's O_PATH, which node:fs does not name: a descriptor for a node itself, without opening a device or pipe. */
const pathFlags = 0o10000000 | constants.O_NOFOLLOW

/**
 * Sets the attributes of something, no file or folder, that has just been made under a temporary name. It is taken hold
 * of first: who can write to the folder could put another thing, one with a second name elsewhere, in its place.
 *
 * Without addresses of descriptors the name itself has to do, and the mode stays as it was made.
 *
 * @throws FileTreeError `changed` when it is not what was made.
 */
export function dress(
  effects: FileEffects,
  attributes: Attributes,
  entry: WriteEntry,
  made: { kind: EntryKind; folder: FolderStack; temporary: string },
): void {
  const { kind, folder, temporary } = made
  const where = folder.at(temporary)
  if (effects.descriptors() === undefined) {
    attributes.apply(entry, {
      chown: (uid, gid) => effects.lchown(where, uid, gid),
      utimes: (atime, mtime) => effects.lutimes(where, atime, mtime),
    })
    return
  }
  const descriptor = effects.open(where, pathFlags)
  try {
    const facts = effects.fstat(descriptor)
    if (facts.kind !== kind || facts.links !== 1) {
      const { path } = entry
      throw new FileTreeError('changed', sentence('create', path, 'another thing took its place'), { path })
    }
    const held = folder.addressOf(descriptor)!
    const calls: AttributeCalls = {
      chown: (uid, gid) => effects.chown(held, uid, gid),
      chmod: kind === 'symlink' ? undefined : (mode) => effects.chmod(held, mode),
      utimes: (atime, mtime) => effects.utimes(held, atime, mtime),
    }
    attributes.apply(entry, calls)
  } finally {
    effects.close(descriptor)
  }
}
