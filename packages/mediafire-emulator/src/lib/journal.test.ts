import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { openJournal } from './journal.ts'
import type { Change } from './records.ts'

const change = (n: number): Change => ['blob', `hash ${n}`, { hash: `hash ${n}`, size: n }]

async function written(): Promise<{ folder: string; path: string; ends: number[] }> {
  const folder = await tempDir('journal')
  const journal = openJournal(folder, () => undefined)
  const ends: number[] = []
  for (let n = 0; n < 2; n++) {
    journal.append([change(n), change(n + 10)])
    ends.push(journal.size)
  }
  journal.close()
  return { folder, path: join(folder, 'journal'), ends }
}

function replayed(folder: string): Change[][] {
  const groups: Change[][] = []
  openJournal(folder, (changes) => void groups.push([...changes])).close()
  return groups
}

describe('openJournal()', () => {
  it('cut at any byte gives the groups that are whole, and goes on from there', async () => {
    const { folder, path, ends } = await written()
    const whole = readFileSync(path)
    for (let length = whole.length; length >= 0; length--) {
      writeFileSync(path, whole.subarray(0, length))
      const count = ends.filter((end) => end <= length).length
      expect(replayed(folder).length).toBe(count)
      const journal = openJournal(folder, () => undefined)
      journal.append([change(99)])
      journal.close()
      const groups = replayed(folder)
      expect([groups.length, groups.at(-1)]).toEqual([count + 1, [change(99)]])
    }
  })

  it('refuses a line that is not what was written, wherever a byte is another', async () => {
    const { folder, path, ends } = await written()
    const whole = readFileSync(path)
    for (let at = 0; at < (ends[0] ?? 0) - 1; at++) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 1
      writeFileSync(path, damaged)
      expect(() => replayed(folder)).toThrow(/line 1 is not what was written/)
    }
  })

  it('rewrite() leaves only what it was given', async () => {
    const { folder, path } = await written()
    const journal = openJournal(folder, () => undefined)
    journal.rewrite([[change(1)], [change(2)]])
    journal.append([change(3)])
    expect(journal.size).toBe(readFileSync(path).length)
    journal.close()
    expect(replayed(folder)).toEqual([[change(1)], [change(2)], [change(3)]])
  })

  it('takes a rewriting that was killed for one that never was', async () => {
    const { folder, path } = await written()
    writeFileSync(`${path}.new`, 'half')
    expect(replayed(folder).length).toBe(2)
    truncateSync(path, 0)
    appendFileSync(path, '')
    expect(replayed(folder)).toEqual([])
  })
})
