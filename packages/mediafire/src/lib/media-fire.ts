import { Caller, type CallAuth, type CallerOptions } from './caller.ts'
import { Fields } from './fields.ts'
import type { Params } from './form.ts'

export interface CallOptions {
  /** What the call needs: a session (the default), the token for uploads, or nothing. */
  readonly auth?: CallAuth
  /** Whether it may be done twice; by default what only asks (`get_…`, `search`, `check`, …) may. */
  readonly repeatable?: boolean
  readonly signal?: AbortSignal
}

export type MediaFireOptions = CallerOptions

/** A client of MediaFire. Nothing happens before the first call; `close()` it. */
export class MediaFire {
  readonly #caller: Caller

  constructor(options: MediaFireOptions = {}) {
    this.#caller = new Caller(options)
  }

  /**
   * Makes any call, for what has no method of its own.
   *
   * @param action - `folder/get_depth`
   * @returns the fields of its answer, to be read one by one.
   * @throws MediaFireError; TypeError when the action or a parameter cannot be sent.
   */
  call(action: string, params: Params = {}, options: CallOptions = {}): Promise<Fields> {
    const { auth = 'session', repeatable = onlyAsks(action), signal } = options
    return this.#caller.perform(auth, { action, params, repeatable, signal }, (fields) => fields)
  }

  /** Ends what is under way, gives the token for uploads back, and lets go of the connections. */
  close(): Promise<void> {
    return this.#caller.close()
  }
}

/** Creates a client. @throws TypeError, RangeError when an option cannot be used. */
export function createMediaFire(options: MediaFireOptions = {}): MediaFire {
  return new MediaFire(options)
}

function onlyAsks(action: string): boolean {
  return /^\w+\/(?:get_(?!action_token)|fetch|search|check|poll|peek)/.test(action)
}
