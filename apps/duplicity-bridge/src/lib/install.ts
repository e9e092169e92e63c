import { accessSync, constants, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { askPython, type PythonFacts } from './ask-python.ts'
import { bridgeCommand } from './bridge-command.ts'
import { CommandError } from './command-error.ts'
import { type FoundDuplicity, findDuplicity } from './find-duplicity.ts'
import { type InstalledHook, readHook, removeHook, writeHook } from './hook-files.ts'

export interface PlaceOptions {
  /** Where duplicity is; the first on the path otherwise. */
  readonly duplicity?: string
  /** Its Python, where that cannot be told. */
  readonly python?: string
  /** For everybody on this machine. */
  readonly system: boolean
  readonly env: NodeJS.ProcessEnv
}

export interface Place extends FoundDuplicity {
  readonly facts: PythonFacts
  /** `venv` where duplicity has an environment of its own. */
  readonly kind: 'user' | 'system' | 'venv'
  readonly folder: string
  /** All folders in which a hook would count. */
  readonly folders: readonly string[]
}

/** Where the hook goes, or would be. @throws CommandError */
export async function findPlace({ duplicity, python, system, env }: PlaceOptions): Promise<Place> {
  const found =
    python === undefined ? findDuplicity(duplicity, env) : { path: duplicity ?? 'duplicity', python: [python] }
  const facts = await askPython(found.python, env)
  const global = facts.sitePackages[0] ?? facts.purelib
  const [kind, folder] = facts.venv
    ? (['venv', facts.purelib] as const)
    : system
      ? (['system', global] as const)
      : (['user', facts.userSite] as const)
  const folders = [...new Set([facts.userSite, facts.purelib, ...facts.sitePackages])].filter((one) => one !== '')
  return { ...found, facts, kind, folder, folders }
}

/**
 * Makes plain `duplicity` know our schemes. May be done again.
 *
 * @returns Lines for people.
 * @throws CommandError
 */
export async function install(options: PlaceOptions): Promise<string[]> {
  const place = await findPlace(options)
  const { kind, folder, facts, python } = place
  const attempted = `Cannot install for "${python.join(' ')}"`
  if (facts.duplicity === '') throw new CommandError(`${attempted}: it finds no duplicity (${facts.mf})`)
  if (!isAtLeast(facts.version, 3, 5)) throw new CommandError(`${attempted}: it is ${facts.version}, and 3.5 is needed`)
  if (kind === 'user' && !facts.readsUserSite) {
    throw new CommandError(`${attempted}: it does not look at "${folder}"; --system installs for everybody`)
  }
  requireLasting()
  if (kind === 'system') requireSafe()
  const isNew = writeHook(folder)
  const after = await askPython(python, options.env)
  if (after.hook === '' || after.mf !== 'coalmine_duplicity_bridge') {
    throw new CommandError(`${attempted}: the files are in "${folder}", but it does not heed them (mf is ${after.mf})`)
  }
  return [
    `${isNew ? 'Installed' : 'Was installed already'} in ${folder}`,
    `duplicity ${after.duplicity} (${place.path}, Python ${after.version}) knows mf:// and coalmine+…://`,
  ]
}

/** Takes the hook away again: the user's, that of duplicity's own environment, with `system` everybody's. */
export async function uninstall(options: PlaceOptions): Promise<string[]> {
  const { folder, facts, python, folders } = await findPlace(options)
  const isRemoved = removeHook(folder)
  const others = folders.flatMap((one) => readHook(one) ?? [])
  const said = isRemoved ? `Removed from ${folder}` : `Nothing of it is in ${folder}`
  if (others.length === 0) return [said, `duplicity ${facts.duplicity} (${python.join(' ')}) is as it was`]
  return [
    said,
    ...others.map(
      (one) => `It is still in ${one.folder}${options.system ? '' : ', for everybody: --system removes it'}`,
    ),
  ]
}

export interface Status {
  readonly lines: readonly string[]
  /** Whether plain duplicity knows our schemes. */
  readonly isEffective: boolean
}

/** What is installed, and whether it works. */
export async function status(options: PlaceOptions): Promise<Status> {
  const { facts, folders, path, python } = await findPlace(options)
  const hooks = folders.flatMap((one) => readHook(one) ?? [])
  const isEffective = facts.hook !== '' && facts.mf === 'coalmine_duplicity_bridge'
  const lines = [
    `duplicity ${facts.duplicity || 'is not there'} (${path}, ${python.join(' ')}, Python ${facts.version})`,
    ...hooks.map((hook) => `in ${hook.folder}, ${describe(hook)}`),
    isEffective
      ? `mf:// is ours, by ${facts.hook}`
      : `not installed: mf:// is ${facts.mf}; "duplicity-bridge run" needs no installation`,
  ]
  return { lines, isEffective: isEffective && hooks.every((hook) => missingOf(hook) === undefined) }
}

function describe(hook: InstalledHook): string {
  const missing = missingOf(hook)
  if (missing !== undefined) return `which starts "${missing}", and that is not there: install it again`
  return hook.current
    ? 'as this program installs it'
    : `by version ${hook.version} or from another place: install it again`
}

/** What of its command is gone. */
function missingOf(hook: InstalledHook): string | undefined {
  if (hook.command.length < 2) return 'nothing'
  return hook.command.slice(0, 2).find((path) => {
    try {
      accessSync(path, constants.R_OK)
      return false
    } catch {
      // Gone, or not for us: it could not be started either way.
      return true
    }
  })
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a > major || (a === major && b >= minor)
}

/** A program that npx fetched for one run is gone some day. */
function requireLasting(): void {
  const [, program = ''] = bridgeCommand()
  if (!/[\\/]_npx[\\/]/.test(program)) return
  throw new CommandError(
    `Cannot install "${program}": npx may remove it any time; npm i -g @coalmine/duplicity-bridge keeps it`,
  )
}

/** What everybody's duplicity starts, root's too, must not be for others to change. */
function requireSafe(): void {
  for (const program of bridgeCommand().slice(0, 2)) {
    for (let path = program; ; path = dirname(path)) {
      const { uid, mode } = lstatSync(path)
      const isSticky = (mode & 0o1000) !== 0
      if (uid !== 0 || ((mode & 0o022) !== 0 && !isSticky && (mode & 0o170000) !== 0o120000)) {
        throw new CommandError(
          `Cannot install "${program}" for everybody: somebody other than root can change "${path}"`,
        )
      }
      if (path === dirname(path)) break
    }
  }
}
