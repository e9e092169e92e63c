import { choppings } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { Md4 } from './md4.ts'

// The test suite of RFC 1320, appendix A.5.
const vectors = [
  ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
  ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
  ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
  ['message digest', 'd9130a8164549fe818874806e1c7014b'],
  ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
  [
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
    'e33b4ddc9c38f2199c3e7b164fcc0536',
  ],
] as const

describe('Md4', () => {
  it('gives the digests of RFC 1320, in pieces too, one after the other', () => {
    const hash = new Md4()
    for (const [text, digest] of vectors) {
      for (const way of choppings(Buffer.from(text))) {
        for (const chunk of way.chunks())
          hash.update(new DataView(chunk.buffer, chunk.byteOffset, chunk.length), 0, chunk.length)
        expect([way.name, text, hexDigest(hash)]).toEqual([way.name, text, digest])
      }
    }
  })

  it('hashes the range it is given, wherever that lies', () => {
    const bytes = Buffer.concat([Buffer.alloc(3, 'x'), Buffer.from('abc'), Buffer.alloc(100, 'y')])
    const hash = new Md4()
    hash.update(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 3, 6)
    expect(hexDigest(hash)).toBe('a448017aaf21d8525fc10ae87aa6729d')
  })
})

function hexDigest(hash: Md4): string {
  const digest = new DataView(new ArrayBuffer(20))
  hash.finish(digest, 4)
  return Buffer.from(digest.buffer, 4).toString('hex')
}
