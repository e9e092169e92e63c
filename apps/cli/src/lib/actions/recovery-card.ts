import { resolve } from 'node:path'
import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import { parseStorageUrl, type Storage } from '@coalmine/storage'
import { type BackupChain, type BackupSet, formatName, formatTime } from '@coalmine/volume-format'
import { version } from '../version.ts'
import { CommandError, exitCode } from '../exit-codes.ts'
import { urlText } from '../open-storage.ts'
import { type Card, type CardSet, formatCard } from '../recovery-card.ts'
import { recoveryScript, type RecoverySet } from '../recovery-script.ts'
import { type Context, Session } from '../session.ts'
import type { Settings } from '../settings.ts'

/** `recovery-card`: how to get everything back by hand, for this storage, as text or as a page. Needs no passphrase. */
export async function recoveryCard([url]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log } = context
  const session = await Session.open(url!, context, { write: false })
  try {
    const { chains } = await session.repository.collect()
    if (chains.length === 0) {
      throw new CommandError(exitCode.exception, 'Cannot print a recovery card: the storage holds no backup', {
        name: 'CollectionsError',
      })
    }
    const card = await describe(url!, { storage: session.storage, chains, settings })
    const text = settings.flag('html') ? (await import('../recovery-page.ts')).formatCardPage(card) : formatCard(card)
    log.raw(Buffer.from(text))
    await log.drained()
  } finally {
    await session.close()
  }
}

interface Described {
  readonly storage: Storage
  /** By their end. */
  readonly chains: readonly BackupChain[]
  readonly settings: Settings
}

async function describe(url: RawPath, { storage, chains, settings }: Described): Promise<Card> {
  const inOrder = [...chains].reverse()
  const all = inOrder.map((chain) => chain.sets.map((set) => ({ set, ...namesOf(set, settings) })))
  const [newest = [], ...older] = all
  const sets = inOrder.flatMap((chain) => chain.sets)
  const encrypted = sets.filter((set) => set.encrypted)
  const firsts = await Promise.all(encrypted.map((set) => firstPacket(storage, set)))
  const unread = encrypted[firsts.findIndex((first) => first?.version === 6)]
  if (unread !== undefined) {
    throw new CommandError(
      exitCode.unbuilt,
      `Cannot print a recovery card: the set of ${formatTime(unread.endSeconds)} was written with "--openpgp-profile rfc9580", which gpg does not read`,
    )
  }
  const passphrase = encrypted.length > 0 && firsts.every((first) => first?.tag === passphraseTag)
  const from = folderOf(url)
  return {
    storage: storage.info.display,
    printed: `${new Date(settings.nowSeconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    version: version(),
    chains: all.map((chain) => chain.map(({ set, name, script }) => cardSet(set, name, script.volumes))),
    protection: encrypted.length === 0 ? 'none' : passphrase ? 'passphrase' : 'keys',
    gzip: sets.some((set) => set.compressed && !set.encrypted),
    local: from !== undefined,
    script: recoveryScript({
      from: from ?? 'files',
      sets: newest.map(({ script }) => script),
      older: older.map((chain) => chain.map(({ script }) => script)),
      passphrase,
    }),
  }
}

/** A storage that claims more volumes is no storage of anybody's files. */
const mostVolumes = 1_000_000

/**
 * What the names of a set's volumes have in common. Only names as they are written today go on a card: so nothing that
 * somebody else put there gets into a script.
 */
function namesOf(set: BackupSet, settings: Settings): { name: string; script: RecoverySet } {
  const { prefixes } = settings
  const suffix = set.encrypted ? '.gpg' : set.compressed ? '.gz' : ''
  const nameOf = (volume: number) => formatName({ object: 'volume', set: set.times, volume, suffix }, { prefixes })
  for (const [number, { key }] of set.volumes) {
    if (key !== nameOf(number) || number > mostVolumes) {
      throw new CommandError(
        exitCode.unbuilt,
        `Cannot print a recovery card: "${displayPath(key as RawPath)}" is no name that is written today, as "${nameOf(1)}"`,
      )
    }
  }
  const [start = '', end = ''] = nameOf(7).split(/(?<=\.vol)7(?=\.difftar)/)
  return { name: start.replace(/\.vol$/, ''), script: { start, volumes: Math.max(0, ...set.volumes.keys()), end } }
}

function cardSet(set: BackupSet, name: string, volumes: number): CardSet {
  const stored = [...set.volumes.values()].reduce((sum, { size }) => sum + size, 0)
  // A set has one at least.
  const missing: number[] = volumes === 0 ? [1] : []
  for (let number = 1; number <= volumes && missing.length <= 21; number++) {
    if (!set.volumes.has(number)) missing.push(number)
  }
  const time = formatTime(set.endSeconds).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3 $4:$5:$6 UTC')
  return { kind: set.times.type === 'full' ? 'full' : 'incremental', time, name, volumes, bytes: stored, missing }
}

const passphraseTag = 3

/**
 * Type and version of the first packet of a set's manifest: a passphrase's, where there is none for a key, which comes
 * first. RFC 9580 has version 6 of both.
 */
async function firstPacket(
  storage: Storage,
  { manifest }: BackupSet,
): Promise<{ tag: number; version: number | undefined } | undefined> {
  if (manifest === undefined) return undefined
  const start: number[] = []
  for await (const chunk of storage.get(manifest.key)) {
    start.push(...chunk.subarray(0, 8))
    if (start.length >= 8) break
  }
  const [first, second] = start
  if (first === undefined || second === undefined) return undefined
  // The old format says how many bytes the length has; the new one shows it in the first of them.
  const old = (first & 0x40) === 0
  const lengthBytes = old ? 1 << (first & 3) : second < 192 ? 1 : second < 224 ? 2 : 5
  return { tag: old ? (first >> 2) & 15 : first & 63, version: start[1 + lengthBytes] }
}

/** The folder that a `file` URL names, unless there is something in its name that paper does not show. */
function folderOf(url: RawPath): string | undefined {
  const { scheme, path } = parseStorageUrl(urlText(url))
  if (scheme !== 'file') return undefined
  const text = rawToBytes(path).toString('utf8')
  return displayPath(path) === text.replaceAll('\\', '\\\\') ? resolve(text) : undefined
}
