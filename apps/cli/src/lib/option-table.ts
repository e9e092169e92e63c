import { selectionRows } from './selection-table.ts'

/** What an option takes. */
export type OptionType = 'flag' | 'optional' | 'integer' | 'text' | 'path' | 'pair' | 'time' | 'verbosity'

export type ActionName =
  | 'full'
  | 'incremental'
  | 'backup'
  | 'restore'
  | 'verify'
  | 'list-current-files'
  | 'collection-status'
  | 'find'
  | 'versions'
  | 'diff'
  | 'check'
  | 'cleanup'
  | 'remove-older-than'
  | 'remove-all-but-n-full'
  | 'remove-all-inc-of-but-n-full'
  | 'passphrase'
  | 'keyring'
  | 'explain'
  | 'select'
  | 'recovery-card'

export interface OptionRow {
  /** Long name without dashes. */
  readonly name: string
  readonly aliases?: readonly string[]
  /** One letter. */
  readonly short?: string
  readonly type: OptionType
  readonly argument?: string
  readonly help: string
  /** Actions in which it changes something; all when absent. */
  readonly actions?: readonly ActionName[]
  /** Smallest integer allowed. */
  readonly least?: number
  /** May be given again. */
  readonly repeatable?: boolean
  /** Left out of the help: for tests. */
  readonly hidden?: boolean
}

const writing: readonly ActionName[] = ['full', 'incremental', 'backup']
const continuing: readonly ActionName[] = ['incremental', 'backup']
const removing: readonly ActionName[] = [
  'cleanup',
  'remove-older-than',
  'remove-all-but-n-full',
  'remove-all-inc-of-but-n-full',
]

/** Actions whose answer is for programs, too. */
const telling: readonly ActionName[] = ['list-current-files', 'collection-status', 'find', 'versions', 'diff', 'check']

/** Every option there is. Parser and help are made from it. */
export const optionTable: readonly OptionRow[] = [
  ...selectionRows,
  {
    name: 'sizes',
    type: 'flag',
    help: 'list what each folder would weigh, biggest first',
    actions: ['select'],
  },
  { name: 'print0', type: 'flag', help: 'end each line of output with NUL instead', actions: ['select'] },
  { name: 'passphrase-file', type: 'path', argument: 'FILE', help: 'read the passphrase from the first line of FILE' },
  {
    name: 'passphrase-command',
    type: 'text',
    argument: 'COMMAND',
    help: 'read the passphrase from the output of COMMAND (split at blanks and quotes, run without a shell)',
  },
  { name: 'keyring', type: 'flag', help: 'take the passphrase from the keyring, where "keyring set" put it' },
  {
    name: 'encrypt-key',
    type: 'text',
    argument: 'KEY',
    help: 'encrypt to this public key: fingerprint, key id or address in the keyring of gpg, or a file (a path with a slash)',
    repeatable: true,
  },
  {
    name: 'hidden-encrypt-key',
    type: 'text',
    argument: 'KEY',
    help: 'the same, and volumes do not show whose key it is',
    repeatable: true,
  },
  {
    name: 'sign-key',
    type: 'text',
    argument: 'KEY',
    help: 'sign with this key; reading demands its signature',
  },
  {
    name: 'encrypt-sign-key',
    type: 'text',
    argument: 'KEY',
    help: '--encrypt-key and --sign-key in one',
    repeatable: true,
  },
  {
    name: 'encrypt-secret-keyring',
    type: 'path',
    argument: 'FILE',
    help: 'read with the secret keys in FILE before those of gpg',
  },
  {
    name: 'use-agent',
    type: 'flag',
    help: 'let the agent of gpg ask for passphrases of keys, whatever PASSPHRASE says',
  },
  { name: 'gpg-binary', type: 'path', argument: 'FILE', help: 'the gpg to use; gpg' },
  {
    name: 'gpg-options',
    type: 'text',
    argument: 'OPTIONS',
    help: "gpg's options for cipher, digest, s2k, compression, homedir, trust; others are refused",
    repeatable: true,
  },
  {
    name: 'openpgp-profile',
    type: 'text',
    argument: 'PROFILE',
    help: 'rfc4880, what every gpg reads (default), or rfc9580: AES in OCB mode and Argon2, which no gpg reads',
    actions: writing,
  },
  { name: 'no-encryption', type: 'flag', help: 'write (full) or expect (elsewhere) plain volumes' },
  { name: 'no-compression', type: 'flag', help: 'do not compress', actions: writing },
  {
    name: 'compression-level',
    type: 'integer',
    argument: 'N',
    help: 'deflate level 1 (fast) to 9 (small); 4 by default',
    actions: writing,
    least: 1,
  },
  {
    name: 'volsize',
    type: 'integer',
    argument: 'MIB',
    help: 'cut volumes at this size in MiB; 200 by default',
    actions: writing,
    least: 1,
  },
  {
    name: 'concurrency',
    type: 'integer',
    argument: 'N',
    help: 'volumes uploaded at a time; what the storage likes by default',
    actions: writing,
    least: 0,
  },
  {
    name: 'max-blocksize',
    type: 'integer',
    argument: 'BYTES',
    help: 'greatest block of file signatures; 0 for no limit',
    actions: writing,
    least: 0,
  },
  {
    name: 'full-if-older-than',
    type: 'time',
    argument: 'TIME',
    help: 'a full backup when the last one is older than TIME, as 1M or 7D',
    actions: continuing,
  },
  {
    name: 'full-if-n-inc',
    type: 'integer',
    argument: 'N',
    help: 'a full backup when the last one has N increments',
    actions: continuing,
    least: 1,
  },
  { name: 'skip-if-no-change', type: 'flag', help: 'no increment when nothing has changed', actions: continuing },
  {
    name: 'allow-source-mismatch',
    type: 'flag',
    help: 'continue a chain of another host or folder',
    actions: continuing,
  },
  { name: 'no-files-changed', type: 'flag', help: 'leave the list of files out of the manifest', actions: writing },
  { name: 'no-print-statistics', type: 'flag', help: 'no statistics at the end', actions: writing },
  {
    name: 'restore-time',
    aliases: ['time'],
    short: 't',
    type: 'time',
    argument: 'TIME',
    help: 'the state at TIME: now, epoch seconds, 2026-11-22T20:59:01, 2026-11-22, or an age as 3D2h',
    actions: ['restore', 'verify', 'list-current-files'],
  },
  {
    name: 'path-to-restore',
    aliases: ['file-to-restore'],
    short: 'r',
    type: 'path',
    argument: 'PATH',
    help: 'restore (or verify) only PATH (relative to the root of the backup) and what is below it',
    actions: ['restore', 'verify'],
  },
  {
    name: 'compare-data',
    type: 'flag',
    help: 'compare the content of files too, not only kinds, owners, modes, times and links',
    actions: ['verify'],
  },
  {
    name: 'force',
    type: 'flag',
    help: 'restore into a folder that is not empty, replacing files; really delete (cleanup, remove-…)',
    actions: ['restore', ...removing],
  },
  {
    name: 'older-than',
    type: 'time',
    argument: 'TIME',
    help: 'with --force: delete what was written before TIME; a day ago by default',
    actions: ['cleanup'],
  },
  {
    name: 'rename',
    type: 'pair',
    argument: 'ORIG NEW',
    help: 'restore ORIG (relative to what is restored), and what is below it, as NEW',
    actions: ['restore'],
    repeatable: true,
  },
  {
    name: 'ignore-errors',
    type: 'flag',
    help: 'as --keep-going, under the name that the real program has for it, and says so',
    actions: ['restore'],
  },
  {
    name: 'keep-going',
    type: 'flag',
    help: 'restore everything that does not build on what is damaged or missing, say what could not be, and end with 1',
    actions: ['restore'],
  },
  {
    name: 'file-changed',
    type: 'path',
    argument: 'PATH',
    help: 'list the sets of the newest chain in which the file PATH (relative to the root of the backup) is new, changed or deleted',
    actions: ['collection-status'],
  },
  {
    name: 'show-changes-in-set',
    type: 'integer',
    argument: 'N',
    help: 'list the files that are new, changed and deleted in a set of the newest chain: 0 is the last one, 1 the one before',
    actions: ['collection-status'],
  },
  {
    name: 'numeric-owner',
    type: 'flag',
    help: 'take owners by their numbers in the backup, whatever their names are here',
    actions: ['incremental', 'backup', 'restore', 'verify'],
  },
  {
    name: 'no-restore-ownership',
    aliases: ['do-not-restore-ownership'],
    type: 'flag',
    help: 'leave restored files to the user who restores',
    actions: ['restore'],
  },
  {
    name: 'no-special-files',
    type: 'flag',
    help: 'restore no devices and no pipes (devices take root anyway)',
    actions: ['restore'],
  },
  {
    name: 'dry-run',
    type: 'flag',
    help: 'say what would be done and change nothing',
    actions: [...writing, 'restore', ...removing],
  },
  {
    name: 'json',
    type: 'flag',
    help: 'answer in JSON, an object a line, and say everything else on standard error',
    actions: telling,
  },
  {
    name: 'read-data',
    type: 'optional',
    argument: '=N%',
    help: 'read and check all volumes too, or N of a hundred chosen at random (=N%@SEED chooses the same again)',
    actions: ['check'],
  },
  {
    name: 'accept',
    type: 'flag',
    help: 'expect nothing any more of what the storage has lost or changed: it is not told again',
    actions: ['check'],
  },
  {
    name: 'html',
    type: 'flag',
    help: 'print the card as a page for a browser or a printer',
    actions: ['recovery-card'],
  },
  {
    name: 'words',
    type: 'integer',
    argument: 'N',
    help: 'words of a generated passphrase, 4 to 32; 6 by default',
    actions: ['passphrase'],
  },
  { name: 'archive-dir', type: 'path', argument: 'DIR', help: 'parent of the local archive dirs; ~/.cache/duplicity' },
  { name: 'name', type: 'text', argument: 'NAME', help: 'name of the local archive dir; MD5 of the URL by default' },
  { name: 'file-prefix', type: 'text', argument: 'P', help: 'put P before the names of all objects' },
  { name: 'file-prefix-archive', type: 'text', argument: 'P', help: 'put P before the names of volumes' },
  { name: 'file-prefix-manifest', type: 'text', argument: 'P', help: 'put P before the names of manifests' },
  { name: 'file-prefix-signature', type: 'text', argument: 'P', help: 'put P before the names of signatures' },
  {
    name: 'time-separator',
    type: 'text',
    argument: 'CHAR',
    help: 'read names in which CHAR stands between hours, minutes and seconds instead of a colon, as old versions wrote them',
  },
  {
    name: 'tempdir',
    type: 'path',
    argument: 'DIR',
    help: 'folder for volumes on their way; TMPDIR, TEMP, TMP or /tmp',
  },
  { name: 'num-retries', type: 'integer', argument: 'N', help: 'tries of a storage operation; 5 by default', least: 1 },
  {
    name: 'verbosity',
    short: 'v',
    type: 'verbosity',
    argument: 'LEVEL',
    help: '0 to 9, or error, warning, notice (default), info, debug',
  },
  { name: 'log-fd', type: 'integer', argument: 'FD', help: 'write machine records to this descriptor', least: 1 },
  { name: 'log-file', type: 'path', argument: 'FILE', help: 'append machine records to FILE' },
  { name: 'log-timestamp', type: 'flag', help: 'put time and level before each line of output' },
  {
    name: 'progress',
    type: 'flag',
    help: 'one line that tells how far the work is',
    actions: [...writing, 'restore'],
  },
  {
    name: 'progress-rate',
    type: 'integer',
    argument: 'SECONDS',
    help: 'seconds between two lines of progress; 3 by default',
    actions: [...writing, 'restore'],
    least: 1,
  },
  {
    name: 'compat',
    type: 'text',
    argument: '0.8',
    help: "0.8's words, exit codes and signature blocks instead of 3.x's",
  },
  { name: 'help', short: 'h', type: 'flag', help: 'this text' },
  { name: 'version', short: 'V', type: 'flag', help: 'the version' },
  { name: 'current-time', type: 'integer', argument: 'SECONDS', help: '', hidden: true, least: 1 },
]

/** An action and the arguments it takes. */
export interface ActionRow {
  readonly name: ActionName
  readonly aliases: readonly string[]
  /** Names of the arguments; in brackets what may be left out, in small letters what is to be said as it is. */
  readonly arguments: string
  readonly help: string
  /** The real program has no such action: its name may not be abbreviated. */
  readonly own?: boolean
}

export const actionTable: readonly ActionRow[] = [
  { name: 'full', aliases: ['fb'], arguments: 'SOURCE URL', help: 'write a full backup of SOURCE' },
  {
    name: 'incremental',
    aliases: ['incr', 'inc', 'ib'],
    arguments: 'SOURCE URL',
    help: 'write what has changed since the last backup',
  },
  { name: 'backup', aliases: ['bu'], arguments: 'SOURCE URL', help: 'incremental when it can be, else full' },
  { name: 'restore', aliases: ['rb'], arguments: 'URL TARGET', help: 'restore into TARGET' },
  {
    name: 'verify',
    aliases: ['vb'],
    arguments: 'URL TARGET',
    help: 'check all volumes of the newest backup and compare it with TARGET; ends with 1 when they differ',
  },
  { name: 'list-current-files', aliases: ['ls'], arguments: 'URL', help: 'list the files of the newest backup' },
  { name: 'collection-status', aliases: ['st'], arguments: 'URL', help: 'list chains and sets' },
  {
    name: 'find',
    aliases: [],
    arguments: 'PATTERN URL',
    help: "list every version of the files that match, in all backups (as '*.txt', 'letters/**')",
    own: true,
  },
  {
    name: 'versions',
    aliases: [],
    arguments: 'PATH URL',
    help: 'list every version of a file or folder, in all backups',
    own: true,
  },
  {
    name: 'diff',
    aliases: [],
    arguments: 'TIME TIME URL',
    help: 'list what is new, changed and deleted from one time to another',
    own: true,
  },
  {
    name: 'check',
    aliases: [],
    arguments: 'URL',
    help: 'compare the storage with manifests and with what was stored, without reading volumes; ends with 1 on damage',
    own: true,
  },
  {
    name: 'remove-older-than',
    aliases: ['ro'],
    arguments: 'TIME URL',
    help: 'list chains that ended before TIME; with --force delete them',
  },
  {
    name: 'remove-all-but-n-full',
    aliases: ['ra'],
    arguments: 'COUNT URL',
    help: 'the same for all chains but the COUNT newest',
  },
  {
    name: 'remove-all-inc-of-but-n-full',
    aliases: ['ri'],
    arguments: 'COUNT URL',
    help: 'the same for the increments of all chains but the COUNT newest',
  },
  {
    name: 'cleanup',
    aliases: ['cl'],
    arguments: 'URL',
    help: 'list what no restore would read; with --force delete it',
  },
  {
    name: 'select',
    aliases: [],
    arguments: 'SOURCE',
    help: 'list what a backup of SOURCE would take',
    own: true,
  },
  {
    name: 'explain',
    aliases: [],
    arguments: 'SOURCE PATH…',
    help: 'say of each PATH whether a backup of SOURCE would take it, and which rule decides',
    own: true,
  },
  {
    name: 'recovery-card',
    aliases: [],
    arguments: 'URL',
    help: 'print how to get everything back with gpg, tar, cat and rdiff alone',
    own: true,
  },
  {
    name: 'passphrase',
    aliases: [],
    arguments: '[generate|judge]',
    help: 'make a passphrase of words, or judge one (from the sources below, or standard input)',
    own: true,
  },
  {
    name: 'keyring',
    aliases: [],
    arguments: 'set|forget URL|NAME',
    help: "keep a passphrase in the system's keyring (Secret Service), or remove it",
    own: true,
  },
]
