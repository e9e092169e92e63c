import { randomBytes } from 'node:crypto'
import { collect, fromBytes, fromChunks, type ByteStream } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { createPassphraseEnvelope, type ObjectKind } from './envelope.ts'

const options = { passphrase: 'canary', s2kCount: 1024 }
const text = (words: string) => fromBytes(Buffer.from(words)).open()

async function sealed(words: string, envelope = createPassphraseEnvelope(options)) {
  return fromBytes(await collect(envelope.seal('volume', text(words))))
}

describe('createPassphraseEnvelope()', () => {
  it('seals and opens every kind of object', async () => {
    const envelope = createPassphraseEnvelope(options)
    for (const kind of ['volume', 'signatures', 'manifest'] satisfies ObjectKind[]) {
      expect(envelope.suffixOf(kind)).toBe('.gpg')
      const stored = fromBytes(await collect(envelope.seal(kind, text(`a ${kind}`))))
      expect(Buffer.from(await collect(envelope.open(kind, stored))).toString()).toBe(`a ${kind}`)
    }
  })

  it('stretches the passphrase once for all objects, each with a session key of its own', async () => {
    const envelope = createPassphraseEnvelope({ passphrase: 'canary' })
    const all = await Promise.all(Array.from({ length: 20 }, async () => collect(envelope.seal('volume', text('x')))))
    const heads = all.map((stored) => Buffer.from(stored.subarray(0, 48)))
    // Header, version, ciphers, hash, salt and count; then the session key.
    expect(new Set(heads.map((head) => head.subarray(0, 15).toString('hex'))).size).toBe(1)
    expect(new Set(heads.map((head) => head.subarray(15).toString('hex'))).size).toBe(20)
    const other = createPassphraseEnvelope({ passphrase: 'canary' })
    const startMs = performance.now()
    await Promise.all(all.map(async (stored) => collect(other.open('volume', fromBytes(stored)))))
    // Twenty would be twenty times this long.
    expect(performance.now() - startMs).toBeLessThan(20 * 30)
  })

  it('takes the salt of what it has opened whole, if the passphrase was stretched as much for it', async () => {
    const headOf = (stored: Uint8Array) => Buffer.from(stored.subarray(0, 15)).toString('hex')
    const headAfter = async (stored: Uint8Array, more = {}) => {
      const envelope = createPassphraseEnvelope({ ...options, ...more })
      await collect(envelope.open('manifest', fromBytes(stored))).catch(() => undefined)
      const first = await collect(envelope.seal('volume', text('x')))
      const other = await collect(createPassphraseEnvelope({ ...options, s2kCount: 1024 }).seal('volume', text('y')))
      // One salt for all that it seals, whatever it opens meanwhile.
      await collect(envelope.open('volume', fromBytes(other)))
      expect(headOf(await collect(envelope.seal('volume', text('z'))))).toBe(headOf(first))
      return headOf(first)
    }
    const stored = await collect(createPassphraseEnvelope(options).seal('manifest', text('m'.repeat(1000))))
    expect(await headAfter(stored)).toBe(headOf(stored))
    expect(await headAfter(stored, { s2kCount: 65536 })).not.toBe(headOf(stored))
    // Damaged at its end: anybody may have written it.
    const damaged = Uint8Array.from(stored)
    damaged[damaged.length - 1]! ^= 1
    expect(await headAfter(damaged)).not.toBe(headOf(stored))
    expect(await headAfter(new Uint8Array(0))).not.toBe(headOf(stored))
  })

  it('calls an object damaged that its passphrase does not open, once that has opened another', async () => {
    const mine = await sealed('mine')
    const foreign = await sealed('foreign', createPassphraseEnvelope({ ...options, passphrase: 'other' }))
    const envelope = createPassphraseEnvelope(options)
    await expect(collect(envelope.open('volume', foreign))).rejects.toMatchObject({ code: 'wrong-passphrase' })
    await collect(envelope.open('volume', mine))
    await expect(collect(envelope.open('volume', foreign))).rejects.toMatchObject({ code: 'damaged' })
    await expect(collect(envelope.open('volume', foreign))).rejects.toThrow(/which opens other messages/)
  })

  for (const compression of [
    { algorithm: 'none' },
    { algorithm: 'zip', parallel: 2 },
    { algorithm: 'zip', parallel: 3, chunkBytes: 50_000, level: 0 },
  ] as const) {
    it(`holds back less than it says with ${JSON.stringify(compression)}`, async () => {
      const envelope = createPassphraseEnvelope({ ...options, compression })
      const noise = randomBytes(60 * 50_000)
      let taken = 0
      let shown = 0
      let most = 0
      async function* plain(): ByteStream {
        for (let i = 0; i < 60; i++) {
          most = Math.max(most, taken - shown)
          const piece = noise.subarray(taken, taken + 1 + ((i * 7919) % 50_000))
          taken += piece.length
          yield piece
        }
      }
      for await (const piece of envelope.seal('volume', plain())) shown += piece.length
      expect(most).toBeLessThan(envelope.lagBytes)
      expect(shown).toBeGreaterThan(taken)
    })
  }

  it('does nothing before the first pull, and lets go of what it reads when it is left', async () => {
    const envelope = createPassphraseEnvelope({ ...options, compression: { algorithm: 'none' } })
    let opened = 0
    let closed = 0
    async function* endless(): ByteStream {
      opened += 1
      try {
        for (;;) yield new Uint8Array(100_000)
      } finally {
        closed += 1
      }
    }
    const stream = envelope.seal('volume', endless())
    expect(opened).toBe(0)
    for await (const _ of stream) break
    expect([opened, closed]).toEqual([1, 1])

    const source = { size: 0, open: () => envelope.seal('volume', endless()) }
    for await (const _ of envelope.open('volume', source)) break
    expect([opened, closed]).toEqual([2, 2])
  })

  it('stops with the reason of its signal', async () => {
    const stored = await sealed('words')
    const aborted = createPassphraseEnvelope({ ...options, signal: AbortSignal.abort('enough') })
    await expect(collect(aborted.seal('volume', text('x')))).rejects.toBe('enough')
    await expect(collect(aborted.open('volume', stored))).rejects.toBe('enough')

    const controller = new AbortController()
    const envelope = createPassphraseEnvelope({ ...options, signal: controller.signal })
    async function* plain(): ByteStream {
      yield new Uint8Array(100_000)
      controller.abort('later')
      yield new Uint8Array(100_000)
    }
    await expect(collect(envelope.seal('volume', plain()))).rejects.toBe('later')
  })

  it('passes on what its source throws', async () => {
    const envelope = createPassphraseEnvelope(options)
    const failure = new Error('no such object')
    async function* failing(before: Uint8Array[]): ByteStream {
      yield* before
      throw failure
    }
    await expect(collect(envelope.seal('volume', failing([])))).rejects.toBe(failure)
    const stored = await collect(envelope.seal('volume', fromChunks([new Uint8Array(1000)])))
    for (const end of [0, 10, 50, 60, stored.length - 1, stored.length]) {
      const before = end === 0 ? [] : [stored.subarray(0, end)]
      const source = { size: stored.length, open: () => failing(before) }
      await expect(collect(envelope.open('volume', source)), `${end}`).rejects.toBe(failure)
    }
  })

  it('refuses an empty passphrase and wrong options at once', () => {
    expect(() => createPassphraseEnvelope({ passphrase: '' })).toThrow(RangeError)
    expect(() => createPassphraseEnvelope({ passphrase: 'x', s2kCount: 5 })).toThrow(RangeError)
    expect(() => createPassphraseEnvelope({ passphrase: 'x', compression: { algorithm: 'zip', level: 10 } })).toThrow(
      RangeError,
    )
  })
})
