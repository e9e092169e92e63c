import { createRandom, itWith, run } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { blake2b } from './blake2b.ts'

describe('blake2b()', () => {
  itWith('python3', 'is BLAKE2b of 32 bytes, of any length (judge: hashlib)', async () => {
    const content = createRandom('blake2b').bytes(600)
    const script =
      'import hashlib,sys; d=sys.stdin.buffer.read()\nfor n in range(len(d)+1): print(hashlib.blake2b(d[:n],digest_size=32).hexdigest())'
    const { stdout } = await run(['python3', '-c', script], { input: content, check: true })
    const target = Buffer.alloc(34)
    // The content begins somewhere in a larger one.
    const view = new DataView(Uint8Array.from([1, 2, 3, ...content]).buffer)
    const digests = Array.from({ length: content.length + 1 }, (_, n) => {
      blake2b(view, 3, 3 + n, new DataView(target.buffer, target.byteOffset, 34), 1)
      return target.toString('hex', 1, 33)
    })
    expect(digests).toEqual(stdout.toString().trimEnd().split('\n'))
  })
})
