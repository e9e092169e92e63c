// Thousands of operations while one call in twenty fails. Judge: what the emulator, which shares no code with the client, has
// in its account and on its disk afterwards, and a map of hashes that this test keeps itself.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBytes } from '@coalmine/bytes'
import type { FaultRule } from '@coalmine/mediafire-emulator'
import { withRetry } from '@coalmine/storage'
import { expect, it } from 'vitest'
import { emulated } from './emulated.ts'

const operations = process.env['COALMINE_LONG'] === undefined ? 300 : 10_000
const seed = Number(process.env['COALMINE_SEED'] ?? 20_261_123)

/** Numbers below one, the same for the same seed (mulberry32). */
function numbers(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

// 5 % of all calls, and in the same measure what only some calls can meet.
const everywhere = [
  { kind: 'drop', when: 'before' },
  { kind: 'drop', when: 'after' },
  { kind: 'error', code: 100, status: 900 },
  { kind: 'error', code: 100, status: 900, applied: true },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 429, retryAfter: '2' },
  { kind: 'truncate', bytes: 20 },
  { kind: 'expire' },
] as const
const somewhere = [
  { call: 'upload/resumable', fault: { kind: 'lose-unit' }, chance: 0.05 },
  { call: 'download', fault: { kind: 'expired-link' }, chance: 0.05 },
  { call: 'download', fault: { kind: 'truncate', bytes: 1000 }, chance: 0.05 },
  { call: 'download', fault: { kind: 'redirect' }, chance: 0.05 },
] as const
const rules: readonly FaultRule[] = [
  ...everywhere.map((fault) => ({ call: '*', fault, chance: 0.05 / everywhere.length })),
  ...somewhere,
]

it(
  `of ${operations} operations with 5 % faults no object is lost, orphaned or wrong (seed ${seed})`,
  async () => {
    const { emulator, open, dataDir } = await emulated({ settings: { profile: 'instant', v2MaxCalls: 40 } })
    try {
      const random = numbers(seed)
      const below = (limit: number) => Math.floor(random() * limit)
      const bytesOf = (size: number) => {
        const bytes = new Uint8Array(size)
        for (let at = 0; at < size; at += 997) bytes[at] = below(256)
        return bytes
      }
      // Few large ones: those go in units.
      const sizeOf = () => (below(40) === 0 ? 4_200_000 + below(100_000) : below(3) === 0 ? 0 : below(60_000))
      const sleep = async (ms: number) => emulator.clock.advance(ms)
      const reopen = () => withRetry({ sleep, tries: 12 })(open())
      let storage = reopen()
      await storage.put('first', fromBytes(bytesOf(10)))
      for (const rule of rules) emulator.faults.add(rule)
      const expected = new Map<string, { sha256: string; size: number }>()
      expected.set('first', { sha256: sha256(bytesOf(0)), size: 0 })
      await storage.put('first', fromBytes(new Uint8Array(0)))
      let struck = 0
      for (let step = 0; step < operations; step++) {
        const key = `duplicity-full.20261123T${String(below(30)).padStart(6, '0')}Z.vol1.difftar.gpg`
        const there = expected.get(key)
        const choice = below(100)
        if (choice < 40) {
          const bytes = bytesOf(sizeOf())
          const put = await storage.put(key, fromBytes(bytes))
          expect(put.size).toBe(bytes.length)
          expected.set(key, { sha256: sha256(bytes), size: bytes.length })
        } else if (choice < 55) {
          await storage.delete(key)
          expected.delete(key)
        } else if (choice < 80) {
          const hash = createHash('sha256')
          const got = (async () => {
            for await (const chunk of storage.get(key)) hash.update(chunk)
            return hash.digest('hex')
          })()
          if (there === undefined) await expect(got).rejects.toMatchObject({ code: 'not-found' })
          else expect(await got).toBe(there.sha256)
        } else if (choice < 95) {
          expect((await storage.stat(key))?.size).toBe(there?.size)
        } else {
          const listed = new Map<string, number>()
          for await (const object of storage.list()) listed.set(object.key, object.size)
          expect(listed).toEqual(new Map([...expected].map(([name, { size }]) => [name, size])))
          // Another process, now and then.
          if (below(2) === 0) {
            await storage.close()
            storage = reopen()
          }
        }
      }
      struck = emulator.faults.list().reduce((sum, { done }) => sum + done, 0)
      emulator.faults.clear()
      expect(struck).toBeGreaterThan(operations / 20)
      await storage.close()
      const { files, trash, uploads } = emulator.account()
      expect(Object.fromEntries(files.map(({ path, hash }) => [path, hash]))).toEqual(
        Object.fromEntries([...expected].map(([key, one]) => [`/Coalmine/Backup/${key}`, one.sha256])),
      )
      expect([files.length, trash]).toEqual([expected.size, []])
      // Each check opens one; of those that were not gone on with no byte is kept.
      expect(uploads.filter(({ status, unitsReady }) => status !== 'done' && unitsReady > 0)).toEqual([])
      for (const { sha256: hash } of expected.values()) {
        expect(sha256(readFileSync(join(dataDir, 'files', hash.slice(0, 2), hash)))).toBe(hash)
      }
    } finally {
      await emulator.stop()
    }
  },
  operations > 1000 ? 1_800_000 : 60_000,
)
