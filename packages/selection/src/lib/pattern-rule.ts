import { GlobAutomaton } from './glob-automaton.ts'
import { GlobTrie } from './glob-trie.ts'
import { type Glob, isPlain, parseGlob } from './glob.ts'
import { caseKey, casefold, lowercase } from './letter-case.ts'
import { parseRegexp } from './regexp-parser.ts'
import { compileProgram } from './regexp-program.ts'
import { RegexpProblem } from './regexp-syntax.ts'
import { placeOf, rootPrefix } from './root-name.ts'
import { named, type RuleOrigin } from './rule-origin.ts'
import type { Matcher, PlainForm } from './rules.ts'
import { SelectionError } from './selection-error.ts'
import { decode, encode, quoted, toText } from './text.ts'

/** How patterns are read. */
export interface PatternMode {
  kind: 'glob' | 'literal' | 'regexp'
  ignoreCase: boolean
}

/** What patterns are compared with. */
export interface PatternRoot {
  /** Canonical. */
  root: string
  compat: '3' | '0.8'
}

const maxPatternBytes = 65_536
const prefix = 'ignorecase:'

/** How names are looked up in an index of that form. */
export const formOf: Record<PlainForm, (raw: string) => string> = {
  exact: (raw) => raw,
  literal: (raw) => raw,
  'same-case': (raw) => toText(decode(raw).map((code) => caseKey(code))),
  casefold: (raw) => toText(casefold(decode(raw))),
}

/**
 * Reads the pattern of a rule.
 *
 * @throws SelectionError if it cannot be read, or nothing under the root can match it.
 */
export function readPattern(origin: RuleOrigin, mode: PatternMode, place: PatternRoot): Matcher {
  const { value } = origin
  if (value.length > maxPatternBytes) {
    throw new SelectionError(
      'too-large',
      `Cannot use a pattern of ${value.length} bytes: ${maxPatternBytes} are the most`,
      origin,
    )
  }
  if (mode.kind === 'regexp') return regexpMatcher(origin, mode.ignoreCase)
  if (mode.kind === 'literal') return literalMatcher(origin, mode.ignoreCase, place)
  return globMatcher(origin, mode.ignoreCase, place)
}

/** A regular expression, searched for in the whole name. */
export function regexpMatcher(origin: RuleOrigin, ignoreCase: boolean): Matcher {
  try {
    return { kind: 'regexp', program: compileProgram(parseRegexp(decode(origin.value), ignoreCase)) }
  } catch (error) {
    if (!(error instanceof RegexpProblem)) throw error
    const at = `at character ${error.position}`
    const why = {
      'bad-regexp': `it is no regular expression of Python, ${at}: ${error.message}`,
      'unsupported-regexp': `${at}, ${error.message} supported`,
      'too-large': error.message,
    }[error.kind]
    throw new SelectionError(error.kind, `Cannot use ${named(origin)}: ${why}`, origin, { cause: error })
  }
}

function literalMatcher(origin: RuleOrigin, ignoreCase: boolean, { root }: PatternRoot): Matcher {
  const { value } = origin
  if (value === '') throw emptyPattern(origin)
  if (value === '/' && root === '/') return { kind: 'everything' }
  const text = value !== '/' && value.endsWith('/') ? value.slice(0, -1) : value
  return plainMatcher(text, ignoreCase ? 'casefold' : 'literal', false, origin, root)
}

function globMatcher(origin: RuleOrigin, modeIgnoresCase: boolean, place: PatternRoot): Matcher {
  const { value } = origin
  const { root, compat } = place
  const prefixed = value.slice(0, prefix.length).toLowerCase() === prefix
  const ignoreCase = prefixed || modeIgnoresCase
  let codes = decode(prefixed ? value.slice(prefix.length) : value)
  if (prefixed) codes = compat === '0.8' ? lowercase(codes) : casefold(codes)
  if (codes.length === 0) throw emptyPattern(origin)

  // Read in any case: this finds what is wrong with it.
  const glob = parseGlob(codes, origin, ignoreCase)
  const plain = isPlain(codes) && !(codes.length === 1 && codes[0] === 0x2f)
  if (compat === '0.8' && prefixed && !reachesRoot(parseGlob(codes, origin), codes, root, false)) {
    // 0.8 compares the lowered pattern with the root as it is written.
    throw notUnderRoot(origin, root)
  }
  if (!plain) {
    if (!reachesRoot(glob, codes, root, ignoreCase)) throw notUnderRoot(origin, root)
    const [{ tokens }] = glob.lines
    const everything = tokens.length === 1 && tokens[0]?.kind === 'globstar' && !glob.directoryOnly
    return everything ? { kind: 'everything' } : { kind: 'glob', glob, ignoreCase }
  }
  const text = encode(glob.directoryOnly ? codes.slice(0, -1) : codes)
  return plainMatcher(text, ignoreCase ? 'same-case' : 'exact', glob.directoryOnly, origin, root)
}

function plainMatcher(
  text: string,
  form: PlainForm,
  directoryOnly: boolean,
  origin: RuleOrigin,
  root: string,
): Matcher {
  const key = formOf[form]
  const isGlob = form === 'exact' || form === 'same-case'
  const found = placeOf(key(text), key(root), isGlob)
  if (found === undefined) throw notUnderRoot(origin, root)
  if (found.kind === 'above') return { kind: 'everything' }
  if (found.kind === 'nowhere') return { kind: 'nothing' }
  return { kind: 'plain', form, components: found.components, directoryOnly }
}

/** Whether a glob matches the root, or a folder above it, or could match something below it. */
function reachesRoot(glob: Glob, codes: readonly number[], root: string, ignoreCase: boolean): boolean {
  // A beginning of every absolute glob is the slash alone.
  if (root === '/' && codes[0] === 0x2f) return true
  const text = encode(codes)
  const start = rootPrefix(root)
  // Not the only way, but the common ones.
  if (text.startsWith('**') || (text.startsWith(start) && isPlain(decode(start)))) return true
  const trie = new GlobTrie()
  trie.add({ glob, rule: 0, include: true, ignoreCase })
  const automaton = new GlobAutomaton(trie)
  return automaton.events(automaton.feed(automaton.start, root, 0, root.length, true)).length > 0
}

function emptyPattern(origin: RuleOrigin): SelectionError {
  return new SelectionError('empty-pattern', `Cannot use ${named(origin)}: it is empty`, origin)
}

function notUnderRoot(origin: RuleOrigin, root: string): SelectionError {
  const start = rootPrefix(root)
  const hint = `patterns begin with ${quoted(start)} or with "**"`
  return new SelectionError(
    'not-under-root',
    `Cannot use ${named(origin)}: it can match nothing in the source ${quoted(root)}; ${hint}`,
    origin,
  )
}
