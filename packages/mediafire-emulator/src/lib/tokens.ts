import type { Keys } from './keys.ts'

/** A login. Its secrets live in memory only: a restarted emulator has forgotten them, and clients log in again. */
export interface Session {
  token: string
  /** The account's ekey. */
  owner: string
  version: 1 | 2
  issuedMs: number
  expiresMs: number
  /** Of version 2: the rolling key, and the time as it was handed out. */
  secret: number
  time: string
  calls: number
}

export interface ActionToken {
  token: string
  owner: string
  type: 'upload' | 'image'
  expiresMs: number
}

/** A browser that is logged in, by its cookie. */
interface WebSession {
  owner: string
  expiresMs: number
}

/** Everything that proves who calls. */
export interface Tokens {
  openSession(owner: string, version: 1 | 2, nowMs: number, lifetimeMs: number): Session
  session(token: string, nowMs: number): Session | undefined
  dropSession(token: string): void
  openAction(owner: string, type: ActionToken['type'], expiresMs: number): ActionToken
  action(token: string, nowMs: number): ActionToken | undefined
  /** @returns Whether there was one. */
  dropAction(token: string, nowMs: number): boolean
  openWeb(owner: string, expiresMs: number): string
  web(cookie: string, nowMs: number): string | undefined
  dropWeb(cookie: string): void
  /** A value that proves that a form was seen before it is sent. */
  openForm(): string
  takeForm(value: string): boolean
  /** Forgets all of an account, or of all. */
  dropAll(owner?: string): void
  readonly count: number
}

/** Tokens of each kind that are remembered; the oldest give way. No client needs nearly as many. */
const most = 20_000

/** @param keys - Where tokens come from. */
export function createTokens(keys: Keys): Tokens {
  const sessions = new Map<string, Session>()
  const actions = new Map<string, ActionToken>()
  const webs = new Map<string, WebSession>()
  const forms = new Set<string>()
  const put = <V>(map: Map<string, V>, key: string, value: V): V => {
    if (map.size >= most) for (const [oldest] of map) if (map.delete(oldest)) break
    map.set(key, value)
    return value
  }
  const fresh = <V extends { expiresMs: number }>(map: Map<string, V>, key: string, nowMs: number): V | undefined => {
    const found = map.get(key)
    if (found === undefined || found.expiresMs > nowMs) return found
    map.delete(key)
    return undefined
  }
  return {
    openSession(owner, version, nowMs, lifetimeMs) {
      const token = keys.hex(144)
      return put(sessions, token, {
        token,
        owner,
        version,
        issuedMs: nowMs,
        expiresMs: lifetimeMs > 0 ? nowMs + lifetimeMs : Infinity,
        secret: 1 + keys.below(2_147_483_645),
        time: (nowMs / 1000).toFixed(4),
        calls: 0,
      })
    },
    session: (token, nowMs) => fresh(sessions, token, nowMs),
    dropSession: (token) => void sessions.delete(token),
    openAction(owner, type, expiresMs) {
      const token = keys.hex(128)
      return put(actions, token, { token, owner, type, expiresMs })
    },
    action: (token, nowMs) => fresh(actions, token, nowMs),
    dropAction(token, nowMs) {
      const found = fresh(actions, token, nowMs)
      actions.delete(token)
      return found !== undefined
    },
    openWeb(owner, expiresMs) {
      const cookie = keys.text(40)
      put(webs, cookie, { owner, expiresMs })
      return cookie
    },
    web: (cookie, nowMs) => fresh(webs, cookie, nowMs)?.owner,
    dropWeb: (cookie) => void webs.delete(cookie),
    openForm() {
      const value = `${keys.below(1_000_000_000)}.${keys.hex(32)}`
      if (forms.size >= most) forms.clear()
      forms.add(value)
      return value
    },
    takeForm: (value) => forms.delete(value),
    dropAll(owner) {
      for (const map of [sessions, actions, webs] as Map<string, { owner: string }>[]) {
        for (const [key, value] of map) if (owner === undefined || value.owner === owner) map.delete(key)
      }
    },
    get count() {
      return sessions.size
    },
  }
}
