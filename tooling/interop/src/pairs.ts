import type { InteropCase } from '@coalmine/fixtures'

/** What must be tried with the real duplicity at least once: a pair without a case fails the tests under CI. */
export type Pair = Pick<InteropCase, 'version' | 'direction' | 'encryption' | 'volsize'>

export const expectedPairs: readonly Pair[] = ['0.8.22', '3.0.4'].flatMap((version) =>
  (['coalmine-to-duplicity', 'duplicity-to-coalmine'] as const).flatMap((direction) =>
    (['none', 'passphrase', 'public key', 'signed'] as const).flatMap((encryption) =>
      // What keys change does not depend on the size of volumes.
      (encryption === 'none' || encryption === 'passphrase' ? [1, 200] : [1]).map((volsize) => ({
        version,
        direction,
        encryption,
        volsize,
      })),
    ),
  ),
)

export interface PairCount extends Pair {
  same: number
  different: number
}

/** Cases counted by pair: the expected ones first, also those without a case, then whatever else was tried. */
export function countPairs(cases: readonly InteropCase[], expected: readonly Pair[] = expectedPairs): PairCount[] {
  const counts = new Map<string, PairCount>()
  const countOf = ({ version, direction, encryption, volsize }: Pair): PairCount => {
    const key = [version, direction, encryption, volsize].join(' ')
    const count = counts.get(key) ?? { version, direction, encryption, volsize, same: 0, different: 0 }
    counts.set(key, count)
    return count
  }
  for (const pair of expected) countOf(pair)
  for (const one of cases) countOf(one)[one.outcome]++
  return [...counts.values()]
}

/** The counts as a table for people, a line each, the heading first. */
export function pairTable(counts: readonly PairCount[]): string[] {
  const rows = counts.map((c) => [
    `duplicity ${c.version}`,
    c.direction === 'coalmine-to-duplicity' ? 'reads ours' : 'read by us',
    c.encryption,
    `${c.volsize} MiB`,
    String(c.same + c.different),
    c.different > 0 ? `${c.different} DIFFERENT` : c.same > 0 ? 'same' : 'NOT TRIED',
  ])
  const table = [['program', 'direction', 'encryption', 'volumes', 'cases', 'outcome'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
