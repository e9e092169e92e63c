import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashById, sha256 } from './algorithms.ts'
import { deriveKey, encodeCount, encodeS2k, parseS2k } from './s2k.ts'

const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

/** RFC 4880, section 3.7.1, said the long way: all bytes to be hashed laid out. */
function derivedByTheBook(name: string, salt: Uint8Array, passphrase: Uint8Array, count: number, keyBytes: number) {
  const unit = Buffer.concat([salt, passphrase])
  const total = Math.max(count, unit.length)
  const laidOut = Buffer.concat(Array.from({ length: Math.ceil(total / Math.max(1, unit.length)) }, () => unit))
  const digests: Buffer[] = []
  for (let zeros = 0; Buffer.concat(digests).length < keyBytes; zeros++) {
    const whole = Buffer.concat([Buffer.alloc(zeros), laidOut.subarray(0, total)])
    digests.push(createHash(name).update(whole).digest())
  }
  return new Uint8Array(Buffer.concat(digests).subarray(0, keyBytes))
}

describe('deriveKey()', () => {
  it('gives what the RFC says for every hash, length of key and count', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2, 3, 8, 9, 10, 11, 12, 14),
        fc.uint8Array({ maxLength: 40 }),
        fc.boolean(),
        fc.oneof(
          { weight: 20, arbitrary: fc.integer({ min: 0, max: 1100 }) },
          { weight: 1, arbitrary: fc.constantFrom(65_536, 262_144, 300_000) },
        ),
        fc.constantFrom(16, 24, 32),
        async (id, passphrase, salted, count, keyBytes) => {
          const hash = hashById(id)
          if (typeof hash === 'string') throw new Error(hash)
          const s2k = { hash, salt: salted ? salt : new Uint8Array(0), count: salted ? count : 0 }
          const expected = derivedByTheBook(hash.native, s2k.salt, passphrase, s2k.count, keyBytes)
          expect(await deriveKey(passphrase, s2k, keyBytes)).toEqual(expected)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('lets the event loop turn while it hashes 65 MB', async () => {
    let turns = 0
    let going = true
    const turn = () => {
      turns += 1
      if (going) setImmediate(turn)
    }
    setImmediate(turn)
    await deriveKey(Buffer.from('x'), { hash: sha256, salt, count: 65_011_712 }, 32)
    going = false
    expect(turns).toBeGreaterThanOrEqual(15)
  })

  it('takes a passphrase longer than what is hashed at a time', async () => {
    const passphrase = Buffer.alloc(700_000, 'long ')
    const expected = derivedByTheBook('sha256', salt, passphrase, 1024, 32)
    expect(await deriveKey(passphrase, { hash: sha256, salt, count: 1024 }, 32)).toEqual(expected)
  })
})

describe('parseS2k()', () => {
  it('reads back every count that can be written', () => {
    for (let octet = 0; octet < 256; octet++) {
      const bytes = Uint8Array.of(3, 8, ...salt, octet, 99)
      const parsed = parseS2k(bytes)
      if (typeof parsed === 'string') throw new Error(parsed)
      expect(parsed.length).toBe(11)
      expect(encodeS2k(parsed.s2k)).toEqual(bytes.subarray(0, 11))
    }
    expect(encodeCount(65_011_712)).toBe(255)
    expect(encodeCount(1024)).toBe(0)
  })

  it('says what it does not know', () => {
    expect(parseS2k(Uint8Array.of())).toMatch(/too early/)
    expect(parseS2k(Uint8Array.of(0))).toMatch(/too early/)
    expect(parseS2k(Uint8Array.of(3, 8, ...salt))).toMatch(/too early/)
    expect(parseS2k(Uint8Array.of(2, 8))).toMatch(/method 2/)
    expect(parseS2k(Uint8Array.of(0, 99))).toMatch(/hash is number 99/)
  })
})

describe('encodeCount()', () => {
  it('refuses a count that has no octet', () => {
    for (const count of [0, 1, 1023, 1025, 65_011_713, 1.5, Number.NaN]) {
      expect(() => encodeCount(count)).toThrow(RangeError)
    }
  })
})
