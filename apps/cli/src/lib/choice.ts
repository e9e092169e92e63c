import { readFileSync, statSync } from 'node:fs'
import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import { openTree, type Tree } from '@coalmine/filetree'
import type { Selection, SelectionOption, SelectionWarning } from '@coalmine/selection'
import { parseTimeString, TimeError } from '@coalmine/volume-format'
import { CommandError, exitCode, UsageError } from './exit-codes.ts'
import { textOf } from './parse-arguments.ts'
import { isSelectionOption } from './selection-table.ts'
import { compile, createSelector, type SelectionData } from './selector.ts'
import { expandHome, type Settings } from './settings.ts'

/** The worker's file beside this one: TypeScript where we run from source, JavaScript otherwise. */
const workerUrl = new URL(`./walk-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** A list of a hundred bytes a line has some five million lines then. */
const largestList = 512 * 1_048_576

/** What of a source is to be backed up, as the command line says. */
export interface Choice {
  /** The source, canonical, as patterns are compared with it. */
  readonly root: RawPath
  /** Nothing when everything is chosen. */
  readonly rules: { readonly data: SelectionData; readonly selection: Selection } | undefined
  readonly followLinks: boolean
}

/** A source that is open; walked as chosen. */
export interface OpenSource {
  readonly tree: Tree
  /** What looks like a mistake in the rules; empty before a walk has come to its end. */
  readonly warnings: () => readonly SelectionWarning[]
  readonly close: () => Promise<void>
}

/**
 * Reads the options that choose files, and the lists that they name.
 *
 * @param folder - The source as it is opened.
 * @throws CommandError when a list cannot be read; UsageError for a time that is none; SelectionError for rules that
 *   cannot be meant so.
 */
export async function chooseFiles(root: RawPath, folder: Buffer, settings: Settings): Promise<Choice> {
  const followLinks = settings.flag('copy-links')
  const options: SelectionOption[] = []
  const times = new Map<string, number>()
  for (const { name, value } of settings.sequence) {
    if (!isSelectionOption(name)) continue
    const text = value === true ? undefined : value
    if (name === 'exclude-older-than') times.set(text!, timeOf(text!, settings))
    options.push({ option: name, value: text, ...(await listOf(name, text, settings)) })
  }
  if (options.length === 0) return { root, rules: undefined, followLinks }
  const rootDevice = statSync(folder).dev
  const data = { options, root, compat: settings.compat, rootDevice, times }
  return { root, rules: { data, selection: compile(data) }, followLinks }
}

/** Opens the source. The walk takes what was chosen. */
export async function openSource(folder: Buffer, choice: Choice, signal: AbortSignal): Promise<OpenSource> {
  const { rules, followLinks } = choice
  const tree = await openTree(folder, { signal, followLinks, worker: rules === undefined ? true : workerUrl })
  if (rules === undefined) return { tree, warnings: () => [], close: () => tree.close() }
  const { data, selection } = rules
  let warnings: readonly SelectionWarning[] = []
  const onSummary = (summary: unknown) => {
    warnings = summary as SelectionWarning[]
  }
  const only = selection.filesFrom
  const select = { create: createSelector, data, onSummary }
  return {
    tree: {
      walk: (options) => tree.walk({ ...options, select, only }),
      open: (entry) => tree.open(entry),
      load: (paths, options) => tree.load(paths, options),
      close: () => tree.close(),
    },
    warnings: () => warnings,
    close: () => tree.close(),
  }
}

function timeOf(text: RawPath, settings: Settings): number {
  try {
    return parseTimeString(textOf(text), settings.nowSeconds)
  } catch (error) {
    if (error instanceof TimeError)
      throw new UsageError(`Cannot take "--exclude-older-than ${textOf(text)}": ${error.message}`)
    throw error
  }
}

async function listOf(
  name: string,
  value: RawPath | undefined,
  settings: Settings,
): Promise<Pick<SelectionOption, 'content' | 'source'>> {
  if (name.endsWith('-stdin')) return { content: await standardInput(), source: 'standard input' }
  if (!name.endsWith('filelist') && name !== 'files-from') return {}
  const path = expandHome(value!)
  // A socket, as programs give one another, cannot be opened by this name.
  if (path === '/dev/stdin' || path === '/dev/fd/0') return { content: await standardInput() }
  try {
    const bytes = rawToBytes(path)
    const stats = statSync(bytes)
    if (stats.size > largestList)
      throw new CommandError(exitCode.user, `it has ${stats.size} bytes, too many for a list`)
    return { content: readFileSync(bytes, 'latin1') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reason = error instanceof CommandError ? error.message : code === 'ENOENT' ? 'there is no such file' : code
    throw new CommandError(
      settings.compat === '0.8' ? exitCode.listUnreadable : exitCode.user,
      `Cannot read the list "${displayPath(value!)}" of --${name}: ${reason}`,
      { cause: error },
    )
  }
}

/** All of it. A second list finds nothing left. */
async function standardInput(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > largestList)
      throw new CommandError(exitCode.user, 'Cannot read a list from standard input: it is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('latin1')
}
