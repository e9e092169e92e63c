import { constants, type Stats } from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises'
import { displayPath, type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import { CommandError, exitCode } from '../exit-codes.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR, O_CREAT } = constants

/**
 * Why nothing of that name is written on this machine, as the end of a sentence. Names come from a server: what could lead
 * out of a folder, or act on a screen, is none.
 */
export function landingProblem(name: string, platform: NodeJS.Platform = process.platform): string | undefined {
  if (name === '') return 'its name is empty'
  if (name === '.' || name === '..') return 'its name stands for a folder'
  if (name.includes('/')) return 'its name has a slash in it'
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return 'its name has control characters in it'
  if (/\p{Surrogate}/u.test(name)) return 'its name is no proper text'
  if (Buffer.byteLength(name) > 255) return 'its name has more than 255 bytes'
  if (name.toLowerCase().startsWith(partPrefix)) return 'its name is one of those of unfinished downloads'
  if (platform !== 'win32') return undefined
  if (/[\\:*?"<>|]|[ .]$/.test(name) || /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name)) {
    return 'Windows has no such names'
  }
  return undefined
}

/** Unfinished downloads are beside where they will be. */
export const partPrefix = '.coalmine-part-'

/**
 * A folder that things are written into, and nothing outside of it: each name on the way is opened as a folder and never
 * followed as a link. On Linux whatever is done goes by descriptor, so that nobody can put a link in its place in between.
 */
export class Landing {
  readonly #path: RawPath
  readonly #handle: FileHandle | undefined

  private constructor(path: RawPath, handle: FileHandle | undefined) {
    this.#path = path
    this.#handle = handle
  }

  /** The folder that a person has named, which is made when it is missing; links on the way to it are that person's own. */
  static async open(path: RawPath): Promise<Landing> {
    try {
      await mkdir(rawToBytes(path), { recursive: true })
      return await Landing.#at(path, O_RDONLY | O_DIRECTORY)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
      const reason = code === 'ENOTDIR' || code === 'EEXIST' ? 'it is not a folder' : code
      throw new CommandError(exitCode.user, `Cannot write into "${displayPath(path)}": ${reason}`, { cause: error })
    }
  }

  static async #at(path: RawPath, flags: number): Promise<Landing> {
    const handle = process.platform === 'win32' ? undefined : await open(rawToBytes(path), flags)
    const byDescriptor = process.platform === 'linux' ? (`/proc/self/fd/${handle!.fd}` as RawPath) : path
    return new Landing(byDescriptor, handle)
  }

  /** The folder of that name in it, made when it is missing. @throws CommandError when something else is in the way. */
  async folder(name: string, shown: string): Promise<Landing> {
    const path = this.#inside(name)
    try {
      await mkdir(rawToBytes(path))
    } catch (error) {
      // Whatever is there: it is looked at now.
      if (!isCode(error, 'EEXIST')) throw error
    }
    const stats = await lstat(rawToBytes(path))
    if (!stats.isDirectory()) throw inTheWay(shown, stats)
    try {
      return await Landing.#at(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch (error) {
      if (isCode(error, 'ELOOP') || isCode(error, 'ENOTDIR')) throw inTheWay(shown, stats)
      throw error
    }
  }

  /** What is there under that name; links are not followed. */
  async look(name: string): Promise<Stats | undefined> {
    return await lstat(rawToBytes(this.#inside(name))).catch((error: unknown) => {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    })
  }

  /** A regular file, for reading. */
  async read(name: string, shown: string): Promise<FileHandle> {
    return await this.#regular(name, O_RDONLY, shown)
  }

  /** A regular file, for reading and writing, made when it is missing. */
  async part(name: string, shown: string): Promise<FileHandle> {
    return await this.#regular(name, O_RDWR | O_CREAT, shown)
  }

  async #regular(name: string, flags: number, shown: string): Promise<FileHandle> {
    const handle = await open(rawToBytes(this.#inside(name)), flags | O_NOFOLLOW, 0o666)
    const stats = await handle.stat()
    if (stats.isFile()) return handle
    await handle.close()
    throw inTheWay(shown, stats)
  }

  /** Gives a finished file its name. @throws CommandError when there is something of that name, unless it is replaced. */
  async settle(part: string, name: string, how: { readonly replace: boolean; readonly shown: string }): Promise<void> {
    const [from, to] = [rawToBytes(this.#inside(part)), rawToBytes(this.#inside(name))]
    if (how.replace) {
      const there = await this.look(name)
      if (there !== undefined && !there.isFile()) throw inTheWay(how.shown, there)
      return await rename(from, to)
    }
    try {
      // A link is made or not: what somebody has put there meanwhile stays.
      await link(from, to)
    } catch (error) {
      if (isCode(error, 'EEXIST')) throw inTheWay(how.shown, await this.look(name))
      // Some file systems have no links.
      if ((await this.look(name)) !== undefined) throw inTheWay(how.shown, await this.look(name))
      return await rename(from, to)
    }
    await unlink(from)
  }

  async remove(name: string): Promise<void> {
    await unlink(rawToBytes(this.#inside(name)))
  }

  /** Whether names that differ in case only are two here. Tried, with a file that is removed again. */
  async isCaseSensitive(): Promise<boolean> {
    const name = `${partPrefix}case-${process.pid}`
    await (await this.part(name, name)).close()
    try {
      return (await this.look(name.toUpperCase())) === undefined
    } finally {
      await this.remove(name)
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }

  #inside(name: string): RawPath {
    return `${this.#path}/${rawFromText(name)}` as RawPath
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

export function inTheWay(shown: string, stats: Stats | undefined): CommandError {
  const what = stats?.isSymbolicLink() ? 'a link' : stats?.isDirectory() ? 'a folder' : 'something else'
  return new CommandError(exitCode.user, `Cannot get "${shown}": ${what} of that name is in the way here`, {
    name: 'InTheWay',
  })
}
