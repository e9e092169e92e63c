import type { ActionName } from './action-table.ts'
import type { OptionRow } from './option-row.ts'

/** Where files are chosen. */
const choosing: readonly ActionName[] = ['full', 'incremental', 'backup', 'verify', 'explain', 'select']

const row = (name: string, help: string, rest: Partial<OptionRow> = {}): OptionRow => ({
  name,
  type: 'flag',
  help,
  actions: choosing,
  repeatable: true,
  ...rest,
})
const pattern = { type: 'text', argument: 'GLOB' } as const
const regexp = { type: 'text', argument: 'REGEXP' } as const
const list = { type: 'path', argument: 'FILE' } as const

/** The options that choose files. Their order on the command line counts: the first rule that matches wins. */
export const selectionRows: readonly OptionRow[] = [
  row('include', 'take what matches GLOB and what is below it', pattern),
  row('exclude', 'leave out what matches GLOB and what is below it', pattern),
  row('include-regexp', 'take what a Python regular expression finds in the path', regexp),
  row('exclude-regexp', 'leave it out', regexp),
  row('include-filelist', 'take what the lines of FILE say ("- " before a line leaves it out)', {
    ...list,
    aliases: ['include-globbing-filelist'],
  }),
  row('exclude-filelist', 'leave out what the lines of FILE say ("+ " before a line takes it)', {
    ...list,
    aliases: ['exclude-globbing-filelist'],
  }),
  row('include-filelist-stdin', 'the same with lines from standard input'),
  row('exclude-filelist-stdin', 'the same with lines from standard input'),
  row('exclude-if-present', 'leave out folders that hold something called NAME', { type: 'text', argument: 'NAME' }),
  row('exclude-device-files', 'leave out device nodes'),
  row('exclude-other-filesystems', 'leave out what lies on another file system than SOURCE'),
  row('exclude-older-than', 'leave out files changed before TIME', { type: 'text', argument: 'TIME' }),
  row('files-from', 'take only the paths in FILE, relative to SOURCE', list),
  row('filter-globbing', 'patterns after this are globs, as at the beginning'),
  row('filter-literal', 'patterns after this are plain paths'),
  row('filter-regexp', 'patterns after this are regular expressions'),
  row('filter-ignorecase', 'patterns after this do not heed letter case'),
  row('filter-strictcase', 'patterns after this heed letter case, as at the beginning'),
  row('null-separator', 'lists are separated by NUL instead of line ends'),
  row('copy-links', 'back up what links lead to instead of the links', { repeatable: false }),
]

const orderMatters = new Set(selectionRows.filter(({ name }) => name !== 'copy-links').map(({ name }) => name))

/** Whether an option is a rule or concerns rules, so that its place counts. */
export function isSelectionOption(name: string): boolean {
  return orderMatters.has(name)
}
