import type { AuthPort, AuthProvider, NewSession } from './auth.ts'
import type { Credential, CredentialSource, Engine, Outcome } from './engine.ts'
import { formEncode, formPlain, type Pairs, type Params, toPairs } from './form.ts'
import { MediaFireError } from './media-fire-error.ts'
import { callSignature, rollSecretKey, type SigningKey } from './signature.ts'
import { reasonOf, untilAborted } from './waiting.ts'

/** For calls that need no session. */
export const noCredential: CredentialSource = {
  async lease() {
    return { replays: 0, dress: (_path, params) => toPairs(params), settle: () => undefined }
  },
}

/** Opens sessions, one at a time, and never again once MediaFire has refused the credentials. */
export class Opener {
  readonly provider: AuthProvider
  readonly #engine: Engine
  readonly #port: AuthPort
  #refused: { readonly error: MediaFireError; readonly untilMs: number } | undefined

  constructor(provider: AuthProvider, engine: Engine) {
    this.provider = provider
    this.#engine = engine
    const attempted = `open a session (${provider.name})`
    const signal = engine.closedSignal
    this.#port = {
      origin: engine.origin.origin,
      call: (action, params) =>
        engine.perform({ action, params, attempted, repeatable: true, signal }, noCredential, (fields) => fields),
      page: (request) => engine.page({ ...request, attempted, signal }),
      conceal: (secret) => engine.secrets.add(secret),
    }
  }

  async open(): Promise<NewSession> {
    if (this.#refused !== undefined && this.#engine.now() < this.#refused.untilMs) throw this.#refused.error
    try {
      const session = await this.provider.open(this.#port)
      this.#engine.secrets.add(session.token)
      if (session.signing !== undefined) this.#engine.secrets.add(String(session.signing.secretKey))
      this.#engine.onEvent({ type: 'session', what: 'session', change: 'opened', provider: this.provider.name })
      return session
    } catch (error) {
      if (error instanceof MediaFireError) this.#remember(error)
      throw error
    }
  }

  /** Wrong credentials stay wrong; trying them again would lock the account. */
  #remember(error: MediaFireError): void {
    const final = ['credentials', 'application', 'unverified', 'session', 'bot-challenge', 'captcha', 'locked']
    if (!final.includes(error.code)) return
    const pauseMs = error.retry === 'later' ? (error.retryAfterMs ?? 60_000) : Number.POSITIVE_INFINITY
    this.#refused = { error, untilMs: this.#engine.now() + pauseMs }
  }
}

interface SignedSession {
  readonly token: string
  readonly time: string
  readonly serial: number
  secretKey: number
}

interface Waiter {
  /** A session with a greater serial is wanted. */
  readonly after: number
  readonly resolve: (session: SignedSession) => void
  readonly reject: (error: unknown) => void
}

/**
 * Sessions of version 2: each carries one call at a time, in the order of its rolling key. Another one is opened when
 * more calls wait than there are sessions, up to `most`.
 */
export class SignedPool implements CredentialSource {
  readonly #opener: Opener
  readonly #engine: Engine
  readonly #most: number
  readonly #idle: SignedSession[] = []
  readonly #waiting: Waiter[] = []
  #size = 0
  #opening = false
  #serial = 0
  // What the server makes its hash of when values are escaped: the SDKs disagree (facts: 2.4).
  #hashing: 'encoded' | 'plain' = 'encoded'
  #hashingProven = false

  constructor(opener: Opener, engine: Engine, most: number) {
    this.#opener = opener
    this.#engine = engine
    this.#most = most
  }

  async lease(options: { signal?: AbortSignal; again?: boolean }): Promise<Credential> {
    const session = await this.#take(options.signal, options.again === true ? this.#serial : 0)
    return this.#credential(session)
  }

  #credential(session: SignedSession): Credential {
    const hashing = this.#hashing
    let escaped = false
    const provenBefore = this.#hashingProven
    return {
      // Not proven: the one way, the other way, and the first again in case it failed for another reason.
      replays: provenBefore ? 1 : 2,
      dress: (path, params) => {
        const pairs = toPairs({ ...params, session_token: session.token })
        const [encoded, plain] = [formEncode(pairs), formPlain(pairs)]
        escaped = encoded !== plain
        const signature = callSignature(session, path, hashing === 'encoded' ? encoded : plain)
        return [...pairs, ['signature', signature]]
      },
      settle: (outcome) => {
        if (escaped && !provenBefore && outcome === 'invalid')
          this.#hashing = hashing === 'encoded' ? 'plain' : 'encoded'
        if (escaped && outcome === 'rolled') this.#hashingProven = this.#hashing === hashing
        this.#giveBack(session, outcome)
      },
    }
  }

  #giveBack(session: SignedSession, outcome: Outcome): void {
    if (outcome === 'invalid' || outcome === 'unknown') {
      this.#size -= 1
      const provider = this.#opener.provider.name
      this.#engine.onEvent({ type: 'session', what: 'session', change: 'dropped', provider })
    } else {
      if (outcome === 'rolled') session.secretKey = rollSecretKey(session.secretKey)
      this.#idle.push(session)
    }
    this.#serve()
  }

  #take(signal: AbortSignal | undefined, after: number): Promise<SignedSession> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(reasonOf(signal!))
      }
      const done = (): void => signal?.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        after,
        resolve: (session) => (done(), resolve(session)),
        reject: (error) => (done(), reject(error)),
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
      this.#serve()
    })
  }

  /** Hands idle sessions to those who wait, in their order, and opens one where that is worth a login. */
  #serve(): void {
    for (let i = 0; i < this.#waiting.length && this.#idle.length > 0;) {
      const { after, resolve } = this.#waiting[i]!
      // The one that was used last: what is not needed stays idle.
      const at = this.#idle.findLastIndex((session) => session.serial > after)
      if (at < 0) {
        i += 1
        continue
      }
      this.#waiting.splice(i, 1)
      resolve(this.#idle.splice(at, 1)[0]!)
    }
    if (this.#waiting.length === 0 || this.#opening) return
    if (this.#idle.length > 0 && this.#size >= this.#most) {
      // Those who still wait want none that is so old.
      this.#idle.shift()
      this.#size -= 1
    }
    const outdated = this.#waiting.some(({ after }) => after === this.#serial)
    if (this.#size < this.#most && (outdated || this.#waiting.length > this.#size)) void this.#open()
  }

  async #open(): Promise<void> {
    this.#opening = true
    this.#size += 1
    try {
      const { token, signing } = await this.#opener.open()
      if (signing === undefined)
        throw new TypeError(`Cannot sign calls: "${this.#opener.provider.name}" gave no secret key`)
      this.#serial += 1
      this.#idle.push({ token, ...keyOf(signing), serial: this.#serial })
    } catch (error) {
      this.#size -= 1
      // Whoever can be served by a session that works goes on waiting for it.
      const left = this.#size > 0 ? this.#waiting.filter(({ after }) => after < this.#serial) : []
      const failed = this.#waiting.filter((waiter) => !left.includes(waiter))
      this.#waiting.splice(0, this.#waiting.length, ...left)
      for (const { reject } of failed) reject(error)
    }
    this.#opening = false
    this.#serve()
  }
}

function keyOf({ secretKey, time }: SigningKey): SigningKey {
  return { secretKey, time }
}

export interface SharedTokenOptions {
  readonly engine: Engine
  readonly what: 'session' | 'upload-token'
  readonly provider: string
  open(): Promise<string>
  /** Called when the token is that old, in milliseconds: the returned one is used then. */
  readonly renew?: { readonly afterMs: () => number; run(token: string): Promise<string> }
  /** Not worth renewing any more at that age. */
  readonly deadAfterMs: number
}

interface SharedToken {
  readonly token: string
  readonly openedMs: number
  readonly renewAtMs: number
}

/** A token that many calls use at a time, unsigned: a session of version 1, or the action token of uploads. */
export class SharedTokenSource implements CredentialSource {
  readonly #options: SharedTokenOptions
  /** The token, or how it is being had. */
  #current: Promise<SharedToken> | undefined
  #live: SharedToken | undefined
  #renewing = false

  constructor(options: SharedTokenOptions) {
    this.#options = options
  }

  async lease({ signal }: { signal?: AbortSignal } = {}): Promise<Credential> {
    signal?.throwIfAborted()
    const held = await this.#held(signal)
    return {
      // Another token for uploads is had without a login, and units on their way at a time may all meet its end.
      replays: this.#options.what === 'upload-token' ? 3 : 1,
      dress: (_path, params: Params): Pairs => toPairs({ ...params, session_token: held.token }),
      settle: (outcome) => {
        // Others may have replaced it meanwhile.
        if (outcome === 'invalid' && this.#live === held) this.#drop()
      },
    }
  }

  /** The token if there is one, which is forgotten then. */
  take(): string | undefined {
    const token = this.#live?.token
    this.#current = undefined
    this.#live = undefined
    return token
  }

  async #held(signal: AbortSignal | undefined): Promise<SharedToken> {
    const held = await untilAborted((this.#current ??= this.#open()), signal)
    const { engine, deadAfterMs, renew } = this.#options
    if (this.#renewing || this.#live !== held || engine.now() < held.renewAtMs) return held
    if (renew === undefined || engine.now() >= held.openedMs + deadAfterMs) {
      this.#drop()
      return untilAborted((this.#current = this.#open()), signal)
    }
    this.#renewing = true
    this.#current = this.#renew(held).finally(() => {
      this.#renewing = false
    })
    return untilAborted(this.#current, signal)
  }

  #drop(): void {
    const { engine, what, provider } = this.#options
    this.#current = undefined
    this.#live = undefined
    engine.onEvent({ type: 'session', what, change: 'dropped', provider })
  }

  async #open(): Promise<SharedToken> {
    // Later, so that `#current` is this promise when it fails.
    await Promise.resolve()
    try {
      return this.#fresh(await this.#options.open())
    } catch (error) {
      // The next call tries again; the one who opens decides whether that makes sense.
      this.#current = undefined
      this.#live = undefined
      throw error
    }
  }

  async #renew(held: SharedToken): Promise<SharedToken> {
    const { engine, renew, what, provider } = this.#options
    try {
      const renewed = this.#fresh(await renew!.run(held.token))
      engine.onEvent({ type: 'session', what, change: 'renewed', provider })
      return renewed
    } catch (error) {
      if (error instanceof MediaFireError && error.code === 'session') return this.#open()
      // It may still be good: the calls themselves will tell.
      this.#live = { ...held, renewAtMs: engine.now() + 30_000 }
      return this.#live
    }
  }

  #fresh(token: string): SharedToken {
    const { engine, renew, deadAfterMs } = this.#options
    engine.secrets.add(token)
    const openedMs = engine.now()
    this.#live = { token, openedMs, renewAtMs: openedMs + (renew?.afterMs() ?? deadAfterMs) }
    return this.#live
  }
}
