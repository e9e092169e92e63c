import type { MediaFireError } from './media-fire-error.ts'

/** One exchange with the server is over. */
export interface CallEvent {
  readonly type: 'call'
  /** `folder/create` */
  readonly action: string
  /** 1 for the first try. */
  readonly attempt: number
  readonly durationMs: number
  readonly httpStatus?: number
  readonly error?: MediaFireError
}

/** A call has failed and is tried again after `delayMs`. */
export interface RetryEvent {
  readonly type: 'retry'
  readonly action: string
  /** Tries that have failed so far. */
  readonly failures: number
  readonly delayMs: number
  readonly error: MediaFireError
}

/** MediaFire says that it will give up a call. Told once for each call and version. */
export interface DeprecatedEvent {
  readonly type: 'deprecated'
  readonly action: string
  readonly apiVersion: string
}

/** What became of a session or of the action token for uploads. */
export interface SessionEvent {
  readonly type: 'session'
  readonly what: 'session' | 'upload-token'
  readonly change: 'opened' | 'renewed' | 'dropped'
  /** The auth provider. */
  readonly provider: string
}

export type MediaFireEvent = CallEvent | RetryEvent | DeprecatedEvent | SessionEvent
