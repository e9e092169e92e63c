import type { CharClass } from './char-class.ts'
import { CodeReader } from './code-reader.ts'
import { kindClass, kindTest, readClassEscape, readEscape } from './regexp-escape.ts'
import { type RegexpFlags, type RegexpNode, RegexpProblem } from './regexp-syntax.ts'

const maxDepth = 200
/** Python's own limit of a counter. */
const maxRepeat = 4_294_967_295
const flagNames: Record<string, keyof RegexpFlags> = {
  a: 'ascii',
  i: 'ignoreCase',
  m: 'multiline',
  s: 'dotAll',
  x: 'verbose',
}

/**
 * Reads a regular expression of Python's `re` for text. Everything that asks whether there is a match is there; greedy and
 * reluctant are the same for that. References to groups, looking around, conditions, atomic groups and possessive repeats
 * are refused: an automaton cannot do them.
 *
 * @throws RegexpProblem
 */
export function parseRegexp(codes: readonly number[], ignoreCase: boolean): RegexpNode {
  const flags: RegexpFlags = { ascii: false, ignoreCase, multiline: false, dotAll: false, verbose: false }
  return new RegexpParser(codes, flags).whole()
}

class RegexpParser {
  readonly #reader: CodeReader
  readonly #groups = new Set<string>()
  readonly #globalLetters = new Set<string>()
  #global: RegexpFlags
  #depth = 0

  constructor(codes: readonly number[], flags: RegexpFlags) {
    this.#reader = new CodeReader(codes)
    this.#global = flags
  }

  whole(): RegexpNode {
    const node = this.#choice(undefined)
    if (!this.#reader.done) throw this.#bad('a parenthesis is closed that was not opened', this.#reader.at)
    return node
  }

  /** Alternatives; `flags` are those of the group, or the global ones, which the first item may still change. */
  #choice(flags: RegexpFlags | undefined): RegexpNode {
    if (++this.#depth > maxDepth) {
      throw new RegexpProblem('too-large', `it nests more than ${maxDepth} groups`, this.#reader.at)
    }
    const options = [this.#sequence(flags, flags === undefined)]
    while (this.#reader.take('|')) options.push(this.#sequence(flags, false))
    this.#depth--
    return options.length === 1 ? (options[0] ?? empty) : { kind: 'choice', options }
  }

  #sequence(given: RegexpFlags | undefined, first: boolean): RegexpNode {
    const items: RegexpNode[] = []
    for (;;) {
      const flags = given ?? this.#global
      const start = this.#reader.at
      const char = this.#reader.peek()
      if (char === undefined || char === '|' || char === ')') break
      this.#reader.at++
      if (flags.verbose && this.#skipped(char)) continue
      if (char === '(') {
        const group = this.#group(flags, first && items.length === 0, start)
        if (group !== undefined) items.push(group)
        continue
      }
      const count = this.#counter(char)
      if (count === undefined) items.push(this.#single(char, flags, start))
      else items.push(this.#repeat(items.pop(), count, start))
    }
    return items.length === 1 ? (items[0] ?? empty) : { kind: 'sequence', items }
  }

  #skipped(char: string): boolean {
    if (char === '#') this.#reader.while(/[^\n]/u)
    return char === '#' || /[ \t\n\r\v\f]/.test(char)
  }

  #single(char: string, flags: RegexpFlags, start: number): RegexpNode {
    const { ascii } = flags
    switch (char) {
      case '.':
        return { kind: 'set', set: { ranges: flags.dotAll ? [] : [10, 10], negated: true, ignoreCase: false } }
      case '^':
        return { kind: 'place', place: flags.multiline ? 'line-start' : 'start', ascii }
      case '$':
        return { kind: 'place', place: flags.multiline ? 'line-end' : 'end', ascii }
      case '[':
        return { kind: 'set', set: this.#class(flags, start) }
      case '\\': {
        const escape = readEscape(this.#reader)
        if (escape.kind === 'place') return { kind: 'place', place: escape.place, ascii }
        if (escape.kind === 'kind') return { kind: 'set', set: kindClass(escape.letter, ascii) }
        return charNode(escape.code, flags)
      }
      default:
        return charNode(char.codePointAt(0) ?? 0, flags)
    }
  }

  #class({ ascii, ignoreCase }: RegexpFlags, start: number): CharClass {
    const reader = this.#reader
    const ranges: number[] = []
    const also: ((code: number) => boolean)[] = []
    const negated = reader.take('^')
    const one = (): number | undefined => {
      const char = reader.char()
      if (char === undefined) throw this.#bad('a bracket is not closed', start)
      if (char !== '\\') return char.codePointAt(0) ?? 0
      const escape = readClassEscape(reader)
      if (escape.kind === 'char') return escape.code
      if (escape.kind === 'kind') also.push(kindTest(escape.letter, ascii))
      return undefined
    }
    for (let empty = true; empty || reader.peek() !== ']'; empty = false) {
      const position = reader.at
      const low = one()
      let high = low
      if (reader.peek() === '-') {
        reader.at++
        // A minus before the closing bracket is itself.
        if (reader.peek() === ']') ranges.push(0x2d, 0x2d)
        else {
          high = one()
          if (low === undefined || high === undefined || high < low)
            throw this.#bad('a range ends before it begins', position)
        }
      }
      if (low !== undefined && high !== undefined) ranges.push(low, high)
    }
    reader.at++
    const folded = ignoreCase && !ascii
    return { ranges: ignoreCase && ascii ? bothCases(ranges) : ranges, also, negated, ignoreCase: folded }
  }

  /** How often the last item may come, if `char` begins that. */
  #counter(char: string): [min: number, max: number] | undefined {
    if (char === '*') return [0, Infinity]
    if (char === '+') return [1, Infinity]
    if (char === '?') return [0, 1]
    if (char !== '{') return undefined
    const reader = this.#reader
    const start = reader.at
    if (reader.peek() === '}') return undefined
    const low = reader.while(/[0-9]/)
    const high = reader.take(',') ? reader.while(/[0-9]/) : low
    if (!reader.take('}')) {
      // Not a counter: a brace stands for itself.
      reader.at = start
      return undefined
    }
    const min = low === '' ? 0 : Number(low)
    const max = high === '' ? Infinity : Number(high)
    if (min >= maxRepeat || (max !== Infinity && max >= maxRepeat)) throw this.#bad('a counter is too high', start)
    if (max < min) throw this.#bad('a counter ends before it begins', start)
    return [min, max]
  }

  #repeat(item: RegexpNode | undefined, [min, max]: [number, number], start: number): RegexpNode {
    if (item === undefined || item.kind === 'place') throw this.#bad('there is nothing to repeat', start)
    if (item.kind === 'repeat') throw this.#bad('a repeat is repeated', start)
    if (!this.#reader.take('?') && this.#reader.peek() === '+') {
      throw new RegexpProblem('unsupported-regexp', 'possessive repeats, as in *+, are not', this.#reader.at)
    }
    return { kind: 'repeat', item, min, max }
  }

  /** What an opening parenthesis begins; nothing for a comment or flags. */
  #group(flags: RegexpFlags, first: boolean, start: number): RegexpNode | undefined {
    const reader = this.#reader
    let inner = flags
    if (reader.take('?')) {
      const char = reader.char()
      if (char === '#') {
        reader.while(/[^)]/u)
        if (!reader.take(')')) throw this.#bad('a comment is not closed', start)
        return undefined
      }
      if (char === 'P') this.#name(start)
      else if (char !== ':') {
        const changed = this.#flags(char, flags, first, start)
        if (changed === undefined) return undefined
        inner = changed
      }
    }
    const content = this.#choice(inner)
    if (!reader.take(')')) throw this.#bad('a parenthesis is not closed', start)
    // A group is an item of its own: what it repeats may be repeated.
    return content.kind === 'sequence' || content.kind === 'choice' ? content : { kind: 'sequence', items: [content] }
  }

  #name(start: number): void {
    const reader = this.#reader
    if (reader.take('=')) throw new RegexpProblem('unsupported-regexp', 'references to groups, (?P=…), are not', start)
    if (!reader.take('<')) throw this.#bad('(?P begins nothing that there is', start)
    const name = reader.while(/[^>]/u)
    if (!reader.take('>') || !/^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(name))
      throw this.#bad('a group has no proper name', start)
    if (this.#groups.has(name)) throw this.#bad(`two groups have the name ${name}`, start)
    this.#groups.add(name)
  }

  /** The flags of the group that begins; nothing if they are those of the whole expression. */
  #flags(begin: string | undefined, flags: RegexpFlags, first: boolean, start: number): RegexpFlags | undefined {
    const refused = refusedGroups[begin ?? '']
    if (refused !== undefined) throw new RegexpProblem('unsupported-regexp', `${refused} not`, start)
    const changed = { ...flags }
    const used = new Set<string>()
    let on = true
    let char = begin
    for (; char !== undefined && char !== ')' && char !== ':'; char = this.#reader.char()) {
      const name = flagNames[char]
      if (char === '-' && on) on = false
      else if (char === 'u' && on && !used.has('a')) changed.ascii = false
      else if (name !== undefined && (on || name !== 'ascii') && !(name === 'ascii' && used.has('u')))
        changed[name] = on
      else throw this.#bad(`(?${begin} begins nothing that there is`, start)
      if (char !== '-') {
        if (!on && used.has(char)) throw this.#bad(`the flag ${char} is switched on and off`, start)
        used.add(char)
      } else if (!/[imsx]/.test(this.#reader.peek() ?? '')) throw this.#bad('flags end in a minus', start)
    }
    if (char === undefined) throw this.#bad('a parenthesis is not closed', start)
    if (char === ':') return changed
    if (!on || used.size === 0) throw this.#bad('flags to switch off need a group', start)
    if (!first) throw this.#bad('flags of the whole expression do not stand at its beginning', start)
    for (const each of used) this.#globalLetters.add(each)
    if (this.#globalLetters.has('a') && this.#globalLetters.has('u'))
      throw this.#bad('the flags a and u exclude each other', start)
    this.#global = changed
    return undefined
  }

  #bad(message: string, index: number): RegexpProblem {
    return new RegexpProblem('bad-regexp', message, index)
  }
}

const empty: RegexpNode = { kind: 'sequence', items: [] }

const refusedGroups: Record<string, string> = {
  '=': 'looking ahead, (?=…), is',
  '!': 'looking ahead, (?!…), is',
  '<': 'looking behind, (?<…), is',
  '(': 'conditions, (?(…)…), are',
  '>': 'atomic groups, (?>…), are',
}

function charNode(code: number, { ignoreCase, ascii }: RegexpFlags): RegexpNode {
  const ranges = ignoreCase && ascii ? bothCases([code, code]) : [code, code]
  return { kind: 'set', set: { ranges, negated: false, ignoreCase: ignoreCase && !ascii } }
}

/** The ranges, and those of their ASCII letters in the other case: what `(?ai)` means. */
function bothCases(ranges: readonly number[]): number[] {
  const all = [...ranges]
  for (let i = 0; i < ranges.length; i += 2) {
    const low = ranges[i] ?? 0
    const high = ranges[i + 1] ?? 0
    for (const [first, last, other] of [
      [65, 90, 32],
      [97, 122, -32],
    ] as const) {
      if (low <= last && high >= first) all.push(Math.max(low, first) + other, Math.min(high, last) + other)
    }
  }
  return all
}
