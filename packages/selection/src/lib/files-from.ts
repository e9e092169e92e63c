import { type FilelistOptions, records } from './filelist.ts'
import type { RuleOrigin } from './rule-origin.ts'
import { SelectionError } from './selection-error.ts'
import { quoted } from './text.ts'

/**
 * Reads a list of paths relative to the root: every character counts, empty lines do not. What is in it replaces the
 * listing of folders: only these paths, and the folders on the way to them, are looked at.
 *
 * @returns The paths, each once and without needless slashes and dots, in the order of archives (by component, as bytes).
 * @throws SelectionError `absolute-files-from`, `empty-files-from`, `unsafe-files-from`.
 */
export function parseFilesFrom(content: string, file: string, options: FilelistOptions): string[] {
  const paths = new Set<string>()
  let line = 0
  for (const record of records(content, options)) {
    line++
    if (record === '') continue
    const origin: RuleOrigin = { option: 'files-from', value: record, file, line }
    const refuse = (code: 'absolute-files-from' | 'unsafe-files-from', why: string): SelectionError =>
      new SelectionError(
        code,
        `Cannot use the path ${quoted(record)} in line ${line} of ${quoted(file)}: ${why}`,
        origin,
      )
    if (record.startsWith('/'))
      throw refuse('absolute-files-from', 'the paths of --files-from are relative to the source')
    const components = record.split('/').filter((each) => each !== '' && each !== '.')
    if (components.includes('..')) throw refuse('unsafe-files-from', '".." may lead out of the source')
    if (record.includes('\0')) throw refuse('unsafe-files-from', 'no path has a NUL in it')
    if (components.length > 0) paths.add(components.join('/'))
  }
  if (paths.size === 0) {
    throw new SelectionError(
      'empty-files-from',
      `Cannot take files from ${quoted(file)}: it names none, so the backup would be empty`,
      { option: 'files-from', value: file },
    )
  }
  // A slash sorts before everything else, so a folder's content comes right after it.
  return [...paths]
    .map((path) => path.replaceAll('/', '\0'))
    .sort()
    .map((path) => path.replaceAll('\0', '/'))
}
