import { ApiFailure } from './answer.ts'
import type { OpenCall } from './call-log.ts'
import type { SentParams } from './params.ts'
import type { Account } from './records.ts'
import { nextSecret, verifySignature } from './signature.ts'
import type { Session } from './tokens.ts'
import type { Access, World } from './world.ts'

/** Who calls, as proved. */
export interface Caller {
  account?: Account
  session?: Session
  /** The call was signed, and the key has moved on: the answer has to say so. */
  newKey: boolean
}

/**
 * Checks the token and signature of a call.
 *
 * A signed call that is as it should be moves the key on at once: what comes next has to be signed by the next key,
 * even while this call is still going on.
 *
 * @throws ApiFailure 104, 105 or 127; the key has not moved then.
 */
export function authenticate(
  world: World,
  call: { path: string; host: string; category: string; access: Access; log: OpenCall },
  sent: SentParams,
): Caller {
  const { tokens, clock, state, settings } = world
  const token = sent.params.get('session_token')
  if (token === undefined) {
    const filedrop = call.access === 'upload' && sent.params.get('filedrop_key') !== undefined
    if (call.access === 'public' || filedrop) return { newKey: false }
    throw new ApiFailure(104)
  }
  const now = clock.now()
  const session = tokens.session(token, now)
  if (session === undefined) {
    const action = tokens.action(token, now)
    const fits = action?.type === 'upload' && call.category === 'upload'
    const account = action && state.account.get(action.owner)
    if (!fits || account === undefined) throw new ApiFailure(105)
    call.log.verified = `action ${action.type}`
    return { account, newKey: false }
  }
  const account = state.account.get(session.owner)
  if (account === undefined) throw new ApiFailure(105)
  if (session.version === 1) {
    call.log.verified = 'v1'
    return { account, session, newKey: false }
  }
  const signature = sent.params.get('signature')
  const signed = { path: call.path, host: call.host, raw: sent.raw, ...(sent.fields ? { fields: sent.fields } : {}) }
  const how = signature && verifySignature(signed, signature, session.secret, session.time)
  if (!how) throw new ApiFailure(127)
  call.log.verified = `v2 ${how}`
  session.secret = nextSecret(session.secret)
  session.calls += 1
  if (settings.v2MaxCalls > 0 && session.calls >= settings.v2MaxCalls) tokens.dropSession(token)
  return { account, session, newKey: true }
}
