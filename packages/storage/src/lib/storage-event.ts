import type { StorageOperation } from './storage-error.ts'

/** A try failed and there will be another one after `delayMs`. */
export interface RetryEvent {
  readonly type: 'retry'
  readonly operation: StorageOperation
  readonly key?: string
  /** Tries that have failed so far, of `tries`. */
  readonly failures: number
  readonly tries: number
  readonly delayMs: number
  readonly error: unknown
}

interface CallEvent {
  /** Tells calls that overlap apart. */
  readonly call: number
  readonly operation: StorageOperation
  readonly key?: string
}

/** A call begins; a `get` or `list` with its first pull. */
export interface BeginEvent extends CallEvent {
  readonly type: 'begin'
}

/** Bytes so far: of a put by phase, of a get as they were received. */
export interface ProgressEvent extends CallEvent {
  readonly type: 'progress'
  readonly phase: 'sent' | 'assembling' | 'verified' | 'received'
  readonly bytes: number
}

/** A call is over: it has succeeded, or its stream was left early. */
export interface EndEvent extends CallEvent {
  readonly type: 'end'
  readonly durationMs: number
  /** Of the object put, or received so far. */
  readonly bytes?: number
  /** Listed so far. */
  readonly objects?: number
}

/** A call is over: it has failed, or was aborted. */
export interface FailEvent extends CallEvent {
  readonly type: 'fail'
  readonly durationMs: number
  readonly error: unknown
}

export type StorageEvent = RetryEvent | BeginEvent | ProgressEvent | EndEvent | FailEvent
