import { itWith } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegexpAutomaton } from '../src/lib/regexp-automaton.ts'
import { parseRegexp } from '../src/lib/regexp-parser.ts'
import { compileProgram } from '../src/lib/regexp-program.ts'
import { RegexpProblem } from '../src/lib/regexp-syntax.ts'
import { encode, fromText } from '../src/lib/text.ts'
import { askPython, python } from './oracle/python.ts'
import { expression, name } from './random-regexp.ts'

/** Which names the expression is found in; or the kind of what is wrong with it. */
function search(
  pattern: readonly number[],
  ignoreCase: boolean,
  names: readonly (readonly number[])[],
): boolean[] | string {
  let automaton: RegexpAutomaton
  try {
    automaton = new RegexpAutomaton(compileProgram(parseRegexp(pattern, ignoreCase)), 2000)
  } catch (error) {
    if (error instanceof RegexpProblem) return error.kind
    throw error
  }
  return names.map((codes) => {
    const raw = encode(codes)
    // In two pieces, as a walk does it.
    const cut = raw.lastIndexOf('/') + 1
    const folder = automaton.feed(automaton.start, raw, 0, cut, false)
    return automaton.matches(automaton.feed(folder, raw, cut, raw.length, true))
  })
}

const runs = process.env['COALMINE_LONG'] ? 200_000 : 4000
const seed = process.env['COALMINE_LONG'] ? Date.now() % 1_000_000 : 7

describe('regular expressions', () => {
  itWith(
    python,
    `are found where Python finds them, and refused where it refuses them (seed ${seed})`,
    async () => {
      const drawn = fc.sample(fc.tuple(expression, fc.boolean(), fc.array(name, { minLength: 12, maxLength: 12 })), {
        numRuns: runs,
        seed,
      })
      const questions = drawn.map(([pattern, ignoreCase, names]): [number[], boolean, number[][]] => [
        fromText(pattern),
        ignoreCase,
        names.map((each) => fromText(each)),
      ])
      const counts = { agreed: 0, refusedByBoth: 0, refusedByUs: 0, tooSlowForPython: 0 }
      for (let at = 0; at < questions.length; at += 4000) {
        const batch = questions.slice(at, at + 4000)
        const answers = await askPython(batch.map((search) => ({ search })))
        for (const [i, [pattern, ignoreCase, names]] of batch.entries()) {
          const ours = search(pattern, ignoreCase, names)
          const theirs = answers[i]
          const what = JSON.stringify([drawn[at + i]?.[0], ignoreCase, ours, theirs])
          if (ours === 'unsupported-regexp') counts.refusedByUs++
          else if (theirs === 'TimeoutError') counts.tooSlowForPython++
          else if (typeof theirs === 'string') {
            expect(ours, what).toBe('bad-regexp')
            counts.refusedByBoth++
          } else {
            expect(ours, what).toEqual(theirs)
            counts.agreed++
          }
        }
      }
      // Few enough are refused, and enough of each.
      expect(counts.agreed).toBeGreaterThan(runs * 0.6)
      expect(counts.refusedByBoth).toBeGreaterThan(runs * 0.05)
      expect(counts.refusedByUs).toBeGreaterThan(runs * 0.02)
    },
    3_600_000,
  )

  it('are refused by name and place when an automaton cannot do them', () => {
    const refused = (pattern: string): string => {
      try {
        parseRegexp(fromText(pattern), false)
      } catch (error) {
        if (error instanceof RegexpProblem) return `${error.position}: ${error.message}`
      }
      return 'fine'
    }
    expect(refused('a(?=b)')).toBe('2: looking ahead, (?=…), is not')
    expect(refused('(?!b)')).toBe('1: looking ahead, (?!…), is not')
    expect(refused('(?<=b)')).toBe('1: looking behind, (?<…), is not')
    expect(refused('(?<!b)')).toBe('1: looking behind, (?<…), is not')
    expect(refused('(a)\\1')).toBe('4: references to groups, \\1, are not')
    expect(refused('(?P<x>a)(?P=x)')).toBe('9: references to groups, (?P=…), are not')
    expect(refused('(a)(?(1)b|c)')).toBe('4: conditions, (?(…)…), are not')
    expect(refused('(?>a)')).toBe('1: atomic groups, (?>…), are not')
    expect(refused('ba*+')).toBe('4: possessive repeats, as in *+, are not')
    expect(refused('\\N{BULLET}')).toBe('1: characters by name, \\N{…}, are not')
  })

  it('are refused before they unfold to too much, and never overflow the stack', () => {
    const kind = (pattern: string): string => search(fromText(pattern), false, []) as string
    expect(kind('(((a{99}){99}){99}){99}')).toBe('too-large')
    expect(kind('a{10000}')).toBe('too-large')
    expect(kind('(?:){4294967294}')).toBe('too-large')
    expect(kind('('.repeat(60_000))).toBe('too-large')
    expect(kind('(?:a|'.repeat(30_000))).toBe('too-large')
    expect(kind('a'.repeat(60_000))).toBe('too-large')
    expect(kind('[^/]{1,255}/[^/]{1,255}')).toEqual([])
  })
})
