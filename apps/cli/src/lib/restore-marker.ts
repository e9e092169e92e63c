import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
} from 'node:fs'
import type { RawPath } from '@coalmine/bytes'
import type { AsyncTreeWriter } from '@coalmine/filetree'
import { nameFields } from './json.ts'

/** What a restore into a folder is of: it stands in the folder until the restore is finished. */
export interface RestoreMark {
  /** Without secrets. */
  readonly url: string
  readonly setSeconds: number
  readonly path: RawPath
}

const markName = '.coalmine-restore'
const longestBytes = 65_536
// What the writer calls files that are not whole yet.
const temporary = /^\.coalmine-[0-9a-f]{16}-[0-9a-z]+$/

/** The mark in a folder; `undefined` when there is none, or none that can be read. */
export function readMark(target: Buffer): RestoreMark | undefined {
  const text = readSmall(Buffer.concat([target, Buffer.from(`/${markName}`)]))
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Somebody else's file, or one that a power cut has left empty: no mark.
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { url, setSeconds, path, pathBase64 } = value as Partial<Record<string, unknown>>
  if (typeof url !== 'string' || typeof path !== 'string' || !isTime(setSeconds)) return undefined
  const bytes = typeof pathBase64 === 'string' ? Buffer.from(pathBase64, 'base64') : Buffer.from(path)
  return { url, setSeconds, path: bytes.toString('latin1') as RawPath }
}

/** Seconds that a set can be of: those that its name can say. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 253_402_300_800
}

/**
 * A writer that leaves the mark in its target when that is made as a folder, and takes it away when everything is
 * written. A backup that holds a file of the mark's name keeps it.
 */
export function marking(
  inner: AsyncTreeWriter,
  target: Buffer,
  { url, setSeconds, path }: RestoreMark,
): AsyncTreeWriter {
  const content = Buffer.from(`${JSON.stringify({ url, setSeconds, ...nameFields('path', path) })}\n`)
  let isOurs = false
  const taken = (entry: { readonly path: string }) => {
    if (entry.path === markName) isOurs = false
  }
  return {
    directory(entry) {
      taken(entry)
      inner.directory(entry)
      if (entry.path !== '') return
      isOurs = true
      const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, userName: '', groupName: '' }
      const meta = { path: markName as RawPath, kind: 'file', mode: 0o600, ...owner } as const
      inner.file({ ...meta, mtimeSeconds: Math.floor(Date.now() / 1000) }, content)
    },
    file(entry, bytes) {
      taken(entry)
      inner.file(entry, bytes)
    },
    openFile(entry) {
      taken(entry)
      return inner.openFile(entry)
    },
    symlink(entry) {
      taken(entry)
      inner.symlink(entry)
    },
    fifo(entry) {
      taken(entry)
      inner.fifo(entry)
    },
    device(entry) {
      taken(entry)
      inner.device(entry)
    },
    scratch: (at) => inner.scratch(at),
    ready: async () => inner.ready?.(),
    async finish() {
      await inner.finish()
      if (isOurs) removeMark(target)
    },
    close: () => inner.close(),
  }
}

/** Whether a problem is about the mark, and nothing that was backed up. */
export function isMark(path: RawPath): boolean {
  return path === markName
}

/** Whether it is what a restore leaves that was killed before its mark had its name. */
export function isUnfinished(name: string): boolean {
  return temporary.test(name)
}

/** Takes away what a killed restore was writing: files, links and pipes. Folders are entered, links are not. */
export function removeUnfinished(folder: Buffer): void {
  for (const entry of readdirSync(folder, { encoding: 'buffer', withFileTypes: true })) {
    const path = Buffer.concat([folder, Buffer.from('/'), entry.name])
    if (entry.isDirectory()) removeUnfinished(path)
    else if (temporary.test(entry.name.toString('latin1'))) unlinkSync(path)
  }
}

/** The folder keeps its time and its mode, and what is removed is in that very folder. */
function removeMark(target: Buffer): void {
  const folder = openSync(target, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0))
  try {
    const { atimeMs, mtimeMs, mode } = fstatSync(folder)
    const isOpen = (mode & 0o300) === 0o300
    if (!isOpen) fchmodSync(folder, (mode & 0o7777) | 0o700)
    const place = process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${folder}`) : target
    remove(Buffer.concat([place, Buffer.from(`/${markName}`)]))
    if (!isOpen) fchmodSync(folder, mode & 0o7777)
    futimesSync(folder, atimeMs / 1000, mtimeMs / 1000)
  } finally {
    closeSync(folder)
  }
}

/** What is not there need not be removed: the mark could not be written, and that was no reason to restore nothing. */
function remove(path: Buffer): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function readSmall(path: Buffer): string | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch {
    // Not there, a link, or not ours to read: no mark.
    return undefined
  }
  try {
    const { size } = fstatSync(file)
    if (!fstatSync(file).isFile() || size > longestBytes) return undefined
    const bytes = Buffer.alloc(size)
    const count = readSync(file, bytes, 0, size, 0)
    return bytes.toString('utf8', 0, count)
  } finally {
    closeSync(file)
  }
}
