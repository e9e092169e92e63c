import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromChunks } from '@coalmine/bytes'
import { createRandom, itWith, tempDir } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { DeltaEncoder, readSignature, signature } from '../src/index.ts'
import { rdiff } from './librsync-peers.ts'

const random = createRandom('sizes')
const noise = random.bytes(600_000)
const other = random.bytes(600_000)
const words = Array.from({ length: 400 }, () => random.bytes(random.integer(1, 9)).toString('base64url'))
const text = Buffer.from(Array.from({ length: 90_000 }, () => random.pick(words as [string])).join(' '))
const log = Buffer.from(
  Array.from({ length: 9000 }, (_, i) => `2031-01-01T00:${i % 60}:00 host unit[${i % 7}]: did ${i}\n`).join(''),
)
const zeros = Buffer.alloc(600_000)
// Blocks of two marks in zeros: weak sums are equal all the time, strong ones not.
const [marks, otherMarks] = [200, 300].map((least) => {
  const content = Buffer.alloc(300_000)
  for (let at = 0; at < content.length; at += random.integer(least, 1200)) content[at] = 7
  return content
}) as [Buffer, Buffer]
const oneBlock = Buffer.concat(Array.from({ length: 300 }, () => noise.subarray(0, 2048)))
const period = Buffer.concat(Array.from({ length: 6000 }, () => noise.subarray(0, 100)))

/** The content with `count` bytes changed, spread evenly. */
function edited(content: Buffer, count: number): Buffer {
  const next = Buffer.from(content)
  for (let i = 1; i <= count; i++) next[Math.floor((i * content.length) / (count + 1))]! ^= 0x55
  return next
}

/** Some bytes put in, and others taken out, at `count` places. */
function scattered(content: Buffer, count: number, putBytes: number, removedBytes: number): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (let i = 1; i <= count; i++) {
    const place = Math.floor((i * content.length) / (count + 1))
    parts.push(content.subarray(at, place), other.subarray(i * 7, i * 7 + putBytes))
    at = place + removedBytes
  }
  return Buffer.concat([...parts, content.subarray(at)])
}

const pairs: [kind: string, name: string, old: Buffer, next: Buffer][] = [
  ['edited', 'noise, 1 byte', noise, edited(noise, 1)],
  ['edited', 'noise, 20 bytes', noise, edited(noise, 20)],
  ['edited', 'text, 200 bytes', text, edited(text, 200)],
  ['edited', 'zeros, 20 bytes', zeros, edited(zeros, 20)],
  ['edited', 'one block repeated, 20 bytes', oneBlock, edited(oneBlock, 20)],
  ['edited', 'marks in zeros, 20 bytes', marks, edited(marks, 20)],
  ['inserted', 'marks in zeros, 9 times 5 bytes', marks, scattered(marks, 9, 5, 0)],
  ['shifted', 'noise, a byte put before', noise, Buffer.concat([Buffer.from('x'), noise])],
  ['shifted', 'text, its first 777 bytes gone', text, text.subarray(777)],
  ['inserted', 'noise, 30 times 100 bytes', noise, scattered(noise, 30, 100, 0)],
  ['inserted', 'text, 100 times 3 bytes', text, scattered(text, 100, 3, 0)],
  ['deleted', 'noise, 30 times 100 bytes', noise, scattered(noise, 30, 0, 100)],
  ['deleted', 'one block repeated, 9 times 5 bytes', oneBlock, scattered(oneBlock, 9, 0, 5)],
  ['replaced', 'text, 50 times 40 bytes by 60', text, scattered(text, 50, 60, 40)],
  ['grown', 'log', log.subarray(0, 300_000), log],
  ['grown', 'noise, from both ends', noise.subarray(100_001, 500_003), noise],
  ['grown', 'zeros', zeros.subarray(0, 200_000), zeros],
  ['grown', 'from nothing', zeros.subarray(0, 0), noise],
  ['shrunk', 'noise, in the middle of a block', noise, noise.subarray(0, 300_001)],
  ['shrunk', 'zeros', zeros, zeros.subarray(0, 100_003)],
  ['shrunk', 'to nothing', noise, zeros.subarray(0, 0)],
  ['repeated', 'noise, three times', noise, Buffer.concat([noise, noise, noise])],
  ['repeated', 'one block', oneBlock, Buffer.concat([oneBlock, oneBlock])],
  ['repeated', 'a period of 100 bytes', period, Buffer.concat([period, period.subarray(0, 55), period])],
  ['moved', 'halves changed over', noise, Buffer.concat([noise.subarray(299_999), noise.subarray(0, 299_999)])],
  ['all zeros', 'after noise', noise, zeros],
  ['all zeros', 'before noise', zeros, noise],
  ['random', 'marks in zeros, elsewhere', marks, otherMarks],
  ['random', 'nothing in common', noise, other],
  ['unchanged', 'text', text, text],
]

/** Files that are there in two versions, or in two kinds of much the same. */
function realPairs(): typeof pairs {
  const folders: [string, string][] = [
    ['/usr/share/zoneinfo/Europe', '/usr/share/zoneinfo/right/Europe'],
    ['/usr/share/zoneinfo/America', '/usr/share/zoneinfo/right/America'],
  ]
  const found: typeof pairs = []
  for (const [one, two] of folders) {
    if (!existsSync(one) || !existsSync(two)) continue
    for (const name of readdirSync(one).sort()) {
      const [from, to] = [join(one, name), join(two, name)]
      if (!existsSync(to) || !statSync(from).isFile() || !statSync(to).isFile()) continue
      const [old, next] = [readFileSync(from), readFileSync(to)]
      if (old.length > 3000 && !old.equals(next)) found.push(['real', `${name}, two versions`, old, next])
    }
  }
  // Neighbours of one kind are versions of each other, too.
  for (const folder of [
    '/usr/share/i18n/locales',
    '/usr/share/misc',
    '/usr/share/doc/duplicity',
    '/usr/share/common-licenses',
  ]) {
    if (!existsSync(folder)) continue
    const files = readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile())
    for (let i = 1; i < Math.min(files.length, 20); i++) {
      const [old, next] = [readFileSync(files[i - 1]!), readFileSync(files[i]!)]
      if (old.length > 0 && next.length < 4_000_000) found.push(['real', `${files[i - 1]}, ${files[i]}`, old, next])
    }
  }
  return process.env['COALMINE_LONG'] ? found : found.filter((_, i) => i % 5 === 0).slice(0, 15)
}

describe('bytes of delta', () => {
  itWith(['rdiff', 'xargs'], 'at most 2 % more than those of rdiff at the same block length', async () => {
    const dir = await tempDir('rdiff')
    const all = [...pairs, ...realPairs()]
    const runs = all.flatMap(([kind, name, old, next]) =>
      [512, 2048].map((blockBytes) => ({ kind, name, old, next, blockBytes })),
    )
    for (const [i, { old, next, blockBytes }] of runs.entries()) {
      writeFileSync(join(dir, `${i}.sig`), signature(old, { blockBytes }))
      writeFileSync(join(dir, `${i}.new`), next)
      writeFileSync(join(dir, `${i}.old`), old)
    }
    await rdiff(runs.map((_, i) => ['delta', join(dir, `${i}.sig`), join(dir, `${i}.new`), join(dir, `${i}.theirs`)]))
    const rows: { kind: string; name: string; blockBytes: number; ours: number; theirs: number; more: number }[] = []
    for (const [i, { kind, name, old, next, blockBytes }] of runs.entries()) {
      const encoder = new DeltaEncoder(await readSignature(fromChunks([signature(old, { blockBytes })])))
      const made = Buffer.concat([...encoder.push(next), ...encoder.finish()])
      writeFileSync(join(dir, `${i}.ours`), made)
      const theirs = readFileSync(join(dir, `${i}.theirs`)).length
      rows.push({ kind, name, blockBytes, ours: made.length, theirs, more: (100 * made.length) / theirs - 100 })
    }
    await rdiff(runs.map((_, i) => ['patch', join(dir, `${i}.old`), join(dir, `${i}.ours`), join(dir, `${i}.again`)]))
    runs.forEach(({ name, next }, i) => {
      expect([name, next.equals(readFileSync(join(dir, `${i}.again`)))]).toEqual([name, true])
    })
    const worst = rows.reduce((one, another) => (another.more > one.more ? another : one))
    if (process.env['COALMINE_LONG'] || process.env['COALMINE_TABLES']) {
      const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`
      const table = rows.map((row) =>
        line([row.kind, row.name, row.blockBytes, row.ours, row.theirs, `${row.more.toFixed(2)} %`]),
      )
      const head = [
        line(['kind', 'what', 'block', 'ours', 'rdiff’s', 'more']),
        line(['---', '---', '---', '---', '---', '---']),
      ]
      console.log(
        [...head, ...table, `worst: ${worst.name}, blocks of ${worst.blockBytes}: ${worst.more.toFixed(3)} %`].join(
          '\n',
        ),
      )
    }
    expect(rows.filter(({ more }) => more > 2)).toEqual([])
  })
})
