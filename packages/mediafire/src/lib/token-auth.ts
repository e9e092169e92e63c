import type { AuthProvider } from './auth.ts'
import { MediaFireError } from './media-fire-error.ts'
import type { SigningKey } from './signature.ts'

export interface TokenAuthOptions {
  /** A session token that was had elsewhere. */
  readonly token: string
  /** Of a token of version 2. Nobody else may use the token then. */
  readonly signing?: SigningKey
}

/** Uses a session token as it is. When it ends there is no other one: the error is `session`. */
export function tokenAuth(options: TokenAuthOptions): AuthProvider {
  const { token, signing } = options
  if (token === '') throw new TypeError('Cannot use the session token: it is empty')
  let used = false
  return {
    name: 'given token',
    tokenVersion: signing === undefined ? 1 : 2,
    maxSessions: 1,
    async open(port) {
      port.conceal(token)
      if (used) {
        const state = 'the session token that was given is not valid any more'
        throw new MediaFireError('session', state, { attempted: 'go on', retry: 'never' })
      }
      used = true
      return { token, signing }
    },
  }
}
