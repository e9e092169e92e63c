import type { RawPath } from '@coalmine/bytes'
import { createMediaFire } from '@coalmine/mediafire'
import { CommandError, UsageError } from '../exit-codes.ts'
import { forgetInKeyring, secretInKeyring } from '../keyring.ts'
import { authOf, type Credential, signInWays } from '../mf/credential.ts'
import { readLogins, writeLogins } from '../mf/login-file.ts'
import { denied, keepCredential, keyringName } from '../mf/sign-in.ts'
import { mediaFireWords } from '../open-storage.ts'
import { textOf } from '../parse-arguments.ts'
import { readInputLine } from '../passphrase.ts'
import { promptHidden } from '../prompt.ts'
import type { Context } from '../session.ts'
import { storageEnvironment } from '../storage-environment.ts'
import { oneLine } from '../visible.ts'

const what = 'the credential of MediaFire'

/** `login mf [EMAIL]`: signs in, and keeps the credential for later runs when that has worked. */
export async function login([service, operand]: readonly RawPath[], context: Context): Promise<void> {
  requireService('login', service)
  const { settings, log, signal } = context
  const store = oneOf('store', settings.text('store') ?? 'keyring', ['keyring', 'file'] as const)
  const way = oneOf('sign-in', settings.text('sign-in') ?? 'password', signInWays)
  const env = storageEnvironment()
  const named = operand === undefined ? env['MEDIAFIRE_EMAIL'] || undefined : textOf(operand)
  if (named === undefined && way !== 'cookie') {
    throw new UsageError('Cannot sign in: say whose account it is, as "coalmine login mf me@example.com"')
  }
  if (store === 'keyring') await requireKeyring(named, context)
  // Not from the environment: what is meant for another account is easily set there.
  const secret = await secretOf(way, named, signal)
  let credential: Credential =
    way === 'cookie' ? { signIn: way, cookie: secret } : { signIn: way, email: named, password: secret }
  const auth = made(credential, (fresh) => void (credential = fresh))
  const baseUrl = env['COALMINE_MEDIAFIRE_URL'] || undefined
  const client = createMediaFire({
    auth,
    baseUrl,
    onEvent: (event) => log.debug(`MediaFire: ${oneLine(mediaFireWords(event))}`),
  })
  let email: string | undefined
  try {
    email = named ?? (await client.api.user.getInfo({ signal })).email
    if (named !== undefined) await client.api.user.getInfo({ signal })
  } finally {
    await client.close()
  }
  if (email === undefined)
    throw denied('MediaFire does not tell whose account the cookie is of; say its e-mail address')
  await keepCredential(email, { ...credential, email }, { store, signal })
  const logins = await readLogins()
  await writeLogins({ ...logins, usual: email })
  const where = store === 'keyring' ? 'the keyring' : 'a file that only you can read'
  log.notice(
    `Signed in to MediaFire as "${oneLine(email)}": ${where} keeps ${way === 'cookie' ? 'the cookie' : 'the password'}`,
  )
}

/** `logout mf [EMAIL]`: forgets what `login` has kept. */
export async function logout([service, operand]: readonly RawPath[], { log, signal }: Context): Promise<void> {
  requireService('logout', service)
  const logins = await readLogins()
  const email = operand === undefined ? logins.usual : textOf(operand)
  const kept = email === undefined ? undefined : logins.accounts.get(email)
  if (email === undefined || kept === undefined) {
    throw denied(email === undefined ? 'nobody is signed in' : `nobody is signed in as "${oneLine(email)}"`)
  }
  if (kept.store === 'keyring') await forgetInKeyring(keyringName(email), { signal, what })
  const accounts = new Map([...logins.accounts].filter(([name]) => name !== email))
  const usual = logins.usual === email ? [...accounts.keys()][0] : logins.usual
  await writeLogins({ usual, accounts })
  log.notice(`The credential of "${oneLine(email)}" is forgotten`)
}

function requireService(verb: string, service: RawPath | undefined): void {
  if (service !== 'mf') throw new UsageError(`Cannot run "${verb} ${textOf(service!)}": it is "${verb} mf"`)
}

function oneOf<T extends string>(option: string, said: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === said)
  if (found !== undefined) return found
  throw new UsageError(`Cannot take "--${option} ${said}": it may be ${allowed.join(', ')}`)
}

/** Before anybody types a password: it is never put anywhere else instead. */
async function requireKeyring(email: string | undefined, { signal }: Context): Promise<void> {
  try {
    await secretInKeyring(keyringName(email ?? ''), { signal, what })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const ways =
      'a password manager can bring it by --credential-command, and --store file keeps it in a file of mode 0600'
    throw new CommandError(error.exitCode, `${error.message}; ${ways}`)
  }
}

async function secretOf(way: Credential['signIn'], email: string | undefined, signal: AbortSignal): Promise<string> {
  const question =
    way === 'cookie'
      ? 'Cookie that a browser sends to www.mediafire.com: '
      : `Password of ${oneLine(email ?? '')} for MediaFire: `
  const bytes = process.stdin.isTTY ? await promptHidden(question, signal) : await readInputLine(signal)
  const text = bytes.toString('utf8')
  if (text === '') throw denied(`the ${way === 'cookie' ? 'cookie' : 'password'} is empty`)
  return way === 'cookie' ? text.replace(/^cookie:\s*/i, '') : text
}

function made(credential: Credential, onReplaced: (credential: Credential) => void) {
  try {
    return authOf(credential, { env: storageEnvironment(), onReplaced })
  } catch (error) {
    if (error instanceof TypeError) throw denied(error.message.replace(/^Cannot [^:]*: /, ''))
    throw error
  }
}
