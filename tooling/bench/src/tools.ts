import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

export type Action = 'dry run of a choice' | 'full' | 'unchanged incremental' | 'list' | 'restore' | 'restore one file'

/** A program under measurement: how each action is said to it. */
export interface Tool {
  readonly name: string
  /** What it was told about compression and durability, for the table. */
  readonly settings: string
  /** Once, before the first action; not measured. */
  prepare?(place: Place): void
  command(action: Action, place: Place): string[]
}

/** Where a tool works: a folder of its own, and what it backs up. */
export interface Place {
  readonly work: string
  readonly source: string
  readonly oneFile: string
  readonly target: string
}

const storage = ({ work }: Place) => join(work, 'storage')

export function coalmine(program: string): Tool {
  return {
    name: 'coalmine',
    settings: 'deflate 4, AES-256, fsync of each object',
    command(action, place) {
      const url = `file://${storage(place)}`
      const common = ['--archive-dir', join(place.work, 'cache')]
      const words = duplicityWords(action, place, url, 'path-to-restore')
      return [program, ...words, ...common]
    },
  }
}

export function duplicity(): Tool {
  return {
    name: version('duplicity', ['--version']),
    settings: 'zlib 6 (gpg), AES-256, no fsync',
    prepare: (place) => mkdirSync(storage(place), { recursive: true }),
    command(action, place) {
      const url = `file://${storage(place)}`
      const words = duplicityWords(action, place, url, 'file-to-restore')
      return ['duplicity', ...words, '--archive-dir', join(place.work, 'cache')]
    },
  }
}

export function restic(): Tool {
  return {
    name: version('restic', ['version']),
    settings: 'zstd auto, AES-256, fsync of each object',
    prepare: (place) => {
      const env = { ...process.env, RESTIC_PASSWORD: 'bench' }
      execFileSync('restic', ['-r', storage(place), 'init', '--repository-version', '2'], { env, stdio: 'ignore' })
    },
    command(action, place) {
      const repository = ['restic', '-r', storage(place), '--cache-dir', join(place.work, 'cache')]
      const words: Record<Action, string[]> = {
        'dry run of a choice': ['backup', '--quiet', '--dry-run', ...leftOut(place.source), place.source],
        full: ['backup', '--quiet', place.source],
        'unchanged incremental': ['backup', '--quiet', place.source],
        list: ['ls', '--quiet', '--long', 'latest'],
        restore: ['restore', '--quiet', 'latest', '--target', place.target],
        'restore one file': [
          ...['restore', '--quiet', 'latest', '--target', place.target],
          ...['--include', join(place.source, place.oneFile)],
        ],
      }
      return [...repository, ...words[action]]
    },
  }
}

export function borg(): Tool {
  const environment = (place: Place) => ({ BORG_PASSPHRASE: 'bench', BORG_BASE_DIR: place.work })
  const archive = (place: Place, name: string) => `${storage(place)}::${name}`
  return {
    name: version('borg', ['--version']),
    settings: 'zlib 6, AES-256, fsync of each segment',
    prepare: (place) => {
      mkdirSync(place.work, { recursive: true })
      const env = { ...process.env, ...environment(place) }
      execFileSync('borg', ['init', '--encryption', 'repokey', storage(place)], { env, stdio: 'ignore' })
    },
    command(action, place) {
      const create = ['create', '--compression', 'zlib,6']
      const stored = place.source.slice(1)
      const words: Record<Action, string[]> = {
        'dry run of a choice': [...create, '--dry-run', ...leftOut(place.source), archive(place, 'dry'), place.source],
        full: [...create, archive(place, 'first'), place.source],
        'unchanged incremental': [...create, archive(place, 'second'), place.source],
        list: ['list', archive(place, 'first')],
        restore: ['extract', archive(place, 'first')],
        'restore one file': ['extract', archive(place, 'first'), `${stored}/${place.oneFile}`],
      }
      // It restores into the folder that it is started in.
      const inFolder = ['sh', '-c', 'mkdir -p "$1" && cd "$1" && shift && exec "$@"', 'sh', place.target]
      const settings = Object.entries(environment(place)).map(([name, value]) => `${name}=${value}`)
      return [...inFolder, 'env', ...settings, 'borg', ...words[action]]
    },
  }
}

/** Five rules that all four programs know: two folders, three globs. */
function leftOut(source: string): string[] {
  const patterns = [`${source}/share/locale`, `${source}/share/doc`, '**/*.mo', '**/*.gz', '**/README*']
  return patterns.flatMap((pattern) => ['--exclude', pattern])
}

function duplicityWords(action: Action, { source, oneFile, target }: Place, url: string, path: string): string[] {
  const words: Record<Action, string[]> = {
    'dry run of a choice': ['full', '--dry-run', ...leftOut(source), source, url],
    full: ['full', source, url],
    'unchanged incremental': ['incremental', source, url],
    list: ['list-current-files', url],
    restore: ['restore', url, target],
    'restore one file': ['restore', `--${path}`, oneFile, url, target],
  }
  return words[action]
}

/** Name and number of a program, as it says them. */
export function version(program: string, args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).split(/[ \n]/).slice(0, 2).join(' ')
}
