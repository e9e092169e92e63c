import type { BigIntStats } from 'node:fs'
import type { EntryRow } from './batch.ts'
import { kindNumber, splitDevice } from './entry.ts'

/** Tells one file from all others of the system. */
export function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

/** A file's status as batches carry it. */
export function rowOf(stats: BigIntStats): EntryRow {
  const mode = Number(stats.mode)
  const kind = kindNumber(mode)
  const node = kind === 5 || kind === 6
  const [devMajor, devMinor] = node ? splitDevice(stats.rdev) : [0, 0]
  return {
    kind,
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: Number(stats.ino),
    device: Number(stats.dev),
    devMajor,
    devMinor,
  }
}
