/**
 * What is the case:
 * - `unreachable`: no connection, or it broke
 * - `timeout`: no answer in time
 * - `stalled`: bytes were under way and nothing moved for too long
 * - `malformed`: the answer is cut off, is not what was asked for, or has fields of the wrong kind
 * - `redirected`: the server points elsewhere, and calls are not sent there
 * - `bot-challenge`: a page that checks for browsers came instead of an answer
 * - `captcha`: a page that asks a person to solve something
 * - `rate-limited`: too many calls
 * - `server`: MediaFire's side failed
 * - `busy`: another job of the account is still running
 * - `session`: the session is not valid (any more)
 * - `credentials`: wrong e-mail address, password or cookie
 * - `application`: the application id or its key is not accepted
 * - `locked`: the account is locked for a while
 * - `unverified`: the account's e-mail address is not verified
 * - `terms`: the terms of service must be accepted first
 * - `storage-full`: no room left in the account
 * - `bandwidth`: the traffic that the account may cause is used up
 * - `too-large`: a single file may not be that large
 * - `too-many`: a limit on numbers or depth of things
 * - `not-found`: no such file or folder
 * - `expired-link`: the link to a file's content is not good any more; of the file it says nothing
 * - `exists`: there is one of that name
 * - `duplicates`: several of that name, and which one is meant cannot be told
 * - `deleted`: already deleted, or in the trash
 * - `not-deleted`: still there after it was deleted
 * - `denied`: not allowed, blocked or removed
 * - `deprecated`, `unknown-method`: no such call (any more)
 * - `invalid`: MediaFire does not accept an argument, or it is refused before a call
 * - `mismatch`: what is stored, or came, is not what was sent or announced
 * - `bad-source`: the source of an upload has other bytes than it said
 * - `insecure`: an address without encryption
 * - `closed`: the client was closed before
 * - `refused`: MediaFire refuses for another reason
 */
export type MediaFireErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'stalled'
  | 'malformed'
  | 'redirected'
  | 'bot-challenge'
  | 'captcha'
  | 'rate-limited'
  | 'server'
  | 'busy'
  | 'session'
  | 'credentials'
  | 'application'
  | 'locked'
  | 'unverified'
  | 'terms'
  | 'storage-full'
  | 'bandwidth'
  | 'too-large'
  | 'too-many'
  | 'not-found'
  | 'expired-link'
  | 'exists'
  | 'duplicates'
  | 'deleted'
  | 'not-deleted'
  | 'denied'
  | 'deprecated'
  | 'unknown-method'
  | 'invalid'
  | 'mismatch'
  | 'bad-source'
  | 'insecure'
  | 'closed'
  | 'refused'

/** Whether the same thing can succeed: at once, after a pause, or not at all. */
export type Retry = 'now' | 'later' | 'never'

const usualRetry: { readonly [code in MediaFireErrorCode]?: Retry } = {
  unreachable: 'later',
  timeout: 'later',
  stalled: 'later',
  malformed: 'later',
  'bot-challenge': 'later',
  captcha: 'later',
  'rate-limited': 'later',
  server: 'later',
  busy: 'later',
  session: 'now',
  locked: 'later',
  bandwidth: 'later',
  'not-deleted': 'later',
  mismatch: 'now',
}

export interface MediaFireErrorFacts {
  /** What was being done, after "Cannot": `call "folder/create"`, `upload "a.txt"`. */
  readonly attempted: string
  /** MediaFire's own number of the error. */
  readonly apiCode?: number
  /** MediaFire's own number of what went wrong in an upload: `doupload.result` or `fileerror`. */
  readonly uploadCode?: number
  /** MediaFire's own words, on one line, without secrets. */
  readonly apiMessage?: string
  readonly httpStatus?: number
  /** By default what usually holds for the code. */
  readonly retry?: Retry
  /** What to wait at least, in milliseconds. */
  readonly retryAfterMs?: number
  /** `unknown`: it may have been done, its answer was lost. */
  readonly outcome?: 'not-done' | 'unknown'
  /** Keys of the files and folders that it is about. */
  readonly keys?: readonly string[]
  readonly cause?: unknown
}

/** The one error of this package. Its message is a sentence for people, without secrets. */
export class MediaFireError extends Error {
  override readonly name = 'MediaFireError'
  readonly code: MediaFireErrorCode
  /** What was being done, after "Cannot". */
  readonly attempted: string
  readonly apiCode?: number
  readonly uploadCode?: number
  readonly apiMessage?: string
  readonly httpStatus?: number
  readonly retry: Retry
  readonly retryAfterMs?: number
  /** `unknown`: it may have been done, its answer was lost. */
  readonly outcome: 'not-done' | 'unknown'
  readonly keys: readonly string[]

  /** @param state - How things are: the sentence's part after the colon. */
  constructor(code: MediaFireErrorCode, state: string, facts: MediaFireErrorFacts) {
    super(`Cannot ${facts.attempted}: ${state}`, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.attempted = facts.attempted
    this.apiCode = facts.apiCode
    this.uploadCode = facts.uploadCode
    this.apiMessage = facts.apiMessage
    this.httpStatus = facts.httpStatus
    this.retry = facts.retry ?? usualRetry[code] ?? 'never'
    this.retryAfterMs = facts.retryAfterMs
    this.outcome = facts.outcome ?? 'not-done'
    this.keys = facts.keys ?? []
  }
}

/** Text from outside as part of a sentence: on one line, nothing that acts on a terminal, at most 200 characters. */
export function quoted(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, ' ').trim()
  return `"${line.length > 200 ? `${line.slice(0, 199)}…` : line}"`
}
