import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import type { LedgerEntry } from './ledger-line.ts'
import { nodeLocalEffects } from './local-effects.ts'

const entry = (key: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  key,
  size: 7,
  sha1: '0123456789012345678901234567890123456789',
  ...more,
})

const open = (folder: string) => new Ledger(folder, nodeLocalEffects)

describe('Ledger', () => {
  it('knows what was put and not forgotten, in the next run too, for its owner alone', async () => {
    const folder = join(await tempDir('ledger'), 'coalmine')
    const first = open(folder)
    expect(first.entries.size).toBe(0)
    const [a, b] = [entry('a'), entry('b \u00fc"\n', { digests: { sha256: 'ff' } })]
    for (const one of [a, b, entry('c')]) first.put(one)
    first.forget('c')
    first.sync()
    first.close()
    expect([...open(folder).entries.values()]).toEqual([a, b])
    expect([statSync(folder).mode & 0o777, statSync(join(folder, 'ledger')).mode & 0o777]).toEqual([0o700, 0o600])
    // Told again, nothing grows.
    const size = statSync(join(folder, 'ledger')).size
    const second = open(folder)
    second.put(a)
    second.put(entry(b.key))
    second.forget('c')
    second.close()
    expect(statSync(join(folder, 'ledger')).size).toBe(size)
    second.put(entry('a', { size: 8 }))
    second.close()
    expect(open(folder).entries.get('a')!.size).toBe(8)
  })

  it('cut at any byte has all whole lines, counts at most one torn, and goes on (judge: lines of the file)', async () => {
    const folder = await tempDir('ledger')
    const whole = open(folder)
    for (let at = 0; at < 4; at++) whole.put(entry(`object ${at}`))
    whole.forget('object 1')
    whole.close()
    const bytes = readFileSync(join(folder, 'ledger'))
    const lines = bytes.toString().trimEnd().split('\n')
    for (let length = 0; length <= bytes.length; length++) {
      writeFileSync(join(folder, 'ledger'), bytes.subarray(0, length))
      // A line that lacks nothing but its line feed is whole.
      const text = bytes.subarray(0, length).toString()
      const parts = text.split('\n').filter((part) => part !== '')
      const count = parts.filter((part, at) => part === lines[at]).length
      const expected = new Set(['object 0', 'object 1', 'object 2', 'object 3'].slice(0, count))
      if (count === 5) expected.delete('object 1')
      const cut = open(folder)
      expect(new Set(cut.entries.keys()), `at ${length}`).toEqual(expected)
      expect(cut.torn).toBe(parts.length - count)
      cut.put(entry('more'))
      cut.close()
      const next = open(folder)
      expect(new Set(next.entries.keys()), `after ${length}`).toEqual(expected.add('more'))
      expect(next.torn).toBe(parts.length - count)
    }
  })

  it('passes over and counts whatever is no line of it', async () => {
    const folder = await tempDir('ledger')
    const odd = [
      'null',
      '[]',
      '{"put":1}',
      '{"put":"x","size":-0.5,"sha1":"a"}',
      '\u0000',
      '{"gone":"never there"}',
      '',
    ]
    writeFileSync(join(folder, 'ledger'), Buffer.concat([Buffer.from(odd.join('\n')), Buffer.of(0xff, 10)]))
    const ledger = open(folder)
    expect([ledger.entries.size, ledger.torn]).toEqual([0, 6])
  })

  const bad: readonly [string, (path: string) => void, RegExp][] = [
    [
      'a link to a folder',
      (path) => {
        mkdirSync(`${path}.elsewhere`)
        symlinkSync('ledger.elsewhere', path)
      },
      /it is no regular file/,
    ],
    ['a folder', (path) => mkdirSync(path), /it is no regular file/],
    ['a pipe', (path) => execFileSync('mkfifo', [path]), /it is no regular file/],
    ['a link to itself', (path) => symlinkSync('ledger', path), /ELOOP/],
    [
      'a file that is too large',
      (path) => {
        writeFileSync(path, '')
        truncateSync(path, 2 ** 29 + 1)
      },
      /it has 536870913 bytes, more than 536870912/,
    ],
  ]

  it.each(bad)('%s in its place: nothing is known or noted, and that is told once', async (_, make, why) => {
    const folder = await tempDir('ledger')
    const path = join(folder, 'ledger')
    make(path)
    const before = readdirSync(folder).map((name) => [name, lstatSync(join(folder, name)).ino])
    const told: string[] = []
    const ledger = new Ledger(folder, nodeLocalEffects, (message) => told.push(message))
    expect([ledger.entries.size, ledger.torn, ledger.problem]).toEqual([0, 0, expect.stringMatching(why)])
    ledger.put(entry('a'))
    ledger.forget('a')
    ledger.sync()
    ledger.compact()
    ledger.close()
    expect(ledger.entries.size).toBe(0)
    expect(told).toEqual([ledger.problem])
    expect(told[0]).toContain(`Cannot read the ledger "${path}": `)
    expect(readdirSync(folder).map((name) => [name, lstatSync(join(folder, name)).ino])).toEqual(before)
  })

  it.each(['facts', 'readFile'] as const)("that fails at %s is of no use, and in nobody's way", async (name) => {
    const folder = await tempDir('ledger')
    const first = open(folder)
    first.put(entry('a'))
    first.close()
    const fail = () => {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
    }
    const told: string[] = []
    const ledger = new Ledger(folder, { ...nodeLocalEffects, [name]: fail }, (message) => told.push(message))
    expect([ledger.entries.size, told]).toEqual([0, [expect.stringContaining('EIO')]])
    ledger.put(entry('b'))
    ledger.close()
    expect([...open(folder).entries.keys()]).toEqual(['a'])
  })

  it('does not hide a mistake of ours', async () => {
    const fail = () => {
      throw new TypeError('no function')
    }
    const ledger = new Ledger(await tempDir('ledger'), { ...nodeLocalEffects, facts: fail })
    expect(() => ledger.entries).toThrow('no function')
  })
})

/** A ledger of 1,500 lines, of which 300 say something that still holds. */
async function grown(): Promise<{ folder: string; path: string; expected: Map<string, number> }> {
  const folder = await tempDir('ledger')
  const path = join(folder, 'ledger')
  const expected = new Map<string, number>()
  const lines: string[] = []
  const random = createRandom('ledger')
  for (let at = 0; at < 1500; at++) {
    const key = `object ${random.integer(0, 500)}`
    const isGone = random.integer(0, 3) === 0
    lines.push(JSON.stringify(isGone ? { gone: key } : { put: key, size: at, sha1: 'ff' }))
    if (isGone) expected.delete(key)
    else expected.set(key, at)
  }
  writeFileSync(path, `${lines.join('\n')}\n{"put":"torn","si`, { mode: 0o600 })
  return { folder, path, expected }
}

const sizes = (ledger: Ledger) => new Map([...ledger.entries.values()].map(({ key, size }) => [key, size]))

describe('Ledger.compact()', () => {
  it('leaves a line for each object that is there (judge: a map kept beside the lines)', async () => {
    const { folder, path, expected } = await grown()
    const ledger = open(folder)
    expect([sizes(ledger), ledger.torn]).toEqual([expected, 1])
    ledger.put(entry('another'))
    expected.set('another', 7)
    writeFileSync(`${path}.new`, 'what a killed run left')
    ledger.compact()
    expect([statSync(path).mode & 0o777, readdirSync(folder)]).toEqual([0o600, ['ledger']])
    expect(readFileSync(path, 'utf8').match(/\n/g)).toHaveLength(expected.size)
    // It goes on in the new one, and knows that it is no longer long.
    ledger.forget('another')
    expected.delete('another')
    const { ino } = statSync(path)
    ledger.compact()
    ledger.close()
    expect(statSync(path).ino).toBe(ino)
    const next = open(folder)
    expect([sizes(next), next.torn]).toEqual([expected, 0])
  })

  it('leaves one alone that is short, or whose lines still hold', async () => {
    const folder = await tempDir('ledger')
    const path = join(folder, 'ledger')
    for (const lines of [
      Array.from({ length: 999 }, () => JSON.stringify({ gone: 'x' })),
      Array.from({ length: 3000 }, (_, at) => JSON.stringify({ put: `${at % 1600}`, size: 1, sha1: 'ff' })),
    ]) {
      writeFileSync(path, `${lines.join('\n')}\n`)
      const before = readFileSync(path)
      const ledger = open(folder)
      ledger.compact()
      expect(readFileSync(path).equals(before)).toBe(true)
    }
  })

  it('that ends at any effect leaves the old ledger or the new one, and the next one is right', async () => {
    const names = ['createFile', 'write', 'sync', 'close', 'rename', 'remove'] as const
    for (let at = 1; ; at++) {
      const { folder, path, expected } = await grown()
      writeFileSync(`${path}.new`, 'what a killed run left')
      let count = 0
      const dying = Object.fromEntries(
        names.map((name) => {
          const effect = nodeLocalEffects[name] as (...args: unknown[]) => unknown
          return [
            name,
            (...args: unknown[]) => {
              count += 1
              if (count >= at) throw Object.assign(new Error(`EIO at ${name}`), { code: 'EIO' })
              return effect(...args)
            },
          ]
        }),
      )
      const ledger = new Ledger(folder, { ...nodeLocalEffects, ...(dying as object) })
      try {
        ledger.compact()
      } catch (error) {
        expect((error as Error).message).toMatch(/EIO/)
      }
      expect(sizes(open(folder)), `effect ${at}`).toEqual(expected)
      const next = open(folder)
      next.compact()
      next.close()
      expect([sizes(open(folder)), readdirSync(folder)], `after ${at}`).toEqual([expected, ['ledger']])
      if (count < at) {
        expect(at).toBeGreaterThan(5)
        return
      }
    }
  })
})
