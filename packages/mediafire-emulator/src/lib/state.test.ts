import { statSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { expect, it } from 'vitest'
import type { Change, StoredFile } from './records.ts'
import { openState } from './state.ts'

function file(n: number, revision: number): StoredFile {
  return {
    key: `q${n}`,
    owner: 'o',
    name: `Name ${n}`,
    parent: n % 2 === 0 ? 'myfiles' : 'trash',
    size: n,
    hash: `h${n % 3}`,
    privacy: 'private',
    description: 'x'.repeat(1000),
    createdMs: 1,
    revision,
    downloads: 0,
    versions: [],
  }
}

// Judge: a second reading of the journal, and its size.
it('openState() writes a journal anew that is mostly of no use, and reads the same from it', async () => {
  const folder = await tempDir('state')
  const put = (n: number, revision: number): Change => ['file', `q${n}`, file(n, revision)]
  const state = openState(folder)
  for (let revision = 1; revision <= 450; revision++) state.commit([...Array(10).keys()].map((n) => put(n, revision)))
  state.commit([['file', 'q9', null]])
  state.close()
  const path = join(folder, 'journal')
  expect(statSync(path).size).toBeGreaterThan(4 * 2 ** 20)
  for (const turn of [1, 2]) {
    const again = openState(folder)
    expect(statSync(path).size, `turn ${turn}`).toBeLessThan(20_000)
    expect([...again.file.values()]).toEqual([...Array(9).keys()].map((n) => file(n, 450)))
    expect([...again.filesIn('o', 'myfiles')]).toEqual(['q0', 'q2', 'q4', 'q6', 'q8'])
    expect([...again.named('file', 'o', 'trash', 'NAME 3')]).toEqual(['q3'])
    expect([again.usedBytes('o'), again.uses('h0'), again.holds('o', 'h1', 'trash')]).toEqual([36, 3, true])
    again.close()
  }
})
