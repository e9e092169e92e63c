import { afterAll, describe, expect, it } from 'vitest'
import { createRandom } from '@coalmine/fixtures/random'
import { Watch } from '../src/index.ts'
import { minimise } from '../src/lib/minimise.ts'
import { mutate } from '../src/lib/mutate.ts'

// What is tried here is whether faults are found at all, with parsers that have them.

const module = new URL('bad-targets.ts', import.meta.url)
const watches: Watch[] = []
afterAll(() => watches.forEach((watch) => watch.close()))

function watched(options: Partial<ConstructorParameters<typeof Watch>[0]> = {}): Watch {
  const watch = new Watch({ module, ...options })
  watches.push(watch)
  return watch
}

const order = { seed: 1, judge: true, mutateMs: 0, corpus: [Buffer.from('A\x7f\0\0\0rest')] }

describe('Watch', () => {
  it('finds nothing where nothing is, and goes on after what it finds', async () => {
    const watch = watched({ hangMs: 2000 })
    const sound = { ...order, target: 'sound', mutateMs: 50 }
    expect(await watch.run(sound)).toMatchObject({ findings: [], accepted: expect.any(Number) as number })
    for (const [target, kind, message] of [
      ['wrong error', 'error', /RangeError.*out of range/],
      ['hangs', 'hang', /after 2000 ms/],
      ['dies', 'crash', /code 7/],
      ['allocates what is declared', 'memory', /It allocated 2130706432 bytes/],
      ['is not what it seems', 'judge', /says something else/],
    ] as const) {
      const { findings } = await watch.run({ ...order, target })
      expect(findings, target).toMatchObject([{ kind, message: expect.stringMatching(message) as string }])
      expect(findings[0]!.input[0], target).toBe(0x41)
      expect((await watch.run(sound)).findings).toEqual([])
    }
  })

  it('ends what takes more memory than it is given', async () => {
    const watch = watched({ maxHeapMiB: 64, maxRssBytes: 300 * 2 ** 20 })
    const heap = await watch.run({ ...order, target: 'fills the heap' })
    expect(heap.findings).toMatchObject([
      { kind: 'crash', message: expect.stringContaining('heap out of memory') as string },
    ])
    const rss = await watch.run({ ...order, target: 'fills the memory' })
    expect(rss.findings).toMatchObject([
      { kind: 'memory', message: expect.stringContaining('The process has') as string },
    ])
  })

  it('finds what takes long for its length', async () => {
    const { findings } = await watched().run({ ...order, target: 'is slow', slowMs: 50 })
    expect(findings).toMatchObject([{ kind: 'slow' }])
    expect((await watched().run({ ...order, target: 'is slow' })).findings).toEqual([])
  })

  it('gets to what no input of the corpus shows, once, and makes it small', async () => {
    const { findings } = await watched().run({ ...order, target: 'hides behind a word', mutateMs: 2000 })
    expect(findings).toHaveLength(1)
    expect(Buffer.from(findings[0]!.input).toString()).toBe('canary')
  })

  it('keeps inputs that run new code of the packages', async () => {
    const corpus = [Buffer.from('1f8b08')]
    const { blocks, grown } = await watched({ coverage: true }).run({
      ...order,
      corpus,
      target: 'grows',
      mutateMs: 1500,
    })
    expect(blocks).toBeGreaterThan(10)
    expect(grown.length).toBeGreaterThan(0)
  })
})

describe('mutate()', () => {
  it('keeps to the longest input, leaves the parent alone and draws the same from the same seed', () => {
    const parent = Buffer.from('0123456789 canary \0\x01\x02\x03'.repeat(4))
    const copy = Buffer.from(parent)
    const draw = () => {
      const random = createRandom('mutate')
      const options = { random, corpus: [parent, Buffer.from('other')], tokens: [Buffer.from('token')], maxBytes: 200 }
      return Array.from({ length: 3000 }, () => mutate(parent, options))
    }
    const mutants = draw()
    expect(Math.max(...mutants.map(({ length }) => length))).toBe(200)
    expect(Math.min(...mutants.map(({ length }) => length))).toBe(0)
    expect(new Set(mutants.map((one) => one.toString('latin1'))).size).toBeGreaterThan(2500)
    expect(parent.equals(copy)).toBe(true)
    expect(draw()).toEqual(mutants)
    for (const text of ['token', 'other', '2147483648', '\xff\xff\xff\xff']) {
      expect(
        mutants.some((one) => one.includes(Buffer.from(text, 'latin1'))),
        text,
      ).toBe(true)
    }
  })
})

describe('minimise()', () => {
  it('leaves what the answer depends on', async () => {
    const input = Buffer.from(`${'x'.repeat(300)}AB${'y'.repeat(77)}C`)
    const small = await minimise(input, async (bytes) => /AB.*C/s.test(Buffer.from(bytes).toString()))
    expect(Buffer.from(small).toString()).toBe('ABC')
  })
})
