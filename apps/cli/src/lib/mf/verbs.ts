import type { RawPath } from '@coalmine/bytes'
import { UsageError } from '../exit-codes.ts'
import { textOf } from '../parse-arguments.ts'
import type { Settings } from '../settings.ts'

export interface MfVerb {
  readonly name: string
  /** Names of the arguments; in brackets what may be left out. */
  readonly arguments: string
  readonly help: string
  /** Options of `mf` that change something here. */
  readonly options: readonly string[]
}

const transfer = ['existing', 'concurrency', 'progress', 'progress-rate', 'json'] as const

/** What `coalmine mf` can do. Parser and help are made from it. */
export const mfVerbs: readonly MfVerb[] = [
  { name: 'ls', arguments: '[PATH]…', help: 'list files and folders', options: ['recursive', 'json'] },
  {
    name: 'put',
    arguments: 'LOCAL… FOLDER',
    help: 'upload files, and what is in local folders, into FOLDER; what is there already is not sent again',
    options: transfer,
  },
  {
    name: 'get',
    arguments: 'PATH… LOCAL',
    help: 'download files, and what is in folders, into the folder LOCAL; what is there already is not fetched again',
    options: transfer,
  },
  { name: 'mkdir', arguments: 'PATH…', help: 'make folders, with those above them, private', options: ['json'] },
  { name: 'mv', arguments: 'PATH… TARGET', help: 'move into a folder, or rename', options: ['json'] },
  { name: 'cp', arguments: 'PATH… TARGET', help: 'copy into a folder, or under another name', options: ['json'] },
  {
    name: 'rm',
    arguments: 'PATH…',
    help: 'move to the trash of the account; --purge deletes for good, --recursive takes folders',
    options: ['recursive', 'purge', 'json'],
  },
  { name: 'info', arguments: 'PATH…', help: 'tell what is known of a file or folder', options: ['json'] },
  {
    name: 'links',
    arguments: 'PATH…',
    help: 'addresses of files: the page, and one of the bytes that is good for a while',
    options: ['one-time', 'json'],
  },
  {
    name: 'publish',
    arguments: 'PATH…',
    help: 'make public, and tell the address; a folder with all below it by --recursive',
    options: ['recursive', 'json'],
  },
  {
    name: 'unpublish',
    arguments: 'PATH…',
    help: 'make private, a folder with all below it by --recursive',
    options: ['recursive', 'json'],
  },
  { name: 'df', arguments: '', help: 'room of the account: used, left, and what lies in the trash', options: ['json'] },
  {
    name: 'trash',
    arguments: '[empty]',
    help: 'list what lies in the trash, or delete it for good',
    options: ['json'],
  },
]

const ofMf = new Set(mfVerbs.flatMap(({ options }) => options))

/** @throws UsageError when there is no such verb, or not with these arguments or options. */
export function requireVerb(word: RawPath | undefined, operands: readonly RawPath[], settings: Settings): MfVerb {
  const names = mfVerbs.map(({ name }) => name).join(', ')
  if (word === undefined) throw new UsageError(`Cannot run "mf": say one of ${names}`)
  const verb = mfVerbs.find(({ name }) => name === word)
  if (verb === undefined) throw new UsageError(`Cannot run "mf ${textOf(word)}": it is one of ${names}`)
  const wanted = verb.arguments === '' ? [] : verb.arguments.split(' ')
  const least = wanted.filter((name) => !name.startsWith('[')).length
  const most = wanted.some((name) => name.endsWith('…')) ? Number.POSITIVE_INFINITY : wanted.length
  if (operands.length < least || operands.length > most) {
    const takes = verb.arguments === '' ? 'none' : verb.arguments
    throw new UsageError(`Cannot run "mf ${verb.name}" with ${operands.length} arguments: it takes ${takes}`)
  }
  for (const name of ofMf) {
    if (!settings.flag(name) || verb.options.includes(name)) continue
    const where = mfVerbs.filter(({ options }) => options.includes(name)).map((one) => `mf ${one.name}`)
    throw new UsageError(`Cannot take "--${name}" with "mf ${verb.name}": it belongs to ${where.join(' and ')}`)
  }
  return verb
}
