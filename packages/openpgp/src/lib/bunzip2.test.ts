import { randomBytes } from 'node:crypto'
import { collect, fromBytes } from '@coalmine/bytes'
import { choppings, itWith, run } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { bunzip2, Bzip2Error } from './bunzip2.ts'

// printf 'canary canary canary' | bzip2 -1, and the same of nothing
const canary = Buffer.from('QlpoMTFBWSZTWSz+8SMAAAQRgEAAKAEQICAAIbUYDAKmQ9qIphdyRThQkCz+8SM=', 'base64')
const nothing = Buffer.from('QlpoORdyRThQkAAAAAA=', 'base64')

describe('bunzip2()', () => {
  it('reads what bzip2 writes, in any pieces', async () => {
    for (const way of choppings(canary)) {
      expect(Buffer.from(await collect(bunzip2(way.stream()))).toString(), way.name).toBe('canary canary canary')
    }
    expect(await collect(bunzip2(fromBytes(nothing).open()))).toEqual(new Uint8Array(0))
  })

  itWith('bzip2', 'reads several blocks of any level (judge: bzip2)', async () => {
    const mixed = Buffer.concat([randomBytes(250_000), Buffer.alloc(400_000, 'a'), Buffer.alloc(300_000, 'canary\n')])
    for (const level of ['-1', '-2', '-9']) {
      const { stdout } = await run(['bzip2', level, '-c'], { input: mixed, check: true })
      const plain = await collect(bunzip2(fromBytes(stdout).open()))
      expect(Buffer.compare(plain, mixed), level).toBe(0)
    }
  })

  it('finds every cut, every changed bit and anything that follows', async () => {
    for (let end = 0; end < canary.length; end++) {
      await expect(collect(bunzip2(fromBytes(canary.subarray(0, end)).open())), `${end}`).rejects.toThrow(Bzip2Error)
    }
    await expect(collect(bunzip2(fromBytes(Buffer.concat([canary, canary])).open()))).rejects.toThrow(/follows its end/)
    // Some bits mean nothing (a larger block than needed, unused codes): then the content is what it was.
    for (let bit = 0; bit < canary.length * 8; bit++) {
      const changed = Uint8Array.from(canary)
      changed[bit >> 3]! ^= 0x80 >> (bit & 7)
      const plain = await collect(bunzip2(fromBytes(changed).open())).catch((error: unknown) => {
        expect(error, `bit ${bit}`).toBeInstanceOf(Bzip2Error)
      })
      if (plain !== undefined) expect(Buffer.from(plain).toString()).toBe('canary canary canary')
    }
  })
})
