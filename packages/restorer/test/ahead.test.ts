import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '@coalmine/fixtures'
import { passThrough, type Storage } from '@coalmine/storage'
import { describe, expect, it } from 'vitest'
import { file, restoreInto, world } from './made-sets.ts'

// Judges: the content that was put into the volumes, and the order in which they are asked for.

const random = createRandom('ahead')
const content = new Map<string, Buffer>()
const names = Array.from({ length: 24 }, (_, at) => `f${String.fromCharCode(97 + at)}`)
const put = (name: string) => {
  const bytes = random.bytes(3000)
  content.set(name, bytes)
  return file(name, bytes)
}

/** A chain of `count` sets: the full one has all files, each of the others changes every second one of them. */
async function chainOf(count: number) {
  content.clear()
  const sets = Array.from({ length: count }, (_, set) => names.filter((_, at) => set === 0 || at % 2 === 0).map(put))
  return world(sets, { volumeBytes: 5000 })
}

/** Notes what is under way, and how many volumes are on their way or waiting to be read. */
function watching(inner: Storage) {
  const begun: string[] = []
  let now = 0
  let most = 0
  const storage = passThrough(inner, {
    async *get(key, options) {
      if (!key.includes('.vol')) {
        yield* inner.get(key, options)
        return
      }
      begun.push(key)
      most = Math.max(most, (now += 1))
      await sleep(5)
      yield* inner.get(key, options)
      now -= 1
    },
  })
  return { storage, begun, most: () => most }
}

describe('a restore of several sets', () => {
  it('fetches the next volumes while it writes, each once and in order, and restores the same', async () => {
    const { storage, open, target } = await chainOf(3)
    const watch = watching(storage)
    const repository = open({ storage: watch.storage })
    const written: number[] = []
    const events: string[] = []
    await restoreInto(target, {
      repository,
      onEvent: (event) => {
        if (event.type === 'volume') written.push(watch.begun.length)
        events.push(event.type)
      },
    })
    for (const [name, bytes] of content) expect(readFileSync(join(target, name)).equals(bytes), name).toBe(true)
    expect(new Set(watch.begun).size).toBe(watch.begun.length)
    for (const set of ['full.', 'to.20231114T221500Z', 'to.20231114T221640Z']) {
      const numbers = watch.begun.filter((key) => key.includes(set)).map((key) => Number(/vol(\d+)/.exec(key)![1]))
      expect(numbers, set).toEqual(numbers.map((_, at) => at + 1))
      expect(numbers.length, set).toBeGreaterThan(5)
    }
    // When a volume is through, those after it are under way in all three sets.
    const first = written[0]!
    expect(first).toBeGreaterThanOrEqual(5)
    repository.close()
  })

  it('of many sets does so for four of them at a time', async () => {
    const { storage, open, target } = await chainOf(9)
    const watch = watching(storage)
    const repository = open({ storage: watch.storage })
    await restoreInto(target, { repository })
    for (const [name, bytes] of content) expect(readFileSync(join(target, name)).equals(bytes), name).toBe(true)
    expect(watch.most()).toBeLessThanOrEqual(9 + 4)
    repository.close()
  })
})
