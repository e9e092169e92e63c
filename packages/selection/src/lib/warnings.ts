import type { Engine } from './engine.ts'
import type { Glob } from './glob.ts'
import type { PlainNode } from './plain-index.ts'
import { rootPrefix } from './root-name.ts'
import { describeRule, type RuleOrigin } from './rule-origin.ts'
import { encode, quoted } from './text.ts'

/** Something that is allowed and probably not meant. */
export interface SelectionWarning {
  /**
   * - `never-wins`: an earlier rule decides wherever this one could
   * - `never-matches`: no name can match
   * - `no-such-path`: the path it names was not there
   * - `decided-nothing`: nothing in the tree was decided by it
   * - `root-only`: a glob that matches directly in the root, and nowhere below
   */
  code: 'never-wins' | 'never-matches' | 'no-such-path' | 'decided-nothing' | 'root-only'
  rule: RuleOrigin
  /** The earlier rule. */
  winner?: RuleOrigin
  /** A sentence for people. */
  message: string
}

/** What was found out about the rules. */
export interface Findings {
  engine: Engine
  root: string
  shadowed: ReadonlyMap<number, number | undefined>
  /** How often each rule decided. */
  decided: Uint32Array
  /** Whether every path of the tree was decided that could be reached. */
  wholeTree: boolean
}

/** Goes through the rules after a walk: one warning for each rule at most, the most telling one. */
export function findWarnings(findings: Findings): SelectionWarning[] {
  return findings.engine.rules.flatMap((_, number) => warningOf(findings, number) ?? [])
}

function warningOf(
  { engine, root, shadowed, decided, wholeTree }: Findings,
  number: number,
): SelectionWarning | undefined {
  const rule = engine.rules[number]
  if (rule === undefined) return undefined
  const { origin, matcher } = rule
  const text = describeRule(origin)
  if (shadowed.has(number)) {
    const winner = engine.rules[shadowed.get(number) ?? -1]?.origin
    if (winner === undefined)
      return { code: 'never-matches', rule: origin, message: `${text} can match nothing: no path is written so` }
    const message = `${text} never decides anything: ${describeRule(winner)} comes first and wins`
    return { code: 'never-wins', rule: origin, winner, message }
  }
  const place = engine.places.get(number)
  const isFound = matcher.kind === 'plain' ? place?.seen !== 'no' : (decided[number] ?? 0) > 0
  if (!isFound && wholeTree && matcher.kind !== 'everything') {
    if (place === undefined) return { code: 'decided-nothing', rule: origin, message: `${text} decided nothing` }
    // Nobody looked there.
    if (excludedAbove(place)) return undefined
    return { code: 'no-such-path', rule: origin, message: `${text} names nothing that is there` }
  }
  if (matcher.kind === 'glob' && isRootOnly(matcher.glob, root)) {
    const name = origin.value.slice(origin.value.lastIndexOf('/') + 1)
    const message = `${text} matches directly in the source only; ${quoted(`**/${name}`)} would match everywhere`
    return { code: 'root-only', rule: origin, message }
  }
  return undefined
}

function excludedAbove(place: PlainNode): boolean {
  for (let node = place.parent; node !== undefined; node = node.parent) if (node.seen === 'excluded') return true
  return false
}

/** Whether it is a name with a wildcard, but not the wildcard alone, directly in the root. */
function isRootOnly({ lines: [{ tokens }], crossing }: Glob, root: string): boolean {
  if (crossing) return false
  const prefix = rootPrefix(root)
  const wild = tokens.findIndex(({ kind }) => kind !== 'char')
  const start = tokens.slice(0, wild).flatMap((token) => (token.kind === 'char' ? [token.code] : []))
  const text = encode(start)
  const last = tokens.slice(wild)
  const staysThere = !last.some((token) => token.kind === 'char' && token.code === 0x2f)
  const isName = text.length > prefix.length || last.some((token) => token.kind === 'char')
  return text.startsWith(prefix) && !text.slice(prefix.length).includes('/') && staysThere && isName
}
