import type { Keys } from './keys.ts'

/** A way to some content that needs no login: whoever has it may read. */
export interface Link {
  token: string
  quickKey: string
  expiresMs: number
  /** Good for a single download. */
  once: boolean
  options: Readonly<Record<string, string>>
}

export interface Links {
  open(quickKey: string, expiresMs: number, once?: boolean, options?: Link['options']): Link
  get(token: string, nowMs: number): Link | undefined
  change(token: string, options: Link['options']): boolean
  drop(token: string): void
  dropAll(): void
}

const most = 100_000

/** Links live in memory: those handed out before a restart are no longer good. */
export function createLinks(keys: Keys): Links {
  const links = new Map<string, Link>()
  return {
    open(quickKey, expiresMs, once = false, options = {}) {
      if (links.size >= most) for (const [oldest] of links) if (links.delete(oldest)) break
      const link = { token: keys.text(24), quickKey, expiresMs, once, options }
      links.set(link.token, link)
      return link
    },
    get(token, nowMs) {
      const link = links.get(token)
      if (link === undefined || link.expiresMs > nowMs) return link
      links.delete(token)
      return undefined
    },
    change(token, options) {
      const link = links.get(token)
      if (link === undefined) return false
      links.set(token, { ...link, options })
      return true
    },
    drop: (token) => void links.delete(token),
    dropAll: () => links.clear(),
  }
}
