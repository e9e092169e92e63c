import { comparePaths, type RawPath } from '@coalmine/bytes'

/** A place in a set: a path and, inside a file stored in several chunks, the number of a chunk (from 1). */
export interface ManifestPlace {
  path: RawPath
  /** Absent for entries of one member, and for the last chunk of a file. */
  block?: number
}

/** A digest of a volume as it is stored: `SHA1` (the only one written since 0.6) or `MD5`, in lower-case hex. */
export interface ManifestHash {
  name: string
  hex: string
}

export interface ManifestVolume {
  /** Counted from 1. */
  number: number
  start: ManifestPlace
  end: ManifestPlace
  hashes: ManifestHash[]
}

/** What happened to a regular file in the set. */
export interface ManifestFile {
  action: 'new' | 'changed' | 'deleted'
  path: RawPath
}

/** The table of contents of a set: which volume holds which part of the tree. */
export interface Manifest {
  /** One char per byte. */
  hostname?: string
  /** The root that was backed up, as duplicity knew it; it may be relative. */
  localDir?: RawPath
  volumes: Map<number, ManifestVolume>
  /** Regular files only. Absent before 0.7.03, and when reading was told to pass over them. */
  files?: ManifestFile[]
  /** As many as the list claims to have; it may differ from `files` in a damaged manifest. */
  fileCount?: number
}

/**
 * Whether a volume may hold entries of `path` or below it. The root is below nothing and above all.
 *
 * A volume's range is that of its first and last path; what lies between is not known.
 */
export function mayHold(volume: ManifestVolume, path: RawPath): boolean {
  if (path === '') return true
  const depth = path.split('/').length
  const start = volume.start.path === '' ? [] : volume.start.path.split('/', depth)
  return comparePaths(start.join('/') as RawPath, path) <= 0 && comparePaths(path, volume.end.path) <= 0
}
