import { displayPath, type RawPath } from '@coalmine/bytes'
import { type TarHeader, type TarType } from '@coalmine/tar'
import { FormatError } from './format-error.ts'

/** The kinds that the format keeps. Sockets are not backed up, and every hard link is a file of its own. */
export type EntryKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'character-device' | 'block-device'

/** What the format keeps about an entry. The size of a file is not among it. */
export interface EntryMeta {
  /** Relative to the root, which is the empty string; without slashes at its ends. */
  path: RawPath
  kind: EntryKind
  /** Permissions with setuid, setgid and sticky: 12 bits. */
  mode: number
  uid: number
  gid: number
  /** Whole seconds. 0 or more when written; what is read may be negative, and a fraction is floored. */
  mtimeSeconds: number
  /** One char per byte; empty when unknown. */
  userName: string
  groupName: string
  /** Of symlinks, and only of them. */
  linkTarget?: RawPath
  /** Of devices. */
  devMajor?: number
  devMinor?: number
}

// Empty, `.` and `..` as components, and NULs: nothing that a walk of a tree gives, and the way out of it.
const unsafe = /(?:^|\/)\.{0,2}(?:\/|$)|\0/
const kinds: ReadonlySet<TarType> = new Set<EntryKind>([
  'file',
  'directory',
  'symlink',
  'fifo',
  'character-device',
  'block-device',
])

/** Throws unless the path is one of a tree: relative, no empty component, no `.`, no `..`, no NUL. */
function checkPath(path: RawPath): void {
  if (path !== '' && unsafe.test(path)) {
    throw new RangeError(`Cannot archive "${shown(path)}": it is no path below the root`)
  }
}

/** The tar header of an entry. Path and time are checked here, the rest where the header is encoded. */
export function headerOf(meta: EntryMeta, name: string, size: number): Omit<TarHeader, 'typeflag'> {
  const { path, kind, mtimeSeconds, linkTarget = '' as RawPath } = meta
  checkPath(path)
  if (!(Number.isSafeInteger(mtimeSeconds) && mtimeSeconds >= 0)) {
    // One negative time in a volume makes every restore by duplicity fail.
    throw new RangeError(
      `Cannot archive "${shown(path)}" with the time ${mtimeSeconds}: it is no whole second since 1970`,
    )
  }
  if ((kind === 'symlink') !== (linkTarget !== '')) {
    throw new RangeError(`Cannot archive the ${kind} "${shown(path)}" with the link target "${shown(linkTarget)}"`)
  }
  return {
    name: name as RawPath,
    type: kind,
    mode: meta.mode,
    uid: meta.uid,
    gid: meta.gid,
    size,
    mtime: mtimeSeconds,
    linkName: linkTarget,
    userName: meta.userName,
    groupName: meta.groupName,
    devMajor: meta.devMajor ?? 0,
    devMinor: meta.devMinor ?? 0,
  }
}

/** The header of an entry of which only the absence is known: all zeros. */
export function headerOfDeleted(path: RawPath): Omit<TarHeader, 'typeflag'> {
  checkPath(path)
  if (path === '') throw new RangeError('Cannot archive the root as deleted: it is what everything else is in')
  return {
    name: `deleted/${path}` as RawPath,
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    linkName: '' as RawPath,
    userName: '',
    groupName: '',
    devMajor: 0,
    devMinor: 0,
  }
}

/**
 * What a member says about its entry.
 *
 * @throws FormatError `unsupported` for hard links and kinds that are not of this format, `unsafe-name` for a link
 * target with a NUL.
 */
export function metaOf(header: TarHeader, path: RawPath): EntryMeta {
  const { type, mode, uid, gid, mtime, userName, groupName } = header
  if (!kinds.has(type)) {
    const what = type === 'hardlink' ? 'a hard link' : `of type "${shown(header.typeflag)}"`
    throw new FormatError('unsupported', `Cannot read "${shown(header.name)}" in an archive: it is ${what}`)
  }
  const kind = type as EntryKind
  const meta: EntryMeta = { path, kind, mode, uid, gid, mtimeSeconds: Math.floor(mtime), userName, groupName }
  if (kind === 'symlink') {
    if (header.linkName.includes('\0')) {
      throw new FormatError('unsafe-name', `Cannot read "${shown(header.name)}" in an archive: its target has a NUL`)
    }
    meta.linkTarget = header.linkName
  } else if (kind === 'character-device' || kind === 'block-device') {
    meta.devMajor = header.devMajor
    meta.devMinor = header.devMinor
  }
  return meta
}

/**
 * The path in a member's name after its prefix: slashes at the end go, `.` and nothing are the root.
 *
 * @throws FormatError `unsafe-name` when it is absolute or has an empty component, `.`, `..` or a NUL.
 */
export function pathIn(name: RawPath, rest: string): RawPath {
  if (rest === '') return '' as RawPath
  let end = rest.length
  while (end > 0 && rest.charCodeAt(end - 1) === 47) end -= 1
  const path = end === rest.length ? rest : rest.slice(0, end)
  if (path === '.') return '' as RawPath
  if (path === '' || unsafe.test(path)) {
    throw new FormatError('unsafe-name', `Cannot read "${shown(name)}" in an archive: its name leads out of the tree`)
  }
  return path as RawPath
}

/** A member's name for a sentence. It may be a megabyte long. */
export function shown(name: string): string {
  const text = displayPath(name.slice(0, 200) as RawPath)
  return name.length > 200 ? `${text}…` : text
}
