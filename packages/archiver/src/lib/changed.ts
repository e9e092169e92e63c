import type { Owners, TreeEntry } from '@coalmine/filetree'
import type { EntryMeta } from '@coalmine/volume-format'

/** How the owner of an archived entry is known here. */
export interface Ownership {
  readonly owners: Pick<Owners, 'uid' | 'gid'>
  /** Take the archived numbers as they are; by default names of users and groups that are known here count first. */
  readonly numeric?: boolean
}

/**
 * Whether an entry is, by its metadata, not what was archived: exactly when the real program thinks so, because both take
 * turns in one chain. Sizes and contents are not compared; of a link only the target is, of a device all but the time.
 */
export function isChanged(entry: TreeEntry, old: EntryMeta, ownership: Ownership): boolean {
  if (entry.kind !== old.kind) return true
  switch (entry.kind) {
    case 'symlink':
      return entry.linkTarget !== old.linkTarget
    case 'character-device':
    case 'block-device':
      return hasOtherRights(entry, old, ownership) || entry.devMajor !== old.devMajor || entry.devMinor !== old.devMinor
    default:
      return hasOtherRights(entry, old, ownership) || !isSameTime(entry.mtimeSeconds, old.mtimeSeconds)
  }
}

/** Whole seconds; everything up to 1970 is one time, because it is archived as one. */
function isSameTime(a: number, b: number): boolean {
  return a === b || (a <= 0 && b <= 0)
}

function hasOtherRights(entry: TreeEntry, old: EntryMeta, { owners, numeric = false }: Ownership): boolean {
  if (entry.mode !== old.mode) return true
  const uid = numeric || old.userName === '' ? undefined : owners.uid(old.userName)
  const gid = numeric || old.groupName === '' ? undefined : owners.gid(old.groupName)
  return entry.uid !== (uid ?? old.uid) || entry.gid !== (gid ?? old.gid)
}
