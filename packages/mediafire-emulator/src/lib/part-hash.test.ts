import { createHash, randomBytes } from 'node:crypto'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPartHash } from './part-hash.ts'

const bytes = randomBytes(3 * 2 ** 20 + 17)
const sha256 = (part: Uint8Array): string => createHash('sha256').update(part).digest('hex')

async function written(): Promise<string> {
  const path = join(await tempDir('part-hash'), 'part')
  await writeFile(path, bytes)
  return path
}

describe('createPartHash()', () => {
  // Judge: the hash of the same bytes in one go.
  it('gives the hash of the bytes, whatever it was told on the way', async () => {
    const path = await written()
    const step = fc.record({ bytes: fc.nat(bytes.length), wait: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.nat(bytes.length), async (steps, more) => {
        const size = Math.max(more, ...steps.map((each) => each.bytes))
        const part = createPartHash(path)
        for (const each of steps) {
          part.follow(each.bytes)
          if (each.wait) await part.idle()
        }
        expect(await part.end(size)).toBe(sha256(bytes.subarray(0, size)))
      }),
      { numRuns: 100 },
    )
  })

  it('looks at no byte that may still change', async () => {
    const path = await written()
    const part = createPartHash(path)
    part.follow(2 ** 20 + 5)
    await part.idle()
    const changed = Buffer.concat([bytes.subarray(0, 2 ** 20 + 5), randomBytes(99)])
    await writeFile(path, changed)
    expect(await part.end(changed.length)).toBe(sha256(changed))
  })

  it('fails when the file has become shorter or is gone, also where that was found on the way', async () => {
    const path = await written()
    await truncate(path, 100)
    await expect(createPartHash(path).end(101)).rejects.toThrow('shorter')
    const gone = createPartHash(`${path}.gone`)
    gone.follow(1)
    await gone.idle()
    await writeFile(`${path}.gone`, 'x')
    await expect(gone.end(1)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
