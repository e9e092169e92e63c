import * as fc from 'fast-check'
import { type Answer, type Case, select } from './model.ts'
import { askReal, type RealAnswer, type Version } from './oracle/duplicity.ts'
import { cases } from './random-cases.ts'

/** A case that is decided otherwise than the real program decides it. */
export interface Difference {
  given: Case
  ours: Answer
  real: RealAnswer
}

const exits: Record<string, number> = {
  'not-under-root': 14,
  'double-slash': 15,
  'redundant-include': 16,
  'redundant-filter': 70,
  'trailing-filter': 71,
  'absolute-files-from': 72,
  'empty-files-from': 73,
}

const crashes: Record<string, string[]> = {
  'bad-range': ['error', 'PatternError'],
  'bad-regexp': ['error', 'PatternError', 'OverflowError'],
  'empty-pattern': ['IndexError'],
}

/**
 * What is done better on purpose, and is no difference: lists that are not UTF-8 are read; paths of --files-from are tidied,
 * and work under the root "/", as literal patterns do.
 */
function isBetter({ root, options }: Case, real: RealAnswer): boolean {
  const has = (name: string): boolean => options.some(({ option }) => option === name)
  // A path that ends in a slash stops the real program later on.
  if ('crash' in real)
    return real.crash === 'UnicodeDecodeError' || (real.crash === 'AssertionError' && has('files-from'))
  if (/^[/.]*$/.test(root) && root.startsWith('/')) {
    if ('exit' in real) return real.exit === 14 && has('filter-literal')
    return has('files-from') && real.paths.length === 1
  }
  return 'paths' in real && has('files-from') && real.paths.some((path) => /\/$|\/\/|^\.\/|\/\.\//.test(path))
}

/**
 * Folders above what --files-from names and is not there. The real program decides about such a name as if it were, and
 * stores a folder that should come only with something in it.
 */
function foldersOfNothing({ tree, options }: Case): Set<string> {
  const existing = new Set(tree.map(({ path }) => path))
  const separator = options.some(({ option }) => option === 'null-separator') ? '\0' : '\n'
  const lists = options.filter(({ option }) => option === 'files-from')
  const folders = new Set<string>()
  for (const path of lists.flatMap(({ content = '' }) => content.split(separator))) {
    if (existing.has(path)) continue
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) folders.add(path.slice(0, at))
  }
  return folders
}

/** Whether both decide alike, or ours better; what is refused by name is refused. */
function agree(given: Case, ours: Answer, real: RealAnswer): boolean {
  if (isBetter(given, real)) return true
  if ('error' in ours) {
    if (ours.error === 'unsupported-regexp') return true
    if ('exit' in real) return exits[ours.error] === real.exit
    return 'crash' in real && (crashes[ours.error]?.includes(real.crash) ?? false)
  }
  if (!('paths' in real)) return false
  const chosen = new Set(ours.paths)
  const ofNothing = foldersOfNothing(given)
  const expected = real.paths.filter((path) => chosen.has(path) || !ofNothing.has(path))
  return ours.paths.length === expected.length && ours.paths.every((path, i) => path === expected[i])
}

const compatOf = { '0.8.22': '0.8', '3.0.4': '3' } as const

/** Cases from a seed. */
export function draw(version: Version, count: number, seed: number): Case[] {
  return fc.sample(cases(compatOf[version]), { numRuns: count, seed })
}

/** All cases that are decided otherwise. */
export async function compare(version: Version, given: readonly Case[]): Promise<Difference[]> {
  const answers = await askReal(version, given)
  return given.flatMap((each, i) => {
    const real = answers[i]
    const ours = select(each, { compat: compatOf[version] })
    return real === undefined || agree(each, ours, real) ? [] : [{ given: each, ours, real }]
  })
}

/** The smallest case that still differs, by leaving out one thing after the other. */
export async function shrink(version: Version, difference: Difference): Promise<Difference> {
  let smallest = difference
  for (let round = 0; round < 60; round++) {
    const [better] = await compare(version, smaller(smallest.given))
    if (better === undefined) break
    smallest = better
  }
  return smallest
}

function smaller({ root, tree, options }: Case): Case[] {
  const fewer: Case[] = options.map((_, i) => ({ root, tree, options: options.toSpliced(i, 1) }))
  for (const { path } of tree) {
    fewer.push({ root, options, tree: tree.filter((each) => each.path !== path && !each.path.startsWith(`${path}/`)) })
  }
  for (const [i, option] of options.entries()) {
    const shorter = (text: string): string[] => Array.from(text, (_, at) => text.slice(0, at) + text.slice(at + 1))
    for (const value of shorter(option.value ?? ''))
      fewer.push({ root, tree, options: options.with(i, { ...option, value }) })
    for (const content of shorter(option.content ?? ''))
      fewer.push({ root, tree, options: options.with(i, { ...option, content }) })
  }
  return fewer
}

/** A difference as it can be kept in a table. */
export function show({ given, ours, real }: Difference): string {
  return `${JSON.stringify(given)}\n  ours: ${JSON.stringify(ours)}\n  real: ${JSON.stringify(real)}`
}
