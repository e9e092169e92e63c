import { byteText } from './statistics-text.ts'
import { counted } from './counted.ts'

/** What a card tells of a set. */
export interface CardSet {
  readonly kind: 'full' | 'incremental'
  /** When it was made, `2023-11-14 22:13:20 UTC`. */
  readonly time: string
  /** What its objects' names begin with. */
  readonly name: string
  readonly volumes: number
  readonly bytes: number
  /** Numbers of volumes that the storage lacks. */
  readonly missing: readonly number[]
}

/** All that is on a recovery card. No secret is. */
export interface Card {
  /** The URL without secrets, fit for a screen. */
  readonly storage: string
  readonly printed: string
  readonly version: string
  /** The newest first. */
  readonly chains: readonly (readonly CardSet[])[]
  /** How sets are encrypted. */
  readonly protection: 'passphrase' | 'keys' | 'none'
  /** A set is compressed with gzip. */
  readonly gzip: boolean
  /** Whether the files are in a folder of this machine, and the script knows where. */
  readonly local: boolean
  readonly script: string
}

/** A card in paragraphs, for text and page alike. */
export interface CardText {
  readonly about: readonly string[]
  readonly needs: readonly string[]
  readonly steps: readonly string[]
  readonly limits: readonly string[]
}

export function cardText({ protection, gzip, local, chains }: Card): CardText {
  const chained = chains.some((chain) => chain.length > 1)
  const programs = [
    ...(protection === 'none' ? [] : ['gpg (GnuPG 2.1 or later)']),
    ...(gzip ? ['gzip'] : []),
    'GNU tar',
    ...(chained ? ['rdiff'] : []),
    "a shell, and GNU's core utilities (cat, cp, mv and the like)",
  ]
  return {
    about: [
      'This card gets the files back without Coalmine and without duplicity. Keep it on paper, away from the computer.',
      'It knows the backups that were there when it was printed. For each later increment the program needs one more line, with its name and its number of volumes; after a new full backup print another card.',
    ],
    needs: [
      ...(protection === 'passphrase'
        ? ['The passphrase with which the backup was begun. It is not on this card. It is kept here: ' + '_'.repeat(30)]
        : []),
      ...(protection === 'keys'
        ? ['The secret key, in the keyring of gpg, and what unlocks it. It is kept here: ' + '_'.repeat(30)]
        : []),
      `These programs, which every Linux has or can install: ${programs.join(', ')}.`,
      'Space for the files, and for the largest single backup once more.',
    ],
    steps: [
      local
        ? 'Have the files of the storage at hand; if they are elsewhere by now, change the line that begins with "from=".'
        : 'Fetch all files of the storage, by any means, into a folder named "files" in an empty folder.',
      `Save the program at the end of this card as restore.sh in ${local ? 'an empty' : 'that'} folder. (From paper: type it.)`,
      'As root, so that owners come back too, or else as yourself: sh restore.sh',
      'Everything is in the folder snapshot. What could not be restored is named.',
    ],
    limits: [
      'Do this only with files that you trust: links that somebody else planted in a backup are followed by tar.',
      'Nothing is compared with the checksums in the manifests. The files that end in "manifest" or "manifest.gpg" name the SHA-1 of each volume, to be compared with sha1sum.',
      'Paths longer than 4095 bytes, and a deleted file of the name "=deleted=", are more than the script can handle.',
    ],
  }
}

const width = 78

/** The card as plain text. */
export function formatCard(card: Card): string {
  const { about, needs, steps, limits } = cardText(card)
  return [
    'RECOVERY CARD',
    '',
    `Storage: ${card.storage}`,
    `Printed: ${card.printed} by coalmine ${card.version}`,
    '',
    ...about.flatMap((text) => wrap(text)),
    '',
    'WHAT IS THERE',
    ...card.chains.flatMap((chain, at) => ['', ...wrap(chainTitle(at), '  '), ...chain.flatMap(setLines)]),
    '',
    'WHAT IS NEEDED',
    '',
    ...needs.flatMap((text) => wrap(text, '- ')),
    '',
    'WHAT TO DO',
    '',
    ...steps.flatMap((text, at) => wrap(text, `${at + 1}. `)),
    '',
    'WHAT THIS CANNOT DO',
    '',
    ...limits.flatMap((text) => wrap(text, '- ')),
    '',
    scriptStart,
    card.script.trimEnd(),
    scriptEnd,
    '',
  ].join('\n')
}

const scriptStart = '-------------------------------- restore.sh --------------------------------'
const scriptEnd = '----------------------------- end of restore.sh -----------------------------'

export function chainTitle(at: number): string {
  return at === 0 ? 'The newest chain, which restore.sh restores:' : 'An older chain:'
}

/** What a card says of a set, the name apart. */
export function setFacts({ kind, time, volumes, bytes, missing }: CardSet): string[] {
  const lack =
    missing.length === 0 ? [] : [`MISSING: volume ${missing.slice(0, 20).join(', ')}${missing.length > 20 ? ' …' : ''}`]
  return [kind, time, counted(volumes, 'volume'), byteText(bytes), ...lack]
}

function setLines(set: CardSet): string[] {
  return [`  ${setFacts(set).join(', ')}`, `    ${set.name}`]
}

/** Lines of at most {@link width} characters; the first begins with the mark, the others below it. */
function wrap(text: string, mark = ''): string[] {
  const lines: string[] = []
  let line = mark
  for (const word of text.split(' ')) {
    if (line.length > mark.length && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ' '.repeat(mark.length)
    }
    line += line.length === mark.length ? word : ` ${word}`
  }
  return [...lines, line]
}
