import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { CommandError, usageError } from './command-error.ts'
import { openStorage, requireNoPassword } from './open-storage.ts'
import { errnoOf } from './rpc-failure.ts'
import { serveWebdav } from './webdav-server.ts'

export interface ServeOptions {
  readonly storage: string | undefined
  /** `127.0.0.1:8080`; port 0 takes a free one. */
  readonly listen: string | undefined
  readonly tokenFile: string | undefined
  readonly env: NodeJS.ProcessEnv
}

/** The variable that has the token. */
const tokenVariable = 'DUPLICITY_BRIDGE_TOKEN'
const leastToken = 16

/** Serves a storage by WebDAV until it is told to end. */
export async function serve({ storage: url, listen = '127.0.0.1:0', tokenFile, env }: ServeOptions): Promise<void> {
  if (url === undefined) throw usageError('Cannot serve: --storage says what')
  requireNoPassword(url)
  const { host, port } = parseListen(listen)
  const { token, isNew } = tokenOf(tokenFile, env)
  const ended = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => ended.abort())
  const warn = (text: string) => void process.stderr.write(`${text}\n`)
  const storage = await openStorage(url, { env, onWarning: warn })
  try {
    const server = await serveWebdav({ storage, token, host, port }).catch((cause: unknown) => {
      throw new CommandError(`Cannot listen on "${listen}": ${errnoOf(cause) || String(cause)}`, { cause })
    })
    process.stdout.write(`${storage.info.display} is at ${server.url}\n`)
    if (isNew) process.stdout.write(`The token, as a password for any user: ${token}\n`)
    if (!ended.signal.aborted) await once(ended.signal, 'abort')
    await server.close()
  } finally {
    await storage.close()
  }
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})$/.exec(text)
  if (match === null || Number(match[2]) > 65_535) {
    throw usageError(
      `Cannot listen on "${text}": it has to be 127.0.0.1:PORT, localhost:PORT or [::1]:PORT, for this machine alone`,
    )
  }
  return { host: match[1]!.replaceAll(/[[\]]/g, ''), port: Number(match[2]) }
}

function tokenOf(file: string | undefined, env: NodeJS.ProcessEnv): { token: string; isNew: boolean } {
  const said = file === undefined ? env[tokenVariable] : readToken(file)
  if (said === undefined) return { token: randomBytes(24).toString('base64url'), isNew: true }
  if (said.length < leastToken || /[\s:]/.test(said)) {
    throw usageError(`Cannot serve: a token has at least ${leastToken} characters, and neither colons nor spaces`)
  }
  return { token: said, isNew: false }
}

function readToken(file: string): string {
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw usageError(`Cannot take the token in "${file}": others may read it; chmod 600`)
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    if (cause instanceof CommandError) throw cause
    throw usageError(`Cannot read the token in "${file}": ${errnoOf(cause)}`)
  }
}
