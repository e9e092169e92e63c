import { readFileSync } from 'node:fs'
import { itWith } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { type Case, select } from './model.ts'
import { compare, draw, show, shrink } from './differential.ts'
import { selectionPeer } from './oracle/duplicity.ts'

// Random trees and options, decided by the real program's own selection module and by us. Ordinary runs draw the same cases
// each time. A case that was decided otherwise once is kept in kept.jsonl, as small as it could be made.
const long = Boolean(process.env['COALMINE_LONG'])
const seed = Number(process.env['COALMINE_SEED'] ?? (long ? Date.now() % 1_000_000_000 : 20_261_123))
const batches = long ? 20 : 1
const perBatch = long ? 5000 : 1100

const kept = readFileSync(new URL('kept.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

describe.each(['0.8.22', '3.0.4'] as const)('the same is selected as by duplicity %s', (version) => {
  itWith(
    selectionPeer(version),
    `in ${batches * perBatch} random cases, in the same order (seed ${seed})`,
    async () => {
      for (let batch = 0; batch < batches; batch++) {
        const cases = draw(version, perBatch, seed + batch)
        checkMix(cases, version === '3.0.4')
        const differences = await compare(version, cases)
        const smallest = await Promise.all(differences.slice(0, 3).map((each) => shrink(version, each)))
        expect(smallest.map(show), `seed ${seed + batch}`).toEqual([])
      }
    },
    7_200_000,
  )

  itWith(selectionPeer(version), 'in every case that was decided otherwise once', async () => {
    const is3 = ({ options }: Case): boolean => options.some(({ option }) => /^filter-|^files-from/.test(option))
    const cases = kept.filter((each) => version === '3.0.4' || !is3(each))
    expect((await compare(version, cases)).map(show)).toEqual([])
  })
})

/** That the cases are worth it: of several rules, with every option, and not all of them errors or trivial. */
function checkMix(cases: readonly Case[], with3: boolean): void {
  const enough = (what: string, share: number, count: number): void =>
    expect(count / cases.length, what).toBeGreaterThanOrEqual(share)
  enough('with three options or more', 0.4, cases.filter(({ options }) => options.length >= 3).length)
  const options = ['include', 'exclude', 'include-regexp', 'exclude-regexp', 'null-separator', 'exclude-device-files']
  options.push('exclude-other-filesystems', 'exclude-if-present', 'exclude-older-than')
  for (const list of ['filelist', 'globbing-filelist', 'filelist-stdin'])
    options.push(`include-${list}`, `exclude-${list}`)
  if (with3) {
    options.push('files-from')
    for (const mode of ['globbing', 'literal', 'regexp', 'ignorecase', 'strictcase']) options.push(`filter-${mode}`)
  }
  for (const name of options) {
    const count = cases.filter((each) => each.options.some(({ option }) => option === name)).length
    expect(count, name).toBeGreaterThanOrEqual(50)
  }
  const partial = cases.filter((each) => {
    const answer = select(each, { compat: with3 ? '3' : '0.8' })
    const count = 'paths' in answer ? answer.paths.length - 1 : 0
    return count > 0 && count < each.tree.filter(({ kind }) => kind !== 'socket').length
  })
  enough('in which some are selected and some are not', 0.25, partial.length)
}
