import { lstatSync, statSync } from 'node:fs'
import { displayPath, isBelow, joinPath, type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import { type EntryKind, openTree } from '@coalmine/filetree'
import { type Candidate, describeRule, type Explanation, type Selection } from '@coalmine/selection'
import { type Choice, chooseFiles, openSource } from '../choice.ts'
import { UsageError } from '../exit-codes.ts'
import { type Context, localPath } from '../session.ts'
import { canonicalSource, openableSource } from '../source.ts'
import { complain } from './select.ts'

/**
 * `explain`: whether single paths would be in a backup, and which rule decides. What looks like a mistake in the rules
 * shows only after the source was walked, so it comes last.
 */
export async function explain([source, ...named]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log, signal } = context
  const root = canonicalSource(localPath(source!))
  const folder = openableSource(root)
  const choice = await chooseFiles(root, folder, settings)
  for (const path of named) {
    const inside = pathInside(localPath(path), root)
    const answer = await answerFor(inside, { choice, folder, signal, isFolder: path.endsWith('/') })
    const missing = inside === '' || answer.exists ? '' : ' (nothing is there now)'
    log.always('notice', `${answer.taken ? 'in ' : 'out'}  ${displayPath(inside)}: ${answer.why}${missing}`)
  }
  if (choice.rules === undefined) return
  const { tree, warnings, close } = await openSource(folder, choice, signal)
  try {
    for await (const _ of tree.walk({})) signal.throwIfAborted()
    for (const { message } of warnings()) complain(message, log)
  } finally {
    await close()
  }
}

interface Question {
  readonly choice: Choice
  readonly folder: Buffer
  readonly signal: AbortSignal
  /** What is not there counts as a folder when its name ends with a slash. */
  readonly isFolder: boolean
}

interface Answer {
  readonly taken: boolean
  readonly why: string
  readonly exists: boolean
}

/**
 * A path as it is called in the backup: first taken as any path is, from the working folder, and when that is not in
 * the source, from the source.
 *
 * @throws UsageError when it leads out of the source.
 */
export function pathInside(path: RawPath, root: RawPath, cwd = rawFromText(process.cwd())): RawPath {
  const from = (start: string, rest: string) => resolved(rest.startsWith('/') ? rest : `${start}/${rest}`)
  const above = from(cwd, root)
  const whole = from(cwd, path)
  const below = isBelow(whole, above) || above === '' ? whole : from(above, path)
  if (whole === above || below === above) return '' as RawPath
  const prefix = above === '' ? '' : `${above}/`
  if (!below.startsWith(prefix) || (path.startsWith('/') && below !== whole)) {
    throw new UsageError(`Cannot explain "${displayPath(path)}": it does not lie in the source "${displayPath(root)}"`)
  }
  return below.slice(prefix.length) as RawPath
}

/** Without a slash at its beginning, and without `.` and `..`. */
function resolved(path: string): RawPath {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names.join('/') as RawPath
}

async function answerFor(path: RawPath, question: Question): Promise<Answer> {
  const { choice, isFolder } = question
  const selection = choice.rules?.selection
  const steps = path === '' ? [] : path.split('/')
  let at = '' as RawPath
  let last: Explanation = { verdict: 'include', because: 'root' }
  const exists = look(path, question) !== undefined
  for (const [index, name] of steps.entries()) {
    at = joinPath(at, name as RawPath)
    const isLast = index === steps.length - 1
    const there = look(at, question)
    const kind = there?.kind ?? (isLast && !isFolder ? 'file' : 'directory')
    last = selection?.explain({ ...there, path: at, kind, has: (marker) => has(at, marker, question) }) ?? {
      verdict: 'include',
      because: kind === 'socket' ? 'socket' : 'no-rule',
    }
    if (last.because === 'socket') return { taken: false, why: whyOf(last), exists }
    if (last.verdict === 'exclude' || (last.verdict === 'scan' && kind !== 'directory')) {
      const folder = isLast ? '' : `its folder "${displayPath(at)}" is out: `
      return { taken: false, why: folder + whyOf(last), exists }
    }
    if (!isLast && kind !== 'directory') {
      return { taken: false, why: `"${displayPath(at)}" is no folder`, exists }
    }
  }
  if (selection?.filesFrom !== undefined && !isNamed(path, selection.filesFrom)) {
    return { taken: false, why: 'the list of --files-from does not name it', exists }
  }
  if (last.verdict !== 'scan') return { taken: true, why: whyOf(last), exists }
  const taken = await holdsSomething(path, selection!, question)
  const rest = last.otherwise === undefined ? '' : `, and ${describeRule(last.otherwise)} leaves out the rest`
  const rule = last.rule === undefined ? 'a rule' : describeRule(last.rule)
  return {
    taken,
    why: taken ? `${rule} takes something in it${rest}` : `${rule} finds nothing in it to take${rest}`,
    exists,
  }
}

function whyOf({ because, rule, otherwise }: Explanation): string {
  if (because === 'root') return 'the source itself always is'
  if (because === 'socket') return 'sockets never are'
  if (because === 'no-rule') return 'no rule names it, and what none names is in'
  const named = rule === undefined ? 'a rule' : describeRule(rule)
  if (because !== 'no-folder') return named
  const out = otherwise === undefined ? '' : `; ${describeRule(otherwise)} leaves it out`
  return `${named} would look into it, but it is no folder${out}`
}

/** Whether something below a folder that is only looked through would come, and so the folder. */
async function holdsSomething(path: RawPath, selection: Selection, question: Question): Promise<boolean> {
  const { choice, folder, signal } = question
  const tree = await openTree(folder, { signal, followLinks: choice.followLinks, worker: false })
  const select = (found: Candidate) => {
    const at = found.path as RawPath
    return at === path || isBelow(path, at) || isBelow(at, path) ? selection.explain(found).verdict : 'exclude'
  }
  try {
    for await (const { entries } of tree.walk({ select, only: selection.filesFrom })) {
      if (entries.some((entry) => entry.path === path)) return true
    }
    return false
  } finally {
    await tree.close()
  }
}

function isNamed(path: RawPath, filesFrom: readonly string[]): boolean {
  return path === '' || filesFrom.some((one) => one === path || isBelow(one as RawPath, path))
}

type Look = { kind: EntryKind; device: number; mtimeMs: number } | undefined

/** What is there; nothing also when it cannot be told. */
function look(path: RawPath, { choice, folder }: Question): Look {
  const place = Buffer.concat([folder, Buffer.from('/'), rawToBytes(path)])
  try {
    const stats = (choice.followLinks ? statSync : lstatSync)(place)
    return { kind: kindOf(stats), device: stats.dev, mtimeMs: stats.mtimeMs }
  } catch {
    // Also a link to nothing, where links are followed: such a link is not in the backup, as if it were not there.
    return undefined
  }
}

function kindOf(stats: ReturnType<typeof lstatSync> & object): EntryKind {
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isSocket()) return 'socket'
  if (stats.isFIFO()) return 'fifo'
  if (stats.isCharacterDevice()) return 'character-device'
  return stats.isBlockDevice() ? 'block-device' : 'file'
}

function has(path: RawPath, marker: string, question: Question): boolean {
  return (
    look(joinPath(path, marker as RawPath), { ...question, choice: { ...question.choice, followLinks: false } }) !==
    undefined
  )
}
