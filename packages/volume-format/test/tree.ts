import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs'
import { comparePaths, joinPath, rawFromBytes, rawToBytes, type RawPath } from '@coalmine/bytes'
import type { EntryKind, EntryMeta } from '../src/index.ts'

/** An entry of a folder as it should be archived, with what a file holds. */
export interface TreeFile {
  meta: EntryMeta
  content?: Buffer
}

/** Reads a whole tree in the order of archives, without sockets. Names of owners are those of the system's files. */
export function readTree(dir: string): TreeFile[] {
  const users = namesOf('/etc/passwd')
  const groups = namesOf('/etc/group')
  const files: TreeFile[] = []
  const visit = (path: RawPath): void => {
    const at = path === '' ? Buffer.from(dir) : Buffer.concat([Buffer.from(`${dir}/`), rawToBytes(path)])
    const stat = lstatSync(at, { bigint: true })
    const kind = kindOf(stat)
    if (kind === undefined) return
    const meta: EntryMeta = {
      path,
      kind,
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      // As duplicity: nothing before 1970, no fractions.
      mtimeSeconds: Math.max(0, Number(stat.mtimeNs / 1_000_000_000n)),
      userName: users.get(Number(stat.uid)) ?? '',
      groupName: groups.get(Number(stat.gid)) ?? '',
    }
    if (kind === 'symlink') meta.linkTarget = rawFromBytes(readlinkSync(at, { encoding: 'buffer' }))
    if (kind.endsWith('device')) {
      const rdev = Number(stat.rdev)
      meta.devMajor = (rdev >> 8) & 0xfff
      meta.devMinor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00)
    }
    files.push(kind === 'file' ? { meta, content: readFileSync(at) } : { meta })
    if (kind !== 'directory') return
    for (const name of readdirSync(at, { encoding: 'buffer' })) visit(joinPath(path, rawFromBytes(name)))
  }
  visit('' as RawPath)
  return files.sort((a, b) => comparePaths(a.meta.path, b.meta.path))
}

function namesOf(file: string): Map<number, string> {
  const lines = readFileSync(file, 'latin1').split('\n')
  const fields = lines.map((line) => line.split(':')).filter((fields) => fields.length > 2)
  // The first line of a number counts.
  return new Map(fields.reverse().map(([name, , id]) => [Number(id), name!]))
}

function kindOf(stat: BigIntStats): EntryKind | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isCharacterDevice()) return 'character-device'
  return stat.isBlockDevice() ? 'block-device' : undefined
}
