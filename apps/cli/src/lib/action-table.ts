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
  | 'login'
  | 'logout'
  | 'mf'
  | 'explain'
  | 'select'
  | 'recovery-card'

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
  {
    name: 'login',
    aliases: [],
    arguments: 'mf [EMAIL]',
    help: 'sign in to MediaFire, and keep the password in the keyring (or as --store says) for later runs',
    own: true,
  },
  { name: 'logout', aliases: [], arguments: 'mf [EMAIL]', help: 'forget what "login" has kept', own: true },
  {
    name: 'mf',
    aliases: [],
    arguments: 'VERB [ARGUMENT]…',
    help: 'files and folders of a MediaFire account, see below',
    own: true,
  },
]
