import { displayPath, type RawPath, rawFromText } from '@coalmine/bytes'
import { StorageError } from './storage-error.ts'

/** A storage URL in its parts. It may hold a password: show `display` to people, nothing else. */
export interface StorageUrl {
  /** Lower case. */
  readonly scheme: string
  readonly user?: string
  readonly password?: string
  readonly host?: string
  readonly port?: number
  /** The path with its escapes decoded, as bytes: `%E9` is one byte, `é` typed as it is two. */
  readonly path: RawPath
  /** The path's names as text, each decoded by itself (so `%2F` is in a name), empty ones left out. */
  readonly names: readonly string[]
  /** What follows `?` where there is a host; as it was written. */
  readonly query?: string
  /** For screens and logs: without the password, control characters escaped. */
  readonly display: string
}

/**
 * Takes a storage URL apart, as duplicity does where that is sane, never as web addresses.
 *
 * - `file://`: everything after it is a path. `file:///a` and `file:/a` are `/a`, `file://rel/b` is relative, `@` means
 *   nothing. `#` and `?` are refused: duplicity silently cuts them off, which puts two backups in one folder; `%23` and
 *   `%3F` stand for them in both programs.
 * - Others with an `@` before the first slash: `scheme://user:password@host:port/path?query`.
 * - Others without: everything after `scheme://` is the path, whatever is in it.
 *
 * Percent escapes are decoded once; a `%` without two hexadecimal digits is itself. Case is kept.
 *
 * @throws StorageError `invalid-url`; its sentence shows no password.
 */
export function parseStorageUrl(text: string): StorageUrl {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^]*)$/.exec(text) ?? /^(file):(\/[^]*)$/i.exec(text)
  if (match === null) throw badUrl(text, 'a storage is named as scheme://path')
  const scheme = match[1]!.toLowerCase()
  const rest = match[2]!
  if (/\p{Surrogate}/u.test(rest)) throw badUrl(text, 'it is no proper text')
  return scheme === 'file' ? parseFile(text, rest) : parseOther(text, scheme, rest)
}

/** A storage URL, or what was meant to be one, as it may be shown: without a password. */
export function displayUrl(text: string): string {
  const scheme = /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/|file:)/i.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length)
  const shown = scheme + (/^file:/i.test(scheme) ? rest : withoutPassword(rest))
  return shown === '' ? '' : displayPath(rawFromText(shown))
}

/**
 * Hides all between the first colon and the last `@`: also where a password holds a slash or an `@` that should have
 * been escaped, at the price of hiding too much of some harmless path.
 */
function withoutPassword(rest: string): string {
  const at = rest.lastIndexOf('@')
  const colon = rest.indexOf(':')
  return colon >= 0 && colon < at ? `${rest.slice(0, colon)}:***${rest.slice(at)}` : rest
}

function parseFile(text: string, rest: string): StorageUrl {
  const special = /[#?]/.exec(rest)?.[0]
  if (special !== undefined) {
    throw badUrl(text, `write "${special}" in a path as %${special.charCodeAt(0).toString(16).toUpperCase()}`)
  }
  const path = decodePath(text, rest)
  if (path === '') throw badUrl(text, 'it names no folder')
  return { scheme: 'file', path, names: namesOf(rest), display: `file://${displayPath(path)}` }
}

function parseOther(text: string, scheme: string, rest: string): StorageUrl {
  const slash = rest.indexOf('/')
  const authority = slash < 0 ? rest : rest.slice(0, slash)
  if (!authority.includes('@')) {
    if (authority.includes(':') && rest.includes('@')) {
      // Taken as a path, it would make a folder named after a part of somebody's password.
      throw badUrl(text, 'write "/" and "@" in a user or password as %2F and %40')
    }
    return { scheme, path: textPath(text, rest), names: namesOf(rest), display: displayUrl(`${scheme}://${rest}`) }
  }
  const at = authority.lastIndexOf('@')
  const { user, password } = splitUser(text, authority.slice(0, at))
  const { host, port } = splitHost(text, authority.slice(at + 1))
  const tail = slash < 0 ? '' : rest.slice(slash)
  if (tail.includes('#')) throw badUrl(text, 'write "#" in a path as %23')
  const mark = tail.indexOf('?')
  const path = mark < 0 ? tail : tail.slice(0, mark)
  return {
    scheme,
    user,
    password,
    host,
    port,
    path: textPath(text, path),
    names: namesOf(path),
    query: mark < 0 ? undefined : tail.slice(mark + 1),
    display: displayUrl(`${scheme}://${rest}`),
  }
}

function splitUser(text: string, userInfo: string): { user?: string; password?: string } {
  const colon = userInfo.indexOf(':')
  const user = decodeText(text, colon < 0 ? userInfo : userInfo.slice(0, colon))
  const password = colon < 0 ? '' : decodeText(text, userInfo.slice(colon + 1))
  return { user: user === '' ? undefined : user, password: password === '' ? undefined : password }
}

function splitHost(text: string, place: string): { host: string; port?: number } {
  const match = /^(\[[0-9A-Fa-f:.%]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(place)
  const port = match?.[2] === undefined ? undefined : Number(match[2])
  if (match === null || (port !== undefined && (port < 1 || port > 65_535))) {
    throw badUrl(text, 'what follows the "@" is no host with an optional port')
  }
  return { host: match[1]!, port }
}

function namesOf(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '')
    .map((name) => Buffer.from(decodeBytes(name), 'latin1').toString('utf8'))
}

/** A path for a service whose names are text. */
function textPath(text: string, path: string): RawPath {
  decodeText(text, path)
  return decodePath(text, path)
}

function decodePath(text: string, path: string): RawPath {
  const decoded = decodeBytes(path)
  if (decoded.includes('\0')) throw badUrl(text, 'there is a NUL in it')
  return decoded
}

function decodeText(text: string, part: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(decodeBytes(part), 'latin1'))
  } catch (cause) {
    throw badUrl(text, 'its escapes are no UTF-8', cause)
  }
}

function decodeBytes(part: string): RawPath {
  const raw = rawFromText(part)
  return raw.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))) as RawPath
}

function badUrl(text: string, problem: string, cause?: unknown): StorageError {
  const shown = displayUrl(text)
  const message = `Cannot open "${shown.length > 500 ? `${shown.slice(0, 500)}…` : shown}": ${problem}`
  return new StorageError('invalid-url', message, { operation: 'open', cause })
}
