import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export interface Manifest {
  name?: string
  description?: string
  exports?: Record<string, unknown>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

export interface Package {
  /** Without the scope. */
  short: string
  group: 'packages' | 'apps' | 'tooling'
  folder: string
  manifest: Manifest
  /** Sources and tests, relative to the folder, sorted. */
  files: string[]
}

export const scope = '@coalmine/'

/** Reads the packages of a checkout, sorted by group and name. */
export function readWorkspace(root: string): Package[] {
  return (['packages', 'apps', 'tooling'] as const).flatMap((group) =>
    foldersIn(join(root, group))
      .filter((name) => existsSync(join(root, group, name, 'package.json')))
      .map((name) => {
        const folder = join(root, group, name)
        const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
        return { short: shortName(manifest.name ?? name), group, folder, manifest, files: sourcesIn(folder) }
      }),
  )
}

/** Of `@coalmine/tar` and of `@coalmine/tar/lib/x` it is `tar`; of others `undefined`. */
export function shortOf(specifier: string): string | undefined {
  return specifier.startsWith(scope) ? specifier.slice(scope.length).split('/', 1)[0] : undefined
}

/** Whether a file is only run by the tests. */
export function isTest(file: string): boolean {
  return file.startsWith('test/') || /\.test\.[cm]?[jt]s$/.test(file)
}

function shortName(name: string): string {
  return shortOf(name) ?? name
}

function foldersIn(path: string): string[] {
  if (!existsSync(path)) return []
  const entries = readdirSync(path, { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort()
}

function sourcesIn(folder: string): string[] {
  return ['src', 'test', 'bin'].flatMap((part) => {
    const path = join(folder, part)
    if (!existsSync(path)) return []
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort()
  })
}
