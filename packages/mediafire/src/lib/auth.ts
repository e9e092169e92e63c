import type { Fields } from './fields.ts'
import type { Params } from './form.ts'
import type { HttpAnswer } from './http.ts'
import type { SigningKey } from './signature.ts'

/** A session as MediaFire has opened it; with `signing` it is one of version 2. */
export interface NewSession {
  readonly token: string
  readonly signing?: SigningKey
}

/** What a provider may use: the client's own way to the server, with its call policy, its limits and its signal. */
export interface AuthPort {
  /** The address of the server, e.g. `https://www.mediafire.com`. */
  readonly origin: string
  /** A call without a session. */
  call(action: string, params: Params): Promise<Fields>
  /** A page of the website on the same host. Redirects are not followed. */
  page(request: {
    readonly method: 'GET' | 'POST'
    readonly path: string
    readonly form?: Params
    readonly headers?: Readonly<Record<string, string>>
  }): Promise<HttpAnswer>
  /** Keeps a text out of every message. */
  conceal(secret: string): void
}

/** A way to get a session. */
export interface AuthProvider {
  /** For messages, e.g. `password`. */
  readonly name: string
  /** Calls of version 2 are signed, one at a time per session; one session of version 1 serves many calls at a time. */
  readonly tokenVersion: 1 | 2
  /** Most sessions of version 2 at a time; what the client is told by default. */
  readonly maxSessions?: number
  /**
   * Opens a session. Never called twice at a time.
   *
   * @throws MediaFireError `credentials`, `session`, … when there is no way.
   */
  open(port: AuthPort): Promise<NewSession>
}
