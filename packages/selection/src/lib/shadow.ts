import type { Engine } from './engine.ts'
import type { Glob } from './glob.ts'
import { rootPrefix } from './root-name.ts'
import type { Rule } from './rules.ts'
import { encode } from './text.ts'

/**
 * Finds rules that can never decide anything, because an earlier rule wins wherever they could match: by number, with the
 * earlier rule; `undefined` as the earlier one if no name can match at all. Not all such rules are found, but what is found
 * is certain.
 */
export function findShadowed(engine: Engine, root: string): Map<number, number | undefined> {
  const shadowed = new Map<number, number | undefined>()
  const everything = engine.rules.findIndex(({ matcher }) => matcher.kind === 'everything')
  for (const [number, rule] of engine.rules.entries()) {
    if (everything >= 0 && everything < number) {
      shadowed.set(number, everything)
      continue
    }
    if (!isPossible(rule)) {
      shadowed.set(number, undefined)
      continue
    }
    const winner = winnerOver(engine, number, rule, root)
    if (winner !== undefined) shadowed.set(number, winner)
  }
  return shadowed
}

function isPossible({ matcher }: Rule): boolean {
  if (matcher.kind === 'nothing') return false
  return matcher.kind !== 'plain' || !matcher.components.some((each) => each === '' || each === '.' || each === '..')
}

function winnerOver(engine: Engine, number: number, { matcher }: Rule, root: string): number | undefined {
  if (matcher.kind === 'plain') {
    // Without letter case there is more than one name.
    if (matcher.form !== 'exact' && matcher.form !== 'literal') return undefined
    if (matcher.components.length > maxDepth) return undefined
    const above = excludedAbove(engine, number, matcher.components.slice(0, -1))
    if (above !== undefined) return above
    const path = matcher.components.join('/')
    const folder = takenWhole(engine, number, path)
    if (folder === undefined || matcher.directoryOnly) return folder
    const { rule: file } = engine.evaluate({ path, kind: 'file' }, number)
    return file === Infinity ? undefined : Math.max(file, folder)
  }
  if (matcher.kind !== 'glob') return undefined
  const twin = engine.twin(number)
  if (twin < number) return twin
  const folder = matcher.ignoreCase ? undefined : literalFolder(matcher.glob, root)
  const components = folder?.split('/') ?? []
  if (folder === undefined || components.length > maxDepth) return undefined
  return excludedAbove(engine, number, components) ?? takenWhole(engine, number, folder)
}

/** Deeper patterns are not looked through: the way to each folder on the way would be gone again. */
const maxDepth = 256

/** The rule that excludes a folder on the way, so that nobody gets there. */
function excludedAbove(engine: Engine, number: number, components: readonly string[]): number | undefined {
  let path = ''
  for (const component of components) {
    path = path === '' ? component : `${path}/${component}`
    const { verdict, rule } = engine.evaluate({ path, kind: 'directory' }, number)
    if (verdict === 'exclude') return rule
  }
  return undefined
}

/** The earlier rule that decides a folder and everything in it. */
function takenWhole(engine: Engine, number: number, path: string): number | undefined {
  const { verdict, rule } = engine.evaluate({ path, kind: 'directory' }, number)
  if (rule === Infinity) return undefined
  return verdict === 'exclude' || engine.goesDown(rule, path) ? rule : undefined
}

/** The path of the folder in which everything lies that a glob can match, as far as it is written out. */
function literalFolder({ lines: [{ tokens }] }: Glob, root: string): string | undefined {
  const wild = tokens.findIndex(({ kind }) => kind !== 'char')
  const codes = tokens
    .slice(0, wild < 0 ? tokens.length : wild)
    .flatMap((token) => (token.kind === 'char' ? [token.code] : []))
  const text = encode(codes)
  const prefix = rootPrefix(root)
  const end = text.lastIndexOf('/')
  return text.startsWith(prefix) && end >= prefix.length ? text.slice(prefix.length, end) : undefined
}
