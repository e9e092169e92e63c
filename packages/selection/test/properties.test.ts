import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  compileSelection,
  describeRule,
  formatFilelist,
  parseFilelist,
  type Candidate,
  type Selection,
} from '../src/index.ts'
import { GlobAutomaton } from '../src/lib/glob-automaton.ts'
import { GlobTrie } from '../src/lib/glob-trie.ts'
import { parseGlob } from '../src/lib/glob.ts'
import { decode } from '../src/lib/text.ts'
import { candidates, type Case, select, walk } from './model.ts'
import { cases } from './random-cases.ts'

const numRuns = process.env['COALMINE_LONG'] ? 50_000 : 1000

/** Cases that can be compiled. */
const compiled = fc.oneof(cases('3'), cases('0.8')).filter((given) => !('error' in select(given)))

/** Includes of paths that are there, many of them below what was excluded before, and nothing else. */
const crowded = cases('3')
  .map((given): [Case['tree'], string[]] => {
    const tree = given.tree.filter(({ kind }) => kind !== 'socket')
    return [tree, tree.map(({ path }) => path).filter((path) => !/[*?[]|\n$/.test(path))]
  })
  .filter(([, paths]) => paths.length > 0)
  .chain(([tree, paths]): fc.Arbitrary<Case> => {
    const path = fc.constantFrom(...paths)
    const name = path.map((path) => path.slice(path.lastIndexOf('/') + 1))
    const option = fc.oneof(
      path.map((path) => ({ option: 'include', value: `/r/${path}` })),
      fc
        .oneof(
          path.map((path) => `/r/${path}`),
          name.map((name) => `**/${name}`),
          fc.constant('/r/nowhere'),
        )
        .map((value) => ({ option: 'exclude', value })),
    )
    const options = fc.array(option, { minLength: 1, maxLength: 8 })
    return options.map((options) => ({
      root: '/r',
      tree,
      options: [...options, { option: 'exclude', value: '/r/**' }],
    }))
  })

const compile = (given: Case): Selection => compileSelection(given.options, { root: given.root, rootDevice: 1 })

describe('Selection', () => {
  // Judge: the same rules without pruning.
  it('prunes only folders in which nothing would have been selected', () => {
    let pruned = 0
    fc.assert(
      fc.property(fc.oneof(compiled, crowded), (given) => {
        fc.pre(!given.options.some(({ option }) => option === 'files-from'))
        const { explain } = compile(given)
        const everywhere = walk(given, (candidate) => {
          const { verdict, because } = explain(candidate)
          if (because === 'nothing-below') pruned++
          return because === 'nothing-below' ? 'scan' : verdict
        })
        expect(select(given)).toEqual({ paths: everywhere })
      }),
      { numRuns, seed: 11 },
    )
    expect(pruned).toBeGreaterThan(numRuns / 40)
  })

  // Judge: the tree itself. Only of plain paths it is known exactly what they can match.
  it('enters no folder in vain for plain paths, if all of them are there', () => {
    fc.assert(
      fc.property(crowded, (given) => {
        const { decide } = compile(given)
        const entered: string[] = []
        const paths = walk(given, (candidate) => {
          const verdict = decide(candidate)
          if (verdict === 'scan') entered.push(candidate.path)
          return verdict
        })
        for (const folder of entered) expect(paths).toContain(folder)
      }),
      { numRuns, seed: 16 },
    )
  })

  // Judge: each other.
  it('explains what it decides, and decides the same in any order', () => {
    fc.assert(
      fc.property(compiled, fc.infiniteStream(fc.nat()), (given, chance) => {
        const { decide, explain } = compile(given)
        const all = candidates(given)
        const decided = all.map((candidate) => decide(candidate))
        const order = all.map((candidate, i) => ({ candidate, i, at: chance.next().value })).sort((a, b) => a.at - b.at)
        for (const { candidate, i } of order) {
          const { verdict, because, rule } = explain(candidate)
          expect(verdict).toBe(decided[i])
          expect(rule === undefined).toBe(because === 'no-rule' || because === 'socket')
          expect(decide(candidate)).toBe(verdict)
        }
      }),
      { numRuns, seed: 12 },
    )
  })

  // Judge: the rules, taken away one by one. What decided must be the first that decides.
  it('names the rule that decides: without it something else does, and without all others it still does', () => {
    fc.assert(
      fc.property(compiled, (given) => {
        const lists = given.options.some(({ content, option }) => content !== undefined || option.startsWith('filter-'))
        fc.pre(!lists)
        const { explain, rules } = compile(given)
        for (const candidate of candidates(given)) {
          const { because, rule, verdict } = explain(candidate)
          if (because !== 'rule' || rule === undefined || verdict === 'scan') continue
          expect(rules).toContain(rule)
          const alone = given.options.filter(
            (option) => option.option === rule.option && (option.value ?? '') === rule.value,
          )
          const closed = verdict === 'include' ? [...alone, { option: 'exclude', value: '**' }] : alone
          const again = compileSelection(closed, { root: given.root, rootDevice: 1 }).explain(candidate)
          expect([describeRule(again.rule ?? rule), again.verdict]).toEqual([describeRule(rule), verdict])
        }
      }),
      { numRuns, seed: 13 },
    )
  })
})

describe('formatFilelist()', () => {
  const text = fc
    .array(
      fc.constantFrom('a', '/', '*', ' ', '\t', '"', "'", '#', '+', '-', '+ ', '- ', '\xa0', '\xc2\xa0', '\xff', '\\'),
      { minLength: 1, maxLength: 7 },
    )
    .map((parts) => parts.join(''))
  const sense = fc.constantFrom(undefined, 'include' as const, 'exclude' as const)

  it('writes what parseFilelist() reads', () => {
    const rule = fc
      .tuple(sense, text)
      .map(([sense, pattern]) => (sense === undefined ? { pattern } : { sense, pattern }))
    fc.assert(
      fc.property(fc.array(rule), fc.boolean(), (rules, nullSeparator) => {
        const content = formatFilelist(rules, { nullSeparator })
        expect(parseFilelist(content, { nullSeparator })).toEqual(rules.map((rule, i) => ({ ...rule, line: i + 1 })))
      }),
      { numRuns, seed: 14 },
    )
  })
})

describe('GlobAutomaton', () => {
  // Judge: itself, when it may forget nothing.
  it('gives the same answers when it forgets its states all the time', () => {
    const part = fc.constantFrom('a', 'b', '/', '*', '**', '?', '[ab]', '/a', '.x')
    const glob = fc
      .array(part, { minLength: 1, maxLength: 6 })
      .map((parts) => `/${parts.join('').replaceAll(/\/+/g, '/')}`.replace('//', '/'))
    const name = fc
      .array(fc.constantFrom('a', 'b', '/', 'x', '.', '\n', '/a/'), { maxLength: 12 })
      .map((parts) => `/${parts.join('')}`)
    fc.assert(
      fc.property(
        fc.array(glob, { minLength: 1, maxLength: 5 }),
        fc.array(name, { minLength: 1, maxLength: 8 }),
        (globs, names) => {
          const trie = new GlobTrie()
          for (const [rule, value] of globs.entries()) {
            trie.add({
              glob: parseGlob(decode(value), { option: 'include', value }),
              rule,
              include: rule % 2 === 0,
              ignoreCase: false,
            })
          }
          const [tight, wide] = [new GlobAutomaton(trie, 0), new GlobAutomaton(trie)]
          for (const each of names) {
            const ask = (automaton: GlobAutomaton): unknown =>
              automaton.events(automaton.feed(automaton.start, each, 0, each.length, true))
            expect(ask(tight)).toEqual(ask(wide))
          }
        },
      ),
      { numRuns, seed: 15 },
    )
  })
})

describe('the work of a decision', () => {
  /** How often a map was looked into, or a set or map grew, while everything in a tree was decided for the second time. */
  function workOf(rules: [string, string][], tree: readonly Candidate[]): { first: number; again: number } {
    const { decide } = compileSelection(
      rules.map(([option, value]) => ({ option, value })),
      { root: '/r' },
    )
    const spies = [vi.spyOn(Map.prototype, 'get'), vi.spyOn(Map.prototype, 'set'), vi.spyOn(Set.prototype, 'add')]
    const pass = (): number => {
      for (const spy of spies) spy.mockClear()
      for (const candidate of tree) decide(candidate)
      return spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
    }
    try {
      return { first: pass(), again: pass() }
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  }

  const tree: Candidate[] = []
  for (let i = 0; i < 100; i++) {
    tree.push({ path: `d${i}`, kind: 'directory' })
    for (let j = 0; j < 100; j++) tree.push({ path: `d${i}/f${j}.txt`, kind: 'file' })
  }
  const plain = (count: number): [string, string][] =>
    Array.from({ length: count }, (_, i) => ['exclude', `/r/d${i % 100}/f${i % 97}.txt`])

  it('is the same among a thousand plain paths as among ten', () => {
    const few = workOf([...plain(10), ['exclude', '/r/d99']], tree)
    const many = workOf([...plain(1000), ['exclude', '/r/d99']], tree)
    // One look for each candidate whose folder has a rule in it, one for the folder itself.
    expect(few.first).toBeGreaterThan(100)
    expect(many.first).toBeLessThanOrEqual(tree.length + 200)
    expect(many.again).toBeLessThanOrEqual(tree.length + 200)
  })

  it('is next to none among a thousand globs, once names of their kind were met', () => {
    const globs = Array.from({ length: 1000 }, (_, i): [string, string] => ['exclude', `**/g${i}*.txt`])
    expect(workOf(globs, tree).again).toBeLessThan(tree.length / 10)
  })

  it.each([
    ['stars', `/r/${'*a'.repeat(60)}b`],
    ['double stars', `/r/${'**a'.repeat(60)}b`],
    ['question marks after a star', `/r/*a${'?'.repeat(60)}b`],
    ['classes', `/r/${'*[ab]'.repeat(60)}c`],
    ['stars only', `/r/${'*'.repeat(5000)}b`],
    ['stars and slashes', `/r/${'**/*'.repeat(60)}b`],
  ])('grows with the length of the name and of the glob only, at worst: %s', (_, glob) => {
    const work = (length: number): number =>
      workOf([['exclude', glob]], [{ path: 'a'.repeat(length), kind: 'file' }]).first
    const limit = (length: number): number => 8 * length * Math.min(glob.length, 250) + 1000
    expect(work(250)).toBeLessThan(limit(250))
    expect(work(2000)).toBeLessThan(limit(2000))
  })
})
