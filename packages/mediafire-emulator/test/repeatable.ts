import { createHash } from 'node:crypto'
import type { EmulatorOptions } from '../src/index.ts'

/** Who recorded clients log in as. */
export const recordedAccount = { email: 'recorded@example.com', password: 'not-a-secret', displayName: 'Recorded' }

/**
 * Options with which an emulator gives out the same tokens and keys to the same calls, so that recorded calls with their
 * signatures can be sent again. Each length of key has bytes of its own: keys of another kind do not change them.
 */
export function repeatable(now: () => number): Pick<EmulatorOptions, 'accounts' | 'now' | 'random'> {
  const counts = new Map<number, number>()
  const random = (length: number): Uint8Array => {
    const count = counts.get(length) ?? 0
    counts.set(length, count + 1)
    const bytes: Buffer[] = []
    for (let have = 0; have < length; have += 32) {
      bytes.push(createHash('sha256').update(`${length} ${count} ${have}`).digest())
    }
    return Buffer.concat(bytes).subarray(0, length)
  }
  return { accounts: [recordedAccount], now, random }
}

/** When recordings begin. Each call is two and a half seconds after the one before. */
export const startMs = Date.UTC(2026, 0, 5, 16, 11, 12)
export const stepMs = 2500

/** A call as it was sent, and what was answered. */
export interface RecordedCall {
  method: string
  /** With its query. */
  url: string
  /** Those that say something about the call. */
  headers: Record<string, string>
  form?: string
  /** Any other body: gzip in base64. */
  body?: string
  status: number
  type: string
  /** What is inside `response`; XML as text. */
  answer: unknown
}

/** The first line of a recording. */
export interface RecordedHead {
  client: string
  settings: Record<string, unknown>
}
