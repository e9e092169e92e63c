import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { Ledger, type LedgerEntry } from './ledger.ts'
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

  it('refuses what is no file', async () => {
    const folder = await tempDir('ledger')
    mkdirSync(join(folder, 'elsewhere'))
    symlinkSync('elsewhere', join(folder, 'ledger'))
    expect(() => open(folder).entries).toThrow(/it is no regular file/)
  })
})
