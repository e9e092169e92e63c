import type { Owners, TreeEntry } from '@coalmine/filetree'
import type { EntryMeta } from '@coalmine/volume-format'

/** How an entry of the tree differs from its backup. */
export type Difference =
  /** In the tree and not in the backup, or the reverse. */
  | { readonly what: 'new' }
  | { readonly what: 'missing' }
  | { readonly what: 'kind'; readonly found: EntryMeta['kind'] | 'socket'; readonly expected: EntryMeta['kind'] }
  | { readonly what: 'permissions'; readonly found: Permissions; readonly expected: Permissions }
  /** Seconds since 1970. */
  | { readonly what: 'mtime'; readonly found: number; readonly expected: number }
  | { readonly what: 'link'; readonly found: string; readonly expected: string }
  | { readonly what: 'device'; readonly found: readonly [number, number]; readonly expected: readonly [number, number] }
  | { readonly what: 'data' }
  /** The backup or the tree cannot be read there. */
  | { readonly what: 'unreadable'; readonly message: string }

export interface Permissions {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/**
 * The first difference of metadata, in the order in which the real program looks: kind, then mode and owners, then the
 * time. Of a symlink only its target counts; of a device not its time.
 *
 * @param owners - Whose ids the names in the backup have here, as a restore would take them; numbers count without.
 */
export function metaDifference(entry: TreeEntry, expected: EntryMeta, owners?: Owners): Difference | undefined {
  if (entry.kind !== expected.kind) return { what: 'kind', found: entry.kind, expected: expected.kind }
  if (entry.kind === 'symlink') {
    const [found, wanted] = [entry.linkTarget ?? '', expected.linkTarget ?? '']
    return found === wanted ? undefined : { what: 'link', found, expected: wanted }
  }
  const uid = owners?.uid(expected.userName) ?? expected.uid
  const gid = owners?.gid(expected.groupName) ?? expected.gid
  if (entry.mode !== expected.mode || entry.uid !== uid || entry.gid !== gid) {
    const found = { mode: entry.mode, uid: entry.uid, gid: entry.gid }
    return { what: 'permissions', found, expected: { mode: expected.mode, uid, gid } }
  }
  if (entry.kind === 'character-device' || entry.kind === 'block-device') {
    const found = [entry.devMajor, entry.devMinor] as const
    const wanted = [expected.devMajor ?? 0, expected.devMinor ?? 0] as const
    if (found[0] === wanted[0] && found[1] === wanted[1]) return undefined
    return { what: 'device', found, expected: wanted }
  }
  // Archives hold no times before 1970.
  const found = Math.max(0, entry.mtimeSeconds)
  return found === expected.mtimeSeconds ? undefined : { what: 'mtime', found, expected: expected.mtimeSeconds }
}
