import { type AuthProvider, passwordAuth } from '@coalmine/mediafire'
import { CommandError, exitCode } from '../exit-codes.ts'
import { promptHidden } from '../prompt.ts'
import type { Context } from '../session.ts'
import { storageEnvironment } from '../storage-environment.ts'
import { oneLine } from '../visible.ts'

/**
 * How to sign in to the account of `MEDIAFIRE_EMAIL`.
 *
 * @throws CommandError when it is not said whose account it is, or there is no password and nobody to ask.
 */
export async function signIn({ signal }: Pick<Context, 'signal'>): Promise<AuthProvider> {
  const env = storageEnvironment()
  const { MEDIAFIRE_EMAIL: email = '', MEDIAFIRE_PASSWORD: password = '' } = env
  if (email === '') throw denied('it is not said whose account it is; set MEDIAFIRE_EMAIL and MEDIAFIRE_PASSWORD')
  if (password !== '') return passwordAuth({ email, password, ...application(env) })
  if (!process.stdin.isTTY) throw denied('there is no password; set MEDIAFIRE_PASSWORD')
  const typed = (await promptHidden(`Password of ${oneLine(email)} for MediaFire: `, signal)).toString('utf8')
  if (typed === '') throw denied('the password is empty')
  return passwordAuth({ email, password: typed, ...application(env) })
}

function application(env: Readonly<Record<string, string | undefined>>): { applicationId?: string; apiKey?: string } {
  const { COALMINE_MEDIAFIRE_APP_ID: id, COALMINE_MEDIAFIRE_APP_KEY: key } = env
  return { applicationId: id === '' ? undefined : id, apiKey: key === '' ? undefined : key }
}

function denied(reason: string): CommandError {
  return new CommandError(exitCode.backendDenied, `Cannot sign in to MediaFire: ${reason}`)
}
