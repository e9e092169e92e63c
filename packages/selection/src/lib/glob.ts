import type { CharClass } from './char-class.ts'
import { named, type RuleOrigin } from './rule-origin.ts'
import { SelectionError } from './selection-error.ts'
import { encode, quoted } from './text.ts'

/**
 * One step of a glob: a character, one of a class, any number of characters but `/` (`*`), any number of any (`**`).
 */
export type GlobToken =
  | { kind: 'char'; code: number }
  | { kind: 'class'; set: CharClass; key: string }
  | { kind: 'star' }
  | { kind: 'globstar' }

/**
 * A row of tokens in which the beginnings of a glob end: the names of folders that lie on the way to what it matches.
 */
export interface GlobLine {
  /** How many tokens of the main line come before. */
  after: number
  tokens: readonly GlobToken[]
  /** After how many of its tokens a beginning ends; ascending. */
  cuts: readonly number[]
}

export interface Glob {
  /** The whole glob, then the other readings of its beginnings. */
  lines: readonly [GlobLine, ...GlobLine[]]
  /** Ended in a slash: only folders match, and what is in them. */
  directoryOnly: boolean
  /** Whether the number of slashes in what it matches can vary. */
  crossing: boolean
}

const slash = 0x2f
const star = 0x2a
const question = 0x3f
const opening = 0x5b
const closing = 0x5d

const anyButSlash: GlobToken = {
  kind: 'class',
  key: '?',
  set: { ranges: [slash, slash], negated: true, ignoreCase: false },
}

/** Whether there is anything in a pattern that does not stand for itself. */
export function isPlain(codes: readonly number[]): boolean {
  return !codes.some((code) => code === star || code === question || code === opening)
}

/**
 * Reads a shell glob as duplicity does: `*`, `?`, `**`, and classes with ranges, negated by `!` or `^`. Nothing can be
 * escaped; a bracket that nothing closes stands for itself. Beginnings are cut from the text at its slashes, brackets or
 * not, as far as the first `**`: a class that holds a slash is cut open, and its bracket stands for itself there.
 *
 * @param codes - The glob as code points, not empty.
 * @throws SelectionError `double-slash`, `bad-range`.
 */
export function parseGlob(codes: readonly number[], origin: RuleOrigin, ignoreCase = false): Glob {
  // A lone slash takes everything.
  if (codes.length === 1 && codes[0] === slash) codes = [slash, star, star]
  const directoryOnly = codes.at(-1) === slash
  const text = directoryOnly ? codes.slice(0, -1) : codes
  const end = cutEnd(text)
  const textCuts = slashes(text, end)
  if (end < text.length) textCuts.push(end)
  const lastClosing = text.lastIndexOf(closing)

  const tokens: GlobToken[] = []
  const cuts: number[] = []
  const branches: GlobLine[] = []
  let crossing = false
  let nextCut = 0
  for (let at = 0; at < text.length;) {
    const close = text[at] === opening && at < lastClosing ? closeOf(text, at) : -1
    const to = close > 0 ? close + 1 : at + widthAt(text, at)
    const inside: number[] = []
    for (let cut; (cut = textCuts[nextCut]) !== undefined && cut < to; nextCut++) {
      if (cut === at) cuts.push(tokens.length)
      else inside.push(cut)
    }
    if (inside.length > 0) branches.push(openedBracket(text, at, inside, tokens.length))
    const token = close > 0 ? classToken(text.slice(at + 1, close), origin, ignoreCase) : simpleToken(text, at)
    crossing ||= token.kind === 'globstar' || token.kind === 'class'
    if (!isIdle(token, tokens.at(-1))) tokens.push(token)
    at = to
  }
  if (textCuts.some((cut) => text[cut] === slash && text[cut - 1] === slash)) {
    throw new SelectionError(
      'double-slash',
      `Cannot use ${named(origin)}: it has two slashes in a row, which no path has`,
      origin,
    )
  }
  for (; nextCut < textCuts.length; nextCut++) cuts.push(tokens.length)
  return { lines: [{ after: 0, tokens, cuts }, ...branches], directoryOnly, crossing }
}

/** Beginnings end after the first `**`, wherever it stands. */
function cutEnd(text: readonly number[]): number {
  for (let at = 0; at + 1 < text.length; at++) if (text[at] === star && text[at + 1] === star) return at + 2
  return text.length
}

/** Where beginnings end: before each slash but a leading one. */
function slashes(text: readonly number[], end: number): number[] {
  const found: number[] = []
  for (let at = 1; at < end; at++) if (text[at] === slash) found.push(at)
  return found
}

/** Whether a token adds nothing to the one before: `****` and `***` are `**`. */
function isIdle(token: GlobToken, before: GlobToken | undefined): boolean {
  return before?.kind === 'globstar' && (token.kind === 'globstar' || token.kind === 'star')
}

function widthAt(text: readonly number[], at: number): number {
  return text[at] === star && text[at + 1] === star ? 2 : 1
}

/** Where the class that is opened at `at` is closed, or -1. */
function closeOf(text: readonly number[], at: number): number {
  let from = at + 1
  if (text[from] === 0x21 || text[from] === 0x5e) from++
  if (text[from] === closing) from++
  return text.indexOf(closing, from)
}

function simpleToken(text: readonly number[], at: number): GlobToken {
  const code = text[at] ?? 0
  if (code === star) return { kind: widthAt(text, at) === 2 ? 'globstar' : 'star' }
  return code === question ? anyButSlash : { kind: 'char', code }
}

function openedBracket(text: readonly number[], at: number, inside: readonly number[], after: number): GlobLine {
  const tokens: GlobToken[] = [{ kind: 'char', code: opening }]
  const cuts: number[] = []
  const end = inside.at(-1) ?? at
  let position = at + 1
  for (const cut of inside) {
    while (position < cut) {
      const width = position + 1 < end ? widthAt(text, position) : 1
      tokens.push(simpleToken(text.slice(position, Math.min(position + 2, end)), 0))
      position += width
    }
    cuts.push(tokens.length)
  }
  return { after, tokens, cuts }
}

function classToken(content: readonly number[], origin: RuleOrigin, ignoreCase: boolean): GlobToken {
  const negated = content[0] === 0x21 || content[0] === 0x5e
  const listed = negated ? content.slice(1) : content
  const ranges: number[] = []
  for (let at = 0; at < listed.length;) {
    const low = listed[at] ?? 0
    const isRange = listed[at + 1] === 0x2d && at + 2 < listed.length
    const high = isRange ? (listed[at + 2] ?? 0) : low
    if (high < low) {
      const range = quoted(encode([low, 0x2d, high]))
      throw new SelectionError(
        'bad-range',
        `Cannot use ${named(origin)}: the range ${range} ends before it begins`,
        origin,
      )
    }
    ranges.push(low, high)
    at += isRange ? 3 : 1
  }
  const key = `${negated ? '^' : '='}${ignoreCase ? 'i' : '='}${encode(listed)}`
  return { kind: 'class', key, set: { ranges, negated, ignoreCase } }
}
