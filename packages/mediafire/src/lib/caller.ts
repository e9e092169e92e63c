import type { ByteStream } from '@coalmine/bytes'
import type { AuthProvider } from './auth.ts'
import { type ApiCall, type CredentialSource, Engine, type EngineOptions } from './engine.ts'
import type { Fields } from './fields.ts'
import { streamCall } from './stream-call.ts'
import { noCredential, Opener, SharedTokenSource, SignedPool } from './sessions.ts'

export interface CallerOptions extends EngineOptions {
  /** How to get a session. Without one only public things can be reached. */
  readonly auth?: AuthProvider
  /** Most sessions of version 2 at a time; 3. */
  readonly maxSessions?: number
}

/** Which right a call needs: a session, the token for uploads, or none. */
export type CallAuth = 'session' | 'upload' | 'none'

const changesFolders = /^folder\/(?!get_|search)/
const changesFiles =
  /^(?:file\/(?!get_|recently_|zip)|folder\/(?:copy|move|delete|purge)|upload\/(?:instant|poll_upload))/

/** Makes calls with the right that each needs. */
export class Caller {
  readonly engine: Engine
  readonly #sources: { readonly [auth in CallAuth]: CredentialSource }
  readonly #uploadToken: SharedTokenSource | undefined
  /** Called when folders, or files, may not be what and where they were. */
  onFoldersChanged: (() => void) | undefined
  onFilesChanged: (() => void) | undefined

  constructor(options: CallerOptions) {
    const { auth, maxSessions = 3 } = options
    if (!(Number.isSafeInteger(maxSessions) && maxSessions >= 1)) {
      throw new RangeError(`Cannot use at most ${maxSessions} sessions: it takes 1 or more`)
    }
    this.engine = new Engine(options)
    if (auth === undefined) {
      this.#sources = { session: noCredential, upload: noCredential, none: noCredential }
      return
    }
    const opener = new Opener(auth, this.engine)
    const most = Math.min(auth.maxSessions ?? maxSessions, maxSessions)
    const session =
      auth.tokenVersion === 2 ? new SignedPool(opener, this.engine, most) : sharedSession(opener, this.engine)
    this.#uploadToken = uploadToken(session, this.engine, auth.name)
    this.#sources = { session, upload: this.#uploadToken, none: noCredential }
  }

  async perform<T>(auth: CallAuth, call: ApiCall, decode: (fields: Fields) => T): Promise<T> {
    try {
      return await this.engine.perform(call, this.#sources[auth], decode)
    } finally {
      // Also after an error: it may have been done.
      if (changesFolders.test(call.action)) this.onFoldersChanged?.()
      if (changesFiles.test(call.action)) this.onFilesChanged?.()
    }
  }

  /** A call whose answer is content. */
  stream(call: ApiCall): ByteStream {
    return streamCall(this.engine, call, this.#sources.session)
  }

  /** Ends what runs, and gives the token for uploads back. */
  async close(): Promise<void> {
    const token = this.#uploadToken?.take()
    if (token !== undefined && !this.engine.closedSignal.aborted) {
      const signal = AbortSignal.timeout(2000)
      const params = { action_token: token }
      try {
        await this.perform('session', { action: 'user/destroy_action_token', params, signal }, () => undefined)
      } catch {
        // It ends by itself within a day.
      }
    }
    await this.engine.close()
  }
}

/** The facts' 6 to 8 minutes; a session of version 1 lives for 10. */
function sharedSession(opener: Opener, engine: Engine): SharedTokenSource {
  return new SharedTokenSource({
    engine,
    what: 'session',
    provider: opener.provider.name,
    open: async () => (await opener.open()).token,
    renew: {
      afterMs: () => (6 + 2 * engine.random()) * 60_000,
      run: (token) => {
        const params = { session_token: token }
        const call = { action: 'user/renew_session_token', params, repeatable: true, signal: engine.closedSignal }
        return engine.perform(call, noCredential, (fields) => fields.requiredText('session_token'))
      },
    },
    deadAfterMs: opener.provider.name === 'given token' ? Number.POSITIVE_INFINITY : 10 * 60_000,
  })
}

/** One for all uploads (facts: 2.6), asked for a day and replaced after three quarters of it. */
function uploadToken(session: CredentialSource, engine: Engine, provider: string): SharedTokenSource {
  return new SharedTokenSource({
    engine,
    what: 'upload-token',
    provider,
    open: async () => {
      const params = { type: 'upload', lifespan: 1440 }
      const call = { action: 'user/get_action_token', params, repeatable: true, signal: engine.closedSignal }
      const token = await engine.perform(call, session, (fields) => fields.requiredText('action_token'))
      engine.onEvent({ type: 'session', what: 'upload-token', change: 'opened', provider })
      return token
    },
    deadAfterMs: 18 * 3_600_000,
  })
}
