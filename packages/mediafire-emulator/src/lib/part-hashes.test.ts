import { createHash, randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { createPartHashes } from './part-hashes.ts'

const MiB = 2 ** 20
const large = randomBytes(20 * MiB + 3)
const small = randomBytes(MiB + 3)
const sha256 = (part: Uint8Array): string => createHash('sha256').update(part).digest('hex')

async function files() {
  const folder = await tempDir('part-hashes')
  const file = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return { path, size: bytes.length }
  }
  const script = (code: string) => {
    const path = join(folder, `${Math.random()}.mjs`)
    writeFileSync(path, `import { parentPort } from 'node:worker_threads'\n${code}\n`)
    return pathToFileURL(path)
  }
  return { folder, file, script }
}

describe('createPartHashes()', () => {
  // Judge: the hash of the same bytes in one go.
  it('gives the hash of large and small files, side by side, followed or not', async () => {
    const { file } = await files()
    const hashes = createPartHashes()
    const all = [large, small, large.subarray(5), small.subarray(5)]
    const parts = all.map((bytes, at) => file(String(at), bytes))
    for (const end of [MiB, MiB, 7 * MiB + 1]) {
      for (const at of [0, 1]) hashes.follow(String(at), parts[at]!, Math.min(end, all[at]!.length))
    }
    const found = await Promise.all(parts.map((part, at) => hashes.end(String(at), part)))
    expect(found).toEqual(all.map(sha256))
    await hashes.close()
  })

  it('begins anew after a drop', async () => {
    const { file } = await files()
    const hashes = createPartHashes()
    const part = file('a', large)
    hashes.follow('a', part, large.length)
    hashes.drop('a')
    const other = file('a', large.toReversed())
    expect(await hashes.end('a', other)).toBe(sha256(large.toReversed()))
    await hashes.close()
  })

  it('tells what the file system says', async () => {
    const { file } = await files()
    const hashes = createPartHashes()
    for (const bytes of [large, small]) {
      const part = file('gone', bytes)
      rmSync(part.path)
      await expect(hashes.end('gone', part)).rejects.toThrow('ENOENT')
    }
    await hashes.close()
  })

  it('hashes here where the thread does not start, or ends in the middle', async () => {
    const { file, script } = await files()
    for (const broken of [
      pathToFileURL('/no/such/script.mjs'),
      script('process.exit()'),
      script(`parentPort.on('message', ({ type }) => { if (type === 'end') process.exit() })`),
    ]) {
      const hashes = createPartHashes(broken)
      const part = file('a', large)
      hashes.follow('a', part, MiB)
      expect(await hashes.end('a', part)).toBe(sha256(large))
      expect(await hashes.end('b', part)).toBe(sha256(large))
      await hashes.close()
    }
  })
})
