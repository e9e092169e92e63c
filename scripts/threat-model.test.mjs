import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './bootstrap.mjs'

// Each claim of the threat model names its test. What is seen to here: that the file is there, that it has a test (or a
// group of them, or words of a source) of that name, and that no row of a table goes without.

const page = readFileSync(join(root, 'docs', 'threat-model.md'), 'utf8')
const link = /\[([^\]]+)\]\(\.\.\/([^ )]+\.(?:ts|mjs))(?: "(source)")?\)/g

/** What is wrong with the links of a text. */
function problemsOf(text) {
  const problems = []
  for (const [, name, path, kind] of text.matchAll(link)) {
    const file = join(root, path)
    if (!existsSync(file)) problems.push(`${path} is not there`)
    else if (!kind && !/\.test\.(?:ts|mjs)$/.test(path)) problems.push(`${path} is no test`)
    else if (!readFileSync(file, 'utf8').includes(name)) problems.push(`${path} has nothing called "${name}"`)
  }
  return problems
}

/** Rows of tables in a section, without their headings. */
function rowsOf(heading) {
  const section = page.split(/^## /m).find((one) => one.startsWith(heading)) ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
}

describe('docs/threat-model.md', () => {
  it('names tests that exist', () => {
    expect(problemsOf(page)).toEqual([])
    expect([...page.matchAll(link)].length).toBeGreaterThan(50)
  })

  it('names one for every claim and every limit', () => {
    for (const heading of ['What holds', 'What does not hold', 'Limits']) {
      const rows = rowsOf(heading)
      expect(rows.length, heading).toBeGreaterThan(10)
      expect(rows.filter((row) => [...row.matchAll(link)].length === 0)).toEqual([])
    }
  })

  it('would not get away with a name or file that is not there', () => {
    const file = '../packages/tar/test/hostile.test.ts'
    expect(problemsOf(`[keeps to the limits it is given](${file})`)).toEqual([])
    expect(problemsOf(`[no such test](${file})`)).toHaveLength(1)
    expect(problemsOf('[x](../packages/tar/test/none.test.ts)')).toHaveLength(1)
    expect(problemsOf('[export](../packages/tar/src/index.ts)')).toHaveLength(1)
  })
})
