import { afterAll, describe, expect, it } from 'vitest'
import { readCorpus, targets, Watch } from '../src/index.ts'

// Judges: for every target what must hold of any input (the same in all pieces, its package's error and no other, no
// more memory than goes in or comes out); a plain second way to do the same, or Python, GnuPG and rdiff where they are
// there. A process of its own tries the inputs: one that hangs, dies or grows is ended by the one that looks on.

const long = Boolean(process.env['COALMINE_LONG'])
const given = Number(process.env['COALMINE_SEED'] ?? Number.NaN)
const seed = Number.isSafeInteger(given) ? given : long ? Math.floor(Math.random() * 2 ** 31) : 20_231_114
const mutateMs = long ? 30_000 : 150

const watch = new Watch({ module: new URL('../src/targets/index.ts', import.meta.url) })
afterAll(() => watch.close())

describe(`any bytes (seed ${seed})`, () => {
  it.each(targets.map(({ name, about }) => [name, about]))('%s: %s', async (name) => {
    const corpus = readCorpus(name)
    expect(corpus.length).toBeGreaterThan(0)
    const judge = !process.env['COALMINE_NO_PEERS']
    const report = await watch.run({ target: name, corpus, mutateMs, seed, judge })
    const told = report.findings.map(({ kind, message, input }) => {
      return `${kind}: ${message}\ninput: ${Buffer.from(input).toString('base64')}`
    })
    expect(told).toEqual([])
    expect(report.executions).toBeGreaterThan(corpus.length)
    expect(report.accepted).toBeGreaterThan(0)
  })
})
