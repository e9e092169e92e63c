import { builtinModules } from 'node:module'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { appLayer, house, layerNames, type Room } from './house.ts'
import { importsOf } from './imports.ts'
import { isTest, type Manifest, type Package, scope, shortOf } from './workspace.ts'

export type Rule =
  | 'unknown-package'
  | 'upward'
  | 'sideways'
  | 'not-listed'
  | 'undeclared'
  | 'deep'
  | 'impure'
  | 'external'
  | 'test-code'
  | 'unprovable'

export interface Problem {
  rule: Rule
  /** Package, file and line, as far as there are any. */
  where: string
  what: string
}

/** Everything in these packages that the picture of the house does not allow, in the order of the files. */
export function findProblems(packages: readonly Package[]): Problem[] {
  const byName = new Map(packages.map((one) => [one.short, one]))
  return packages.flatMap((one) => problemsOf(one, byName))
}

function problemsOf(one: Package, byName: ReadonlyMap<string, Package>): Problem[] {
  const room = roomOf(one)
  if (room === undefined) {
    return [{ rule: 'unknown-package', where: `${one.group}/${one.short}`, what: 'has no place in the house' }]
  }
  const problems: Problem[] = []
  const reached = filesByEntry(one)

  for (const name of Object.keys(runtimeDependencies(one.manifest))) {
    const problem = judgePackage(one, room, name, byName)
    if (problem) problems.push({ ...problem, where: `${one.group}/${one.short}/package.json` })
  }
  for (const file of one.files) {
    const test = isTest(file)
    for (const { specifier, line } of importsOf(file, readFileSync(join(one.folder, file), 'utf8'))) {
      const problem = judgeImport(one, room, { file, test, specifier, entries: reached.get(file) ?? [] }, byName)
      if (problem) problems.push({ ...problem, where: `${one.group}/${one.short}/${file}:${line}` })
    }
  }
  return problems
}

type Verdict = Omit<Problem, 'where'> | undefined

interface Found {
  file: string
  test: boolean
  specifier: string | undefined
  /** The entries of the package that lead to this file. */
  entries: readonly string[]
}

function judgeImport(one: Package, room: Room, found: Found, byName: ReadonlyMap<string, Package>): Verdict {
  const { file, test, specifier } = found
  if (specifier === undefined) {
    return test || one.group === 'tooling' || room.computed?.includes(file)
      ? undefined
      : { rule: 'unprovable', what: 'imports what is computed at run time' }
  }
  if (specifier.startsWith('.')) return judgeRelative(one, file, test, specifier)
  const builtin = specifier.replace(/^node:/, '')
  if (specifier.startsWith('node:') || builtinModules.includes(builtin)) {
    return test || mayUseNode(room, builtin, found.entries)
      ? undefined
      : { rule: 'impure', what: `imports "${specifier}"` }
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (name === one.manifest.name) {
    return isExported(one, specifier) ? undefined : { rule: 'deep', what: `imports "${specifier}" of itself` }
  }
  const declared = test || one.group === 'tooling' ? allDependencies(one.manifest) : runtimeDependencies(one.manifest)
  if (!(name in declared)) {
    const inTests = !test && name in allDependencies(one.manifest)
    if (inTests && !shortOf(name))
      return { rule: 'test-code', what: `imports "${name}", which is there for tests only` }
    const ranked = test ? undefined : judgePackage(one, room, name, byName)
    return ranked ?? { rule: 'undeclared', what: `imports "${name}", which package.json does not name` }
  }
  const target = byName.get(shortOf(specifier) ?? '')
  if (target && !isExported(target, specifier)) {
    return { rule: 'deep', what: `imports "${specifier}", which ${name} does not export` }
  }
  return test ? undefined : judgePackage(one, room, name, byName)
}

function judgeRelative(one: Package, file: string, test: boolean, specifier: string): Verdict {
  const target = normalize(join(dirname(file), specifier))
  if (target.startsWith('..')) return { rule: 'deep', what: `imports "${specifier}" from outside its package` }
  if (!test && isTest(target)) return { rule: 'test-code', what: `imports "${specifier}", which belongs to the tests` }
  if (file.startsWith('bin/') && target.startsWith('dist/')) return undefined
  const known = one.files.includes(target) || one.files.includes(target.replace(/\.js$/, '.ts'))
  return known || !/\.[cm]?[jt]s$/.test(target)
    ? undefined
    : { rule: 'undeclared', what: `imports "${specifier}", which is not there` }
}

/** Whether a package may use another at run time, by the table of the house. */
function judgePackage(one: Package, room: Room, name: string, byName: ReadonlyMap<string, Package>): Verdict {
  const short = shortOf(name)
  if (short === undefined) {
    if (one.group === 'tooling' || room.external === 'any' || room.external?.includes(name)) return undefined
    return { rule: 'external', what: `uses "${name}", which is not among what it may use from elsewhere` }
  }
  if (room.uses.includes(short)) return undefined
  const target = byName.get(short)
  const layer = target ? roomOf(target)?.layer : house[short]?.layer
  if (layer === undefined) return { rule: 'unknown-package', what: `uses ${name}, which has no place in the house` }
  if (target?.group === 'tooling') return { rule: 'test-code', what: `uses ${name}, which is there for tests only` }
  const here = layerNames[room.layer]
  if (layer > room.layer) return { rule: 'upward', what: `uses ${name}, from above (${here})` }
  if (layer === room.layer) return { rule: 'sideways', what: `uses ${name}, from beside it (${here})` }
  return { rule: 'not-listed', what: `uses ${name}, which is not among what it may use` }
}

const everyRoom = Object.keys(house)

function roomOf(one: Package): Room | undefined {
  if (one.group === 'packages') return house[one.short]
  if (one.group === 'apps') return { layer: appLayer, uses: everyRoom, external: 'any' }
  // Beside the house: tests and tools look at everything, and nothing is built on them.
  return { layer: appLayer + 1, uses: [...everyRoom, 'cli', 'duplicity-bridge', 'fixtures'], external: 'any' }
}

function mayUseNode({ node }: Room, builtin: string, entries: readonly string[]): boolean {
  if (node === undefined) return true
  if (isList(node)) return node.includes(builtin)
  return entries.every((entry) => node[entry]?.includes(builtin))
}

function isList(node: NonNullable<Room['node']>): node is readonly string[] {
  return Array.isArray(node)
}

function isExported(target: Package, specifier: string): boolean {
  const path = specifier.slice(`${scope}${target.short}`.length)
  return `.${path}` in (target.manifest.exports ?? {})
}

/** For each source, the entries of its package from which it is reached. */
function filesByEntry(one: Package): Map<string, string[]> {
  const reached = new Map<string, string[]>()
  for (const [entry, conditions] of Object.entries(one.manifest.exports ?? {})) {
    const start = typeof conditions === 'string' ? conditions : sourceOf(conditions)
    if (start === undefined || !start.endsWith('.ts')) continue
    const queue = [normalize(start)]
    for (const file of queue) {
      const entries = reached.get(file) ?? []
      if (entries.includes(entry) || !one.files.includes(file)) continue
      reached.set(file, [...entries, entry])
      for (const { specifier } of importsOf(file, readFileSync(join(one.folder, file), 'utf8'))) {
        if (specifier?.startsWith('.')) queue.push(normalize(join(dirname(file), specifier)))
      }
    }
  }
  return reached
}

function sourceOf(conditions: unknown): string | undefined {
  if (typeof conditions !== 'object' || conditions === null) return undefined
  const source = (conditions as Record<string, unknown>)[`${scope}source`]
  return typeof source === 'string' ? source : undefined
}

function runtimeDependencies(manifest: Manifest): Record<string, string> {
  return { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies }
}

function allDependencies(manifest: Manifest): Record<string, string> {
  return { ...runtimeDependencies(manifest), ...manifest.devDependencies }
}
