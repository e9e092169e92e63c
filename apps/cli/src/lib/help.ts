import { actionTable } from './action-table.ts'
import { mfVerbs } from './mf/verbs.ts'
import { optionTable } from './option-table.ts'

/** The text of `--help`, made from the tables that the parser uses. */
export function helpText(): string {
  const actions = actionTable.map((row) => [`  ${row.name} ${row.arguments}`, row.help] as const)
  const options = optionTable
    .filter((row) => row.hidden !== true)
    .map((row) => {
      const names = [
        ...(row.short === undefined ? [] : [`-${row.short}`]),
        `--${row.name}`,
        ...(row.aliases ?? []).map((one) => `--${one}`),
      ]
      const argument =
        row.argument === undefined ? '' : row.type === 'optional' ? `[${row.argument}]` : ` ${row.argument}`
      return [`  ${names.join(', ')}${argument}`, row.help] as const
    })
  const verbs = mfVerbs.map((verb) => [`  mf ${verb.name} ${verb.arguments}`.trimEnd(), verb.help] as const)
  return [
    'coalmine keeps encrypted backups in the format of duplicity.',
    '',
    'Usage: coalmine [ACTION] [OPTIONS] ARGUMENTS',
    '',
    'Actions:',
    ...table(actions),
    '  Two arguments without an action: a folder and a URL back up, a URL and a folder restore.',
    '',
    'Files of a MediaFire account (MEDIAFIRE_EMAIL, MEDIAFIRE_PASSWORD, or "coalmine login mf"):',
    ...table(verbs),
    '  PATH is /Folder/File or mf:/Folder/File as it is, mf://Folder/File with escapes, or key:KEY.',
    '',
    'URLs: file:///absolute/folder, file://relative/folder; MediaFire: mf://Folder/Path with MEDIAFIRE_EMAIL and MEDIAFIRE_PASSWORD, or',
    'mf://me%40example.com@mediafire.com/Path with BACKEND_PASSWORD (or FTP_PASSWORD) in the environment.',
    '',
    'Options:',
    ...table(options),
    '',
    'Passphrase: --passphrase-file, --passphrase-command, --keyring; else PASSPHRASE, COALMINE_PASSPHRASE_FILE,',
    'COALMINE_PASSPHRASE_COMMAND, COALMINE_KEYRING=1; else a prompt on a terminal.',
    'Exit codes: 0 done, 1 differences or damage found, 3 and 42 another source than before, 4 interrupted, 11 target not empty, 13 no such source,',
    '17 nothing to continue, 19 path not in the backup, 20 no backup',
    'for that time, 21 a volume is damaged, 23 wrong usage or locked, 31 passphrase, 33 not built, 50-53 storage.',
    '',
  ].join('\n')
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = 34
  return rows.flatMap(([left, right]) =>
    left.length < width ? [`${left.padEnd(width)}${right}`] : [left, `${' '.repeat(width)}${right}`],
  )
}
