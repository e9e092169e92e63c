import { setMaxListeners } from 'node:events'
import { Agent, type Dispatcher } from 'undici'
import type { ByteStream } from '@coalmine/bytes'
import { isLoopback, parseBaseUrl } from './address.ts'
import { readEnvelope, requirePage, wrongField } from './answers.ts'
import { FieldError, type Fields } from './fields.ts'
import type { MediaFireEvent } from './events.ts'
import { formEncode, type Pairs, type Params, toPairs } from './form.ts'
import { exchangeHttp, type HttpAnswer } from './http.ts'
import { MediaFireError } from './media-fire-error.ts'
import { Secrets } from './secrets.ts'
import { TokenBucket } from './token-bucket.ts'
import { Tries } from './tries.ts'
import { type Now, realSleep, reasonOf, type Sleep, Watch } from './waiting.ts'

export interface EngineOptions {
  /** `https://www.mediafire.com`. Plain http: is taken for this machine only. */
  readonly baseUrl?: string
  /** `1.5`; another one to pin it. */
  readonly apiVersion?: string
  /** How requests are made, e.g. an Agent of undici with a proxy or a certificate of one's own; not closed with the client. */
  readonly dispatcher?: Dispatcher
  /** Sent with every call to the API and the website, e.g. those of a browser; never with downloads. */
  readonly headers?: Readonly<Record<string, string>>
  /** Tries per call, the first one included; 5. */
  readonly tries?: number
  /** For one exchange of a call, in milliseconds; 60 s. */
  readonly timeoutMs?: number
  /** How long bytes under way, up or down, may stand still, in milliseconds; 60 s. */
  readonly stallMs?: number
  /** When the server asks to wait longer than this, the call fails instead; 5 minutes. */
  readonly maxRetryAfterMs?: number
  /** Calls that carry no file content, on average; 2. To this machine there is no limit. */
  readonly callsPerSecond?: number
  /** As many may be made at once after a pause; 20. */
  readonly burst?: number
  /** The time of day: lifetimes of sessions, the rate of calls. */
  readonly now?: Now
  /** How pauses are made between tries. That nothing moves for too long is told by real time. */
  readonly sleep?: Sleep
  /** Between 0 and 1, for the jitter of pauses. */
  readonly random?: () => number
  readonly onEvent?: (event: MediaFireEvent) => void
}

/** What became of the credential in an exchange. */
export type Outcome = 'rolled' | 'same' | 'invalid' | 'unknown'

/** The right to make one call. */
export interface Credential {
  /** How often the call may be made again with a new one when this one is not accepted. */
  readonly replays: number
  /** All that is sent: the parameters, the token, the signature. */
  dress(path: string, params: Params): Pairs
  /** To be called once. */
  settle(outcome: Outcome): void
}

export interface CredentialSource {
  /** @param again - The credential before was not accepted: one that was made after it is needed. */
  lease(options: { signal?: AbortSignal; again?: boolean }): Promise<Credential>
}

export interface ApiCall {
  /** `folder/create` */
  readonly action: string
  readonly params?: Params
  /** For the sentence of an error; `call "folder/create"` by default. */
  readonly attempted?: string
  /** Whether it may be done twice. Otherwise nothing is tried again once it may have been done. */
  readonly repeatable?: boolean
  /** File content: then the parameters travel in the query, and the call is not counted against the rate. */
  readonly content?: CallContent
  /** Sees the answer before its error is made: some calls hide the real reason in it. */
  readonly refine?: (fields: Fields, error: MediaFireError | undefined) => MediaFireError | undefined
  readonly signal?: AbortSignal
}

export interface CallContent {
  readonly headers: Readonly<Record<string, string>>
  readonly size: number
  open(): ByteStream
  /** Bytes handed to the connection so far. */
  readonly onSent?: (bytes: number) => void
}

/** Answers after which the session is not to be used again. */
const sessionEnds = new Set([104, 105, 127, 188, 215])

/** What moves between two looks at the clock: small enough to see a slow line moving, larger where a line has shown to be fast. */
const sliceBytes = { slow: 262_144, fast: 1_048_576 }

/** From here on a line is fast: 10 MB/s, end to end. */
const fastBytesPerMs = 10_000

/** Parameters that are never shown. */
const secretParams = new Set(['session_token', 'signature', 'password', 'action_token'])

/** Makes calls and keeps to the call policy (facts: 11.2). Knows nothing of how a session comes about. */
export class Engine {
  readonly origin: URL
  readonly apiVersion: string
  readonly secrets = new Secrets()
  readonly loopback: boolean
  readonly now: Now
  readonly sleep: Sleep
  readonly random: () => number
  readonly stallMs: number
  readonly tries: number
  readonly maxRetryAfterMs: number
  readonly onEvent: (event: MediaFireEvent) => void
  /** Sent with every call to the API and the website. */
  readonly headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number
  readonly #bucket: TokenBucket | undefined
  readonly #closed = new AbortController()
  readonly #toldDeprecated = new Set<string>()
  readonly #givenDispatcher: Dispatcher | undefined
  #ownDispatcher: Agent | undefined
  /** Of the last content that was sent and answered: what the connection took alone may still lie with the system. */
  #bytesPerMs = 0

  constructor(options: EngineOptions) {
    const { apiVersion = '1.5', tries = 5, timeoutMs = 60_000, stallMs = 60_000, headers = {} } = options
    const { callsPerSecond = 2, burst = 20, onEvent = () => undefined } = options
    if (!/^\d{1,3}\.\d{1,3}$/.test(apiVersion)) throw new TypeError(`Cannot use the API version "${apiVersion}"`)
    if (!(Number.isSafeInteger(tries) && tries >= 1)) throw new RangeError(`Cannot try ${tries} times`)
    for (const [name, ms] of Object.entries({ timeoutMs, stallMs })) {
      if (!(ms > 0)) throw new RangeError(`Cannot use ${ms} as ${name}`)
    }
    this.origin = parseBaseUrl(options.baseUrl ?? 'https://www.mediafire.com')
    this.loopback = isLoopback(this.origin)
    this.apiVersion = apiVersion
    this.now = options.now ?? Date.now
    this.sleep = options.sleep ?? realSleep
    this.random = options.random ?? Math.random
    this.tries = tries
    this.stallMs = stallMs
    this.maxRetryAfterMs = options.maxRetryAfterMs ?? 300_000
    this.onEvent = onEvent
    this.headers = { 'user-agent': '@coalmine/mediafire', ...lowerCased(headers) }
    this.#timeoutMs = timeoutMs
    this.#givenDispatcher = options.dispatcher
    // Every call under way listens to it.
    setMaxListeners(0, this.#closed.signal)
    const rate = { perSecond: callsPerSecond, burst, now: this.now, sleep: this.sleep }
    const bucket = new TokenBucket(rate)
    this.#bucket = this.loopback ? undefined : bucket
  }

  get dispatcher(): Dispatcher {
    this.#ownDispatcher ??=
      this.#givenDispatcher === undefined ? new Agent({ connect: { timeout: 30_000 } }) : undefined
    return this.#givenDispatcher ?? this.#ownDispatcher!
  }

  /** Aborted when the client is closed. */
  get closedSignal(): AbortSignal {
    return this.#closed.signal
  }

  requireOpen(attempted: string): void {
    if (this.#closed.signal.aborted) throw new MediaFireError('closed', 'the client was closed before', { attempted })
  }

  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort(new MediaFireError('closed', 'the client was closed', { attempted: 'go on' }))
    }
    const own = this.#ownDispatcher
    this.#ownDispatcher = undefined
    await own?.destroy()
  }

  /** Makes the call, again where the policy says so, and decodes its answer. */
  async perform<T>(call: ApiCall, source: CredentialSource, decode: (fields: Fields) => T): Promise<T> {
    if (!/^[a-z]+\/[a-z0-9_]+$/.test(call.action)) throw new TypeError(`Cannot call "${call.action}": it is not a name`)
    const attempted = call.attempted ?? `call "${call.action}"`
    const tries = new Tries(call, this)
    for (let again = false; ;) {
      call.signal?.throwIfAborted()
      this.requireOpen(attempted)
      // Whatever keeps a credential from being had was tried again already.
      const credential = await source.lease({ signal: call.signal, again })
      try {
        return await this.#exchange({ ...call, attempted }, credential, tries.attempt, decode)
      } catch (error) {
        await tries.failed(error, credential)
        again = (error as MediaFireError).code === 'session'
      }
    }
  }

  async #exchange<T>(
    call: ApiCall & { readonly attempted: string },
    credential: Credential,
    attempt: number,
    decode: (fields: Fields) => T,
  ): Promise<T> {
    const { action, attempted } = call
    let outcome: Outcome = 'same'
    let httpStatus: number | undefined
    let failure: unknown
    let startMs = this.now()
    try {
      if (call.content === undefined) await this.#bucket?.take(call.signal)
      startMs = this.now()
      outcome = 'unknown'
      const answer = await this.#send(call, credential)
      httpStatus = answer.status
      const context = { attempted, secrets: this.secrets, nowMs: this.now() }
      const { fields, error } = readEnvelope(answer, context)
      outcome = outcomeOf(fields, error)
      this.#noteDeprecation(action, fields)
      const refined = call.refine?.(fields, error) ?? error
      if (refined?.code === 'session') outcome = 'invalid'
      if (refined !== undefined) throw refined
      return decode(fields)
    } catch (error) {
      failure = error
      if (error instanceof FieldError) failure = wrongField(error, { attempted, httpStatus })
      // Refused before anything was done: the key of the session is where it was.
      else if (error instanceof MediaFireError && outcome === 'unknown' && error.outcome === 'not-done')
        outcome = 'same'
      throw failure
    } finally {
      credential.settle(outcome)
      const error = failure instanceof MediaFireError ? failure : undefined
      this.onEvent({ type: 'call', action, attempt, durationMs: this.now() - startMs, httpStatus, error })
    }
  }

  /** All that is sent, and what of it is a secret noted. */
  dress(credential: Credential, path: string, params: Params = {}): Pairs {
    const pairs = credential.dress(path, { ...params, response_format: 'json' })
    for (const [name, value] of pairs) if (secretParams.has(name)) this.secrets.addPassing(value)
    return pairs
  }

  async #send(call: ApiCall & { readonly attempted: string }, credential: Credential): Promise<HttpAnswer> {
    const { attempted, content } = call
    const path = `/api/${this.apiVersion}/${call.action}.php`
    const query = formEncode(this.dress(credential, path, call.params))
    const url = new URL(content === undefined ? path : `${path}?${query}`, this.origin)
    const headers: Record<string, string> = {
      ...this.headers,
      accept: 'application/json',
      'accept-encoding': 'gzip',
      ...(content === undefined ? { 'content-type': 'application/x-www-form-urlencoded' } : content.headers),
    }
    if (content !== undefined) headers['content-length'] = String(content.size)
    const idleMs = content === undefined ? this.#timeoutMs : this.stallMs
    return this.watched(attempted, idleMs, content === undefined ? 'timeout' : 'stalled', call.signal, (watch) => {
      const body = content === undefined ? query : this.#contentOf(content, watch)
      const request = { method: 'POST', url, headers, body, attempted, signal: watch.signal } as const
      return content === undefined
        ? exchangeHttp(this.dispatcher, request)
        : this.#timed(content.size, () => exchangeHttp(this.dispatcher, request))
    })
  }

  /** A page of the website on the same host: never followed elsewhere, and its text never part of an error. */
  async page(request: {
    readonly method: 'GET' | 'POST'
    readonly path: string
    readonly form?: Params
    readonly headers?: Readonly<Record<string, string>>
    readonly attempted: string
    readonly signal?: AbortSignal
  }): Promise<HttpAnswer> {
    const { method, form, attempted, signal } = request
    const headers: Record<string, string> = { ...this.headers, ...request.headers, 'accept-encoding': 'gzip' }
    if (form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded'
    const action = `website${request.path.replace(/\.php$/, '').replace(/\/$/, '')}`
    const tries = new Tries({ action, repeatable: true, signal }, this)
    for (;;) {
      this.requireOpen(attempted)
      const [startMs, attempt] = [this.now(), tries.attempt]
      let httpStatus: number | undefined
      let failure: unknown
      try {
        await this.#bucket?.take(signal)
        const answer = await this.watched(attempted, this.#timeoutMs, 'timeout', signal, (watch) => {
          const body = form === undefined ? undefined : formEncode(toPairs(form))
          const url = new URL(request.path, this.origin)
          return exchangeHttp(this.dispatcher, { method, url, headers, body, attempted, signal: watch.signal })
        })
        httpStatus = answer.status
        requirePage(answer, { attempted, secrets: this.secrets, nowMs: this.now() })
        return answer
      } catch (error) {
        failure = error
      } finally {
        const error = failure instanceof MediaFireError ? failure : undefined
        this.onEvent({ type: 'call', action, attempt, durationMs: this.now() - startMs, httpStatus, error })
      }
      await tries.failed(failure, { replays: 0 })
    }
  }

  /** Runs what is aborted when it stands still, when the signal says so, or when the client is closed. */
  async watched<T>(
    attempted: string,
    idleMs: number,
    code: 'timeout' | 'stalled',
    signal: AbortSignal | undefined,
    run: (watch: Watch) => Promise<T>,
  ): Promise<T> {
    const seconds = Math.round(idleMs / 100) / 10
    const state = code === 'timeout' ? `no answer within ${seconds} s` : `nothing has moved for ${seconds} s`
    const watch = new Watch({
      idleMs,
      signal,
      late: () => new MediaFireError(code, state, { attempted, outcome: 'unknown' }),
    })
    const onClose = (): void => watch.abort(reasonOf(this.#closed.signal))
    if (this.#closed.signal.aborted) onClose()
    else this.#closed.signal.addEventListener('abort', onClose, { once: true })
    try {
      return await run(watch)
    } finally {
      this.#closed.signal.removeEventListener('abort', onClose)
      watch.stop()
    }
  }

  /** Notes how fast the line is. What fails says that it is not. */
  async #timed(bytes: number, run: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
    const startMs = performance.now()
    let bytesPerMs = 0
    try {
      const answer = await run()
      bytesPerMs = bytes / (performance.now() - startMs)
      return answer
    } finally {
      this.#bytesPerMs = bytesPerMs
    }
  }

  async *#contentOf(content: CallContent, watch: Watch): ByteStream {
    const most = this.#bytesPerMs >= fastBytesPerMs ? sliceBytes.fast : sliceBytes.slow
    let sent = 0
    for await (const chunk of content.open()) {
      for (let at = 0; at < chunk.length; at += most) {
        const slice = chunk.length <= most ? chunk : chunk.subarray(at, at + most)
        yield slice
        sent += slice.length
        watch.touch()
        content.onSent?.(sent)
      }
    }
  }

  #noteDeprecation(action: string, fields: Fields): void {
    if (fields.raw('deprecated') === undefined || fields.flag('deprecated') !== true) return
    if (this.#toldDeprecated.has(action)) return
    this.#toldDeprecated.add(action)
    this.onEvent({ type: 'deprecated', action, apiVersion: this.apiVersion })
  }
}

function outcomeOf(fields: Fields, error: MediaFireError | undefined): Outcome {
  if (error?.apiCode !== undefined && sessionEnds.has(error.apiCode)) return 'invalid'
  return fields.someText('new_key')?.toLowerCase() === 'yes' ? 'rolled' : 'same'
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
