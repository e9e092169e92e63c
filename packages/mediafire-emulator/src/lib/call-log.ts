/** One request, as it was seen. Secrets are replaced by `#1`, `#2`…: the same secret has the same number. */
export interface LoggedCall {
  /** Counted from 1. */
  n: number
  /** By the emulator's clock. */
  atMs: number
  method: string
  /** Without query. */
  path: string
  /** `upload/check`, `download`, `web/login`, `page`, …; empty when nothing is there. */
  call: string
  version: string
  params: Readonly<Record<string, string>>
  headers: Readonly<Record<string, string>>
  /** How the caller proved who it is: `v2 raw`, `v2 decoded`, `v1`, `action upload`, `cookie`, or `` for not at all. */
  verified: string
  /** The HTTP status; 0 when the connection was dropped instead. */
  status: number
  /** The API's error number; 0 for success. */
  error: number
  /** Bytes of the body that came. */
  bodyBytes: number
  /** Bytes of the answer's body that were sent. */
  sentBytes: number
  /** Kinds of the faults that were done to it. */
  faults: readonly string[]
  /** What a call said about itself: the unit of an upload, for one. */
  note: string
  tookMs: number
}

/** A call while it goes on. */
export type OpenCall = { -readonly [K in keyof LoggedCall]: LoggedCall[K] }

export interface CallLog {
  begin(method: string, path: string, atMs: number): OpenCall
  /** Puts a call into the log; once more for one that is there, to say how it went on. */
  end(call: OpenCall): void
  /** The latest calls, oldest first. @param name - Only of this call: `upload/check`, or `upload/*`. */
  calls(name?: string): readonly LoggedCall[]
  /** How many calls there have been since the start or the last `clear`, in all or of one name. */
  count(name?: string): number
  clear(): void
  /** A label in place of a secret. */
  label(secret: string): string
}

/** Values that prove something. Their names are the same in queries, forms and headers. */
const secretNames = new Set([
  'password',
  'current_password',
  'login_pass',
  'session_token',
  'action_token',
  'login_token',
  'signature',
  'secret_key',
  'token',
  'security',
  'acceptance_token',
  'fb_access_token',
  'tw_oauth_token',
  'tw_oauth_token_secret',
  'ekey',
  'cookie',
  'set-cookie',
  'authorization',
  'proxy-authorization',
])

const maxLabels = 100_000
const maxText = 500

/** @param keep - How many of the latest calls are kept; older ones are only counted. */
export function createCallLog(keep = 20_000): CallLog {
  let calls: LoggedCall[] = []
  let counts = new Map<string, number>()
  let total = 0
  let next = 1
  const labels = new Map<string, string>()
  const told = new WeakMap<OpenCall, LoggedCall>()
  const label = (secret: string): string => {
    if (secret === '') return ''
    let known = labels.get(secret)
    if (known === undefined) {
      if (labels.size >= maxLabels) labels.clear()
      known = `#${labels.size + 1}`
      labels.set(secret, known)
    }
    return known
  }
  const clean = (values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name.slice(0, maxText),
        secretNames.has(name.toLowerCase()) ? label(value) : value.slice(0, maxText),
      ]),
    )
  return {
    label,
    begin: (method, path, atMs) => ({
      n: next++,
      atMs,
      method,
      path,
      call: '',
      version: '',
      params: {},
      headers: {},
      verified: '',
      status: 0,
      error: 0,
      bodyBytes: 0,
      sentBytes: 0,
      faults: [],
      note: '',
      tookMs: 0,
    }),
    end(call) {
      const known = told.get(call)
      if (known !== undefined) {
        const { status, note, sentBytes, tookMs } = call
        Object.assign(known, { status, note, sentBytes, tookMs })
        return
      }
      const entry: LoggedCall = {
        ...call,
        path: call.path.slice(0, maxText),
        params: clean(call.params),
        headers: clean(call.headers),
      }
      told.set(call, entry)
      calls.push(entry)
      total += 1
      counts.set(call.call, (counts.get(call.call) ?? 0) + 1)
      if (calls.length >= keep * 2) calls = calls.slice(-keep)
    },
    calls: (name) => calls.slice(-keep).filter((call) => name === undefined || matchesCall(name, call.call)),
    count(name) {
      if (name === undefined) return total
      let sum = 0
      for (const [call, times] of counts) if (matchesCall(name, call)) sum += times
      return sum
    },
    clear() {
      calls = []
      counts = new Map()
      total = 0
    },
  }
}

/** Whether a call's name is one that is meant: the same, `folder/*`, or `*`. */
export function matchesCall(pattern: string, call: string): boolean {
  if (pattern === '*') return true
  return pattern.endsWith('/*') ? call.startsWith(pattern.slice(0, -1)) : pattern === call
}
