import { Engine } from './engine.ts'
import { canonicalRoot } from './root-name.ts'
import { readOptions } from './rule-list.ts'
import type { RuleOrigin } from './rule-origin.ts'
import { findShadowed } from './shadow.ts'
import type { Candidate, Explanation, SelectionOption, SelectionSettings, Verdict } from './types.ts'
import { findWarnings, type SelectionWarning } from './warnings.ts'

/** Rules, ready to be asked. */
export interface Selection {
  /**
   * Whether something is in the backup. To be asked for folders before what is in them; what is in an excluded folder is
   * not in, whatever this says of it. Needs no `this`: it can be given to a walk as it is.
   */
  readonly decide: (candidate: Candidate) => Verdict
  /** The same, and why. It is not counted as part of a walk. */
  readonly explain: (candidate: Candidate) => Explanation
  /** What looks like a mistake in the rules, after everything in the tree was decided. */
  readonly warnings: () => SelectionWarning[]
  /** The rules, in the order in which they are asked. */
  readonly rules: readonly RuleOrigin[]
  /**
   * The paths of `--files-from`: only they, and the folders on the way to them, are to be looked at. Each once, in the order
   * of archives.
   */
  readonly filesFrom: readonly string[] | undefined
}

/**
 * Compiles the selection options of a command line. The first rule that matches wins; what no rule matches is included.
 *
 * @throws SelectionError with the option, the list and the line at fault.
 * @throws TypeError if the content of a list, or the root's file system where it is needed, is not given.
 */
export function compileSelection(options: readonly SelectionOption[], settings: SelectionSettings): Selection {
  const root = canonicalRoot(settings.root)
  const { rules, filesFrom } = readOptions(options, settings)
  const engine = new Engine(rules, root, settings.rootDevice)
  const shadowed = findShadowed(engine, root)
  for (const number of rules.keys()) if (rules[number]?.include && !shadowed.has(number)) engine.enliven(number)
  const decided = new Uint32Array(rules.length)

  function decide(candidate: Candidate): Verdict {
    if (candidate.path === '') return 'include'
    if (candidate.kind === 'socket') return 'exclude'
    const { verdict, rule, scan } = engine.evaluate(candidate)
    const by = verdict === 'scan' ? scan : rule
    if (by < Infinity) decided[by] = (decided[by] ?? 0) + 1
    engine.mark(verdict)
    return verdict
  }

  function explain(candidate: Candidate): Explanation {
    if (candidate.path === '') return { verdict: 'include', because: 'root' }
    if (candidate.kind === 'socket') return { verdict: 'exclude', because: 'socket' }
    const { verdict, rule, scan, futile } = engine.evaluate(candidate)
    const deciding = rules[rule]?.origin
    if (scan === Infinity)
      return deciding === undefined ? { verdict, because: 'no-rule' } : { verdict, because: 'rule', rule: deciding }
    if (futile) return { verdict, because: 'nothing-below', rule: deciding }
    const because = verdict === 'scan' ? 'rule' : 'no-folder'
    return { verdict, because, rule: rules[scan]?.origin, otherwise: deciding }
  }

  return {
    decide,
    explain,
    warnings: () => findWarnings({ engine, root, shadowed, decided, wholeTree: filesFrom === undefined }),
    rules: rules.map(({ origin }) => origin),
    filesFrom,
  }
}
