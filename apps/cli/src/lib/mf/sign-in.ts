import type { AuthProvider } from '@coalmine/mediafire'
import { CommandError, exitCode } from '../exit-codes.ts'
import { keepInKeyring, secretInKeyring } from '../keyring.ts'
import { promptHidden } from '../prompt.ts'
import type { Context } from '../session.ts'
import { storageEnvironment } from '../storage-environment.ts'
import { oneLine } from '../visible.ts'
import { authOf, type Credential, parseCredential } from './credential.ts'
import { credentialFromCommand, storeByCommand } from './credential-command.ts'
import { type Kept, readLogins, writeLogins } from './login-file.ts'

/** Whose account is meant, and where a password may be in the environment. */
export interface Who {
  readonly email?: string
  /** The first of these that is set. */
  readonly variables: readonly string[]
}

const usual: readonly string[] = ['MEDIAFIRE_PASSWORD']

/** Under which name the keyring keeps the credential of an account. */
export function keyringName(email: string): string {
  return `mediafire:${email}`
}

/**
 * How to sign in for `mf`: as {@link findSignIn}, else a password that is typed.
 *
 * @throws CommandError when it is not said whose account it is, or there is no password and nobody to ask.
 */
export async function signIn(context: Context): Promise<AuthProvider> {
  const env = storageEnvironment()
  const email = env['MEDIAFIRE_EMAIL'] === '' ? undefined : env['MEDIAFIRE_EMAIL']
  const found = await findSignIn({ email, variables: usual }, context)
  if (found !== undefined) return found
  const ways = '"coalmine login mf" keeps one, --credential-command brings one'
  if (email === undefined) throw denied(`it is not said whose account it is; set MEDIAFIRE_EMAIL, or ${ways}`)
  if (!process.stdin.isTTY) throw denied(`there is no password; set MEDIAFIRE_PASSWORD, or ${ways}`)
  const typed = (await promptHidden(`Password of ${oneLine(email)} for MediaFire: `, context.signal)).toString('utf8')
  if (typed === '') throw denied('the password is empty')
  return authOf({ signIn: 'password', email, password: typed }, { env })
}

/**
 * How to sign in: by `--credential-command`, by a password in the environment, by `COALMINE_CREDENTIAL_COMMAND`, or as
 * `coalmine login` has kept it, in this order. A cookie that MediaFire replaces goes back to where it came from.
 *
 * @returns `undefined` when there is none of these.
 * @throws CommandError when the one that is there cannot be used.
 */
export async function findSignIn({ email, variables }: Who, context: Context): Promise<AuthProvider | undefined> {
  const env = storageEnvironment()
  const said = context.settings.text('credential-command')
  if (said !== undefined) return byCommand(said, email, context)
  const password = variables.map((name) => env[name]).find((value) => value !== undefined && value !== '')
  if (password !== undefined && email !== undefined) {
    return authOf({ signIn: 'password', email, password }, { env })
  }
  const command = env['COALMINE_CREDENTIAL_COMMAND']
  if (command !== undefined && command !== '') return byCommand(command, email, context)
  return byLogin(email, context)
}

function byCommand(command: string, email: string | undefined, { log }: Context): AuthProvider {
  const { credential, replaces } = credentialFromCommand(command)
  if (email !== undefined && credential.email !== undefined && credential.email !== email) {
    throw denied(`the credential of the command is for another account than "${oneLine(email)}"`)
  }
  const whole = { ...credential, email: email ?? credential.email }
  if (whole.email === undefined && whole.signIn !== 'cookie') {
    throw denied('it is not said whose account it is; set MEDIAFIRE_EMAIL, or let the command print it')
  }
  const onReplaced = (fresh: Credential): void => {
    const lost = 'MediaFire has replaced the cookie, and the new one could not be kept'
    if (!replaces) return log.warning(`${lost}: the credential command does not say "replaces": true`)
    try {
      storeByCommand(command, fresh)
    } catch (error) {
      log.warning(`${lost}: ${error instanceof Error ? oneLine(error.message) : 'unknown error'}`)
    }
  }
  return made(whole, onReplaced)
}

async function byLogin(email: string | undefined, { log, signal }: Context): Promise<AuthProvider | undefined> {
  const logins = await readLogins()
  const account = email ?? logins.usual
  const kept = account === undefined ? undefined : logins.accounts.get(account)
  if (account === undefined || kept === undefined) return undefined
  const credential = await keptCredential(account, kept, signal)
  return made(credential, async (fresh) => {
    try {
      await keepCredential(account, fresh, { store: kept.store, signal })
    } catch (error) {
      const reason = error instanceof Error ? oneLine(error.message) : 'unknown error'
      log.warning(`MediaFire has replaced the cookie, and the new one could not be kept: ${reason}`)
    }
  })
}

async function keptCredential(account: string, kept: Kept, signal: AbortSignal): Promise<Credential> {
  if (kept.store === 'file') return { ...kept.credential, email: kept.credential.email ?? account }
  const what = 'the credential of MediaFire'
  const bytes = await secretInKeyring(keyringName(account), { signal, what })
  const credential = bytes === undefined ? undefined : parseCredential(bytes.toString('utf8'))
  if (credential !== undefined) return { ...credential, email: credential.email ?? account }
  const shown = oneLine(account)
  throw denied(`the keyring has no credential of "${shown}" any more; "coalmine login mf ${shown}" keeps one`)
}

/** Puts a credential into the keyring or the file, and notes where it is. */
export async function keepCredential(
  account: string,
  credential: Credential,
  { store, signal }: { store: Kept['store']; signal: AbortSignal },
): Promise<void> {
  if (store === 'keyring') {
    const what = 'the credential of MediaFire'
    await keepInKeyring(keyringName(account), Buffer.from(JSON.stringify(credential)), { signal, what })
  }
  const logins = await readLogins()
  const kept: Kept = store === 'keyring' ? { store } : { store, credential }
  await writeLogins({ usual: logins.usual ?? account, accounts: new Map([...logins.accounts, [account, kept]]) })
}

function made(credential: Credential, onReplaced: (credential: Credential) => void | Promise<void>): AuthProvider {
  try {
    return authOf(credential, { env: storageEnvironment(), onReplaced })
  } catch (error) {
    if (error instanceof TypeError) throw denied(error.message.replace(/^Cannot [^:]*: /, ''))
    throw error
  }
}

export function denied(reason: string): CommandError {
  return new CommandError(exitCode.backendDenied, `Cannot sign in to MediaFire: ${reason}`)
}
