import type { AuthProvider } from './auth.ts'
import { FieldError } from './fields.ts'
import type { Params } from './form.ts'
import { MediaFireError } from './media-fire-error.ts'
import { loginSignature } from './signature.ts'

export interface PasswordAuthOptions {
  readonly email?: string
  /** The account's lasting name, instead of the e-mail address. */
  readonly ekey?: string
  readonly password: string
  /** `42511`, one that needs no key; MediaFire gives out no new ones. */
  readonly applicationId?: string
  /** Of an application that needs one. */
  readonly apiKey?: string
  /** 2: signed calls. 1: an unsigned token of ten minutes, renewed. */
  readonly tokenVersion?: 1 | 2
}

/**
 * Signs in by `user/get_session_token`.
 *
 * @throws TypeError when there is not exactly one of e-mail address and ekey, or no password.
 */
export function passwordAuth(options: PasswordAuthOptions): AuthProvider {
  const { email, ekey, password, applicationId = '42511', apiKey, tokenVersion = 2 } = options
  const identifier = email ?? ekey ?? ''
  if (identifier === '' || (email !== undefined && ekey !== undefined)) {
    throw new TypeError('Cannot sign in: it takes either an e-mail address or an ekey')
  }
  if (password === '') throw new TypeError('Cannot sign in: the password is empty')
  if (!/^\d{1,10}$/.test(applicationId)) throw new TypeError(`Cannot sign in: "${applicationId}" is no application id`)
  return {
    name: tokenVersion === 2 ? 'password' : 'password, version 1',
    tokenVersion,
    async open(port) {
      port.conceal(password)
      if (apiKey !== undefined) port.conceal(apiKey)
      const signature = loginSignature({ identifier, password, applicationId, apiKey })
      port.conceal(signature)
      const params: Params = {
        ...(email === undefined ? { ekey } : { email }),
        password,
        application_id: applicationId,
        signature,
        ...(tokenVersion === 2 ? { token_version: 2 } : {}),
      }
      const fields = await port.call('user/get_session_token', params).catch((error: unknown) => {
        throw asLoginError(error)
      })
      try {
        const token = fields.requiredText('session_token')
        if (tokenVersion === 1) return { token }
        const secretKey = fields.requiredCount('secret_key')
        if (secretKey > 0x7fff_ffff) throw new FieldError('secret_key is larger than 31 bits')
        return { token, signing: { secretKey, time: fields.requiredText('time') } }
      } catch (error) {
        if (!(error instanceof FieldError)) throw error
        const attempted = 'open a session (password)'
        throw new MediaFireError('malformed', `in the answer ${error.message}`, { attempted })
      }
    },
  }
}

/** Here a wrong signature or argument means that the application id, or its key, is wrong (facts: 2.1). */
function asLoginError(error: unknown): unknown {
  if (!(error instanceof MediaFireError)) return error
  const { attempted, apiCode, apiMessage, httpStatus } = error
  const facts = { attempted, apiCode, apiMessage, httpStatus }
  if (apiCode === 127) {
    const state = 'the application needs a key, or another one than the one given'
    return new MediaFireError('application', `${state} (MediaFire's error 127)`, facts)
  }
  if (apiCode === 129 || apiCode === 128) {
    const state = 'MediaFire does not accept the e-mail address, the password or the application id as they are'
    return new MediaFireError('credentials', `${state} (MediaFire's error ${apiCode})`, facts)
  }
  return error
}
