import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { displayPath, rawFromText } from '@coalmine/bytes'
import { CommandError, exitCode } from '../exit-codes.ts'
import { type Credential, credentialOf } from './credential.ts'

/** Where `coalmine login` has put a credential: in the keyring, or here. */
export type Kept = { readonly store: 'keyring' } | { readonly store: 'file'; readonly credential: Credential }

/** Who is signed in. Nothing secret is in it, unless `--store file` was said. */
export interface Logins {
  /** Whose account is meant where nobody is named. */
  readonly usual?: string
  readonly accounts: ReadonlyMap<string, Kept>
}

/** More is none of ours. */
const mostBytes = 1_048_576

/** @throws CommandError when it can be read by others, or is not what this program writes. */
export async function readLogins(path = loginFile()): Promise<Logins> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code === 'ENOENT') return { accounts: new Map() }
    throw problem('read', path, code === 'ELOOP' ? 'it is a link' : code, error)
  }
  try {
    const stats = await handle.stat()
    const isMine = process.getuid === undefined || stats.uid === process.getuid()
    if (!stats.isFile() || !isMine) throw problem('trust', path, 'it is not a file of yours')
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      throw problem('trust', path, 'others can read or change it; "chmod 600" ends that, and then sign in anew')
    }
    if (stats.size > mostBytes) throw problem('read', path, `it has ${stats.size} bytes, and ours have fewer`)
    return parse(await handle.readFile('utf8'), path)
  } finally {
    await handle.close()
  }
}

/** Replaces the file, which only its owner can read. */
export async function writeLogins(logins: Logins, path = loginFile()): Promise<void> {
  const accounts = Object.fromEntries(logins.accounts)
  const text = `${JSON.stringify({ version: 1, usual: logins.usual, accounts }, undefined, 2)}\n`
  const fresh = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const handle = await open(fresh, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(fresh, path)
  } catch (error) {
    await unlink(fresh).catch(() => undefined) // It was never made, or it has its name by now.
    throw problem(
      'write',
      path,
      error instanceof Error && 'code' in error ? String(error.code) : 'unknown error',
      error,
    )
  }
}

function parse(text: string, path: string): Logins {
  const accounts = new Map<string, Kept>()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message would quote a part of it.
    throw problem('read', path, 'it is not whole')
  }
  const { version, usual, accounts: all } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (version !== 1 || typeof all !== 'object' || all === null)
    throw problem('read', path, 'it is none of this version')
  for (const [email, kept] of Object.entries(all) as [string, Readonly<Record<string, unknown>> | null][]) {
    const credential = kept?.['store'] === 'file' ? credentialOf(kept['credential']) : undefined
    if (kept?.['store'] === 'keyring') accounts.set(email, { store: 'keyring' })
    else if (credential !== undefined) accounts.set(email, { store: 'file', credential })
    else throw problem('read', path, 'an account in it has no credential')
  }
  return { usual: typeof usual === 'string' ? usual : undefined, accounts }
}

function problem(what: string, path: string, reason: string, cause?: unknown): CommandError {
  const shown = displayPath(rawFromText(path))
  return new CommandError(exitCode.user, `Cannot ${what} the sign-ins in "${shown}": ${reason}`, { cause })
}

function loginFile(): string {
  const config = process.env['XDG_CONFIG_HOME']
  return join(config !== undefined && config !== '' ? config : join(homedir(), '.config'), 'coalmine', 'mediafire.json')
}
