import { recordCase, type Snapshot } from '@coalmine/fixtures'
import { expect } from 'vitest'
import type { DuplicityVersion } from '../src/index.ts'
import { type Kind, type Output, type Rule, rules, type Side } from './normalise.ts'
import { showRecord } from './records.ts'

export interface Compared {
  readonly kind: Kind
  readonly theirs: Output
  readonly ours: Output
  /** Of the source of a backup. */
  readonly source?: string
  readonly tree?: Snapshot
}

export interface ComparedWith {
  readonly version: DuplicityVersion
  readonly direction: 'coalmine-to-duplicity' | 'duplicity-to-coalmine'
  readonly encryption: 'none' | 'passphrase'
  readonly volsize?: number
  readonly name: string
}

// Rule and kind: some comparison would have failed without the rule.
const needed = new Set<string>()

/** Expects that two programs said the same, but for what the rules name, and notes the case. */
export function expectSame(compared: Compared, about: ComparedWith): void {
  const applicable = rules.filter(({ of }) => of.includes(compared.kind))
  const { theirs, ours } = normalised(compared, applicable)
  const same = theirs.length === ours.length && theirs.every((line, at) => line === ours[at])
  const { volsize = 200, ...rest } = about
  recordCase({ ...rest, volsize, outcome: same ? 'same' : 'different' })
  expect(ours).toEqual(theirs)
  for (const rule of applicable) {
    const without = normalised(
      compared,
      applicable.filter((one) => one !== rule),
    )
    if (without.theirs.join('\n') !== without.ours.join('\n')) needed.add(`${rule.name} (${compared.kind})`)
  }
}

/** Rules without which every comparison of these kinds so far would have succeeded as well. */
export function unneededRules(kinds: readonly Kind[]): string[] {
  const all = rules.flatMap(({ name, of }) =>
    kinds.filter((kind) => of.includes(kind)).map((kind) => `${name} (${kind})`),
  )
  return all.filter((rule) => !needed.has(rule))
}

function normalised({ kind, theirs, ours, source = '', tree = new Map() }: Compared, chosen: readonly Rule[]) {
  const show = (program: Side['program'], output: Output): string[] => {
    const side: Side = { program, source, tree }
    // What is said at -v5 goes to standard output and into the log alike; the log tells more.
    const start: Output = kind.endsWith('-v5') ? { lines: [], records: output.records } : output
    const { lines, records } = chosen.reduce((all, rule) => rule.apply(all, side), start)
    return [...lines.map((line) => `| ${line}`), ...records.map(showRecord)]
  }
  return { theirs: show('theirs', theirs), ours: show('ours', ours) }
}
