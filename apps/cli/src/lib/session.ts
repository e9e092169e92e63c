import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { displayPath, type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import { openRepository, type Repository, type RepositoryEvent } from '@coalmine/repository'
import type { Storage } from '@coalmine/storage'
import { type Collection, type Envelope, formatPretty, gzipEnvelope, plainEnvelope } from '@coalmine/volume-format'
import { collectionWarnings } from './collection-text.ts'
import { CommandError, exitCode, UsageError } from './exit-codes.ts'
import { droppedText } from './going-on.ts'
import { accountOf } from './keyring-account.ts'
import { hasRecipients } from './keys.ts'
import { code, type Log, quotePath } from './log.ts'
import { makeEnvelope } from './make-envelope.ts'
import { type PassphraseOptions, readPassphrase } from './passphrase.ts'
import { expandHome, type Settings } from './settings.ts'
import { openStorageUrl } from './open-storage.ts'
import { oneLine } from './visible.ts'
import { warnIfWeak } from './weak-warning.ts'

/** What every action works with. */
export interface Context {
  readonly settings: Settings
  readonly log: Log
  readonly signal: AbortSignal
}

/** An open storage with the repository in it, closed together. */
export class Session {
  readonly repository: Repository
  readonly archiveDir: string
  readonly storage: Storage
  /** Bytes of the source read so far, for the records that tell how far a backup is. */
  readonly #progress: { sourceBytes: number }
  readonly #passphrase: LazyEnvelope

  private constructor(
    repository: Repository,
    storage: Storage,
    archiveDir: string,
    { progress, passphrase }: { progress: { sourceBytes: number }; passphrase: LazyEnvelope },
  ) {
    this.#progress = progress
    this.#passphrase = passphrase
    this.repository = repository
    this.storage = storage
    this.archiveDir = archiveDir
  }

  /**
   * Opens what a URL names.
   *
   * @param how.write - Take the archive dir's lock; the envelope for new sets is then the one that the options say.
   * @param how.lock - Take the lock alone: to remove sets.
   */
  static async open(url: RawPath, context: Context, how: { write: boolean; lock?: boolean }): Promise<Session> {
    const { settings, log, signal } = context
    const archiveDir = archiveDirOf(url, settings)
    log.info(`Using archive dir: ${oneLine(archiveDir)}`)
    const storage = await openStorageUrl(url, context)
    const progress = { sourceBytes: 0 }
    try {
      const passphrase = new LazyEnvelope(context, url)
      const repository = openRepository({
        storage,
        envelope: how.write ? await writingEnvelope(context, storage, passphrase) : readingOnly,
        openerFor: (stored) => {
          if (stored.encrypted) return passphrase.get()
          if (!how.write) refuseUnsigned(settings)
          return stored.compressed ? gzipEnvelope({}) : plainEnvelope()
        },
        tempDir: settings.tempDir,
        archiveDir,
        lock: how.write || how.lock === true,
        keepCopies: !settings.flag('dry-run'),
        prefixes: settings.prefixes,
        tries: settings.integer('num-retries') ?? 5,
        signal,
        onEvent: (event) => tell(event, log, progress.sourceBytes),
      })
      return new Session(repository, storage, archiveDir, { progress, passphrase })
    } catch (error) {
      await storage.close()
      throw error
    }
  }

  /** What is there, with the lines that every action says about it. */
  async collect(
    { log, settings }: Pick<Context, 'log' | 'settings'>,
    { tellsLosses = true }: { tellsLosses?: boolean } = {},
  ): Promise<Collection> {
    const collection = await this.repository.collect()
    const fulls = collection.chains.map((chain) => chain.startSeconds)
    const last = fulls.length === 0 ? 'none' : formatPretty(Math.max(...fulls))
    log.notice(`Last full backup date: ${last}`)
    for (const { text, code: number } of collectionWarnings(collection, settings.compat))
      log.warning(text, { code: number })
    for (const object of collection.duplicates) {
      log.warning(`"${oneLine(object.key)}" is left aside: there is another object in its place`)
    }
    if (tellsLosses) await this.#tellLosses(log)
    return collection
  }

  /** Said at every run: a storage that forgets must not go unnoticed until a restore is needed. */
  async #tellLosses(log: Log): Promise<void> {
    const lost = (await this.repository.losses()).filter(({ damage }) => damage)
    if (lost.length === 0) return
    const keys = lost.flatMap((one) => one.keys).sort()
    const more = keys.length > 3 ? ` and ${keys.length - 3} more` : ''
    const some = keys.slice(0, 3).map((key) => `"${oneLine(key)}"`)
    log.warning(
      `The storage has lost or changed what this machine had stored: ${some.join(', ')}${more}. "coalmine check" tells more, "check --accept" ends this warning`,
    )
  }

  /** Takes note of how many bytes of the source were read. */
  readSoFar(bytes: number): void {
    this.#progress.sourceBytes = bytes
  }

  async close(): Promise<void> {
    this.repository.close()
    await this.storage.close()
    await this.#passphrase.judged
  }
}

/** The archive dir of a URL: named by `--name`, else by the MD5 of the URL as it was typed. */
function archiveDirOf(url: RawPath, settings: Settings): string {
  const name = settings.text('name') ?? createHash('md5').update(rawToBytes(url)).digest('hex')
  return join(settings.archiveRoot, name)
}

// Reading always goes by what names say; nothing is ever sealed with this one.
const readingOnly: Envelope = plainEnvelope()

/** Where the options say that the passphrase of `url` is; without one, a keyring is asked for what `--name` names. */
export function passphraseSources(
  { settings, signal }: Pick<Context, 'settings' | 'signal'>,
  url?: RawPath,
): PassphraseOptions {
  const said = settings.flag('keyring')
  const named = url !== undefined || settings.text('name') !== undefined
  if (said && !named) throw new UsageError('Cannot take "--keyring" without a URL: say "--name"')
  return {
    file: settings.path('passphrase-file'),
    command: settings.text('passphrase-command'),
    keyring: named ? { said, account: () => accountOf(url ?? ('' as RawPath), settings) } : undefined,
    signal,
  }
}

/** What is not even encrypted has no signature: a storage that offers it must not get around the demand. */
function refuseUnsigned(settings: Settings): void {
  if (settings.raw('sign-key') === undefined && settings.raw('encrypt-sign-key') === undefined) return
  throw new CommandError(
    exitCode.notSigned,
    'Cannot read what is stored: it is neither encrypted nor signed, and a signature is demanded by "--sign-key"',
  )
}

/** Finds out the passphrase or the keys when the first encrypted object is opened, and never if there is none. */
class LazyEnvelope {
  readonly #context: Context
  readonly #url: RawPath
  #envelope: Promise<Envelope> | undefined
  /** Fulfilled when a warning about the passphrase is said, if there is one. */
  judged: Promise<void> | undefined

  constructor(context: Context, url: RawPath) {
    this.#context = context
    this.#url = url
  }

  /** For what is read. */
  get(): Promise<Envelope> {
    this.#envelope ??= this.#make('open', undefined)
    return this.#envelope
  }

  /**
   * For what is written, and read beside it.
   *
   * @param first - Nothing is stored yet: a prompt asks twice, and a weak passphrase is worth a warning.
   */
  writing(first: boolean): Promise<Envelope> {
    const { settings, log, signal } = this.#context
    const make = async () => {
      if (hasRecipients(settings)) return this.#make('seal', undefined)
      const passphrase = await readPassphrase({ ...passphraseSources(this.#context, this.#url), confirm: first })
      if (first && !settings.flag('dry-run')) this.judged = warnIfWeak(passphrase, log, { signal })
      return this.#make('seal', passphrase)
    }
    this.#envelope ??= make()
    return this.#envelope
  }

  async #make(use: 'seal' | 'open', passphrase: Buffer | undefined): Promise<Envelope> {
    const { settings } = this.#context
    const envelope = makeEnvelope({
      ...this.#context,
      sources: passphraseSources(this.#context, this.#url),
      passphrase,
      demanding: use === 'open',
      compression: deflating(settings),
    })
    await envelope.prepare(use)
    return envelope
  }
}

/** Options that say how to encrypt. */
const encrypting = ['encrypt-key', 'hidden-encrypt-key', 'sign-key', 'encrypt-sign-key', 'openpgp-profile'] as const

async function writingEnvelope({ settings }: Context, storage: Storage, passphrase: LazyEnvelope): Promise<Envelope> {
  if (!settings.flag('no-encryption')) return passphrase.writing(await isEmpty(storage))
  const key = encrypting.find((name) => settings.raw(name))
  if (key !== undefined) throw new UsageError(`Cannot take both "--no-encryption" and "--${key}": say one`)
  if (settings.flag('no-compression')) return plainEnvelope()
  return gzipEnvelope(deflating(settings))
}

/** Whether nothing is there yet: a passphrase that is typed now has to be typed twice. */
async function isEmpty(storage: Storage): Promise<boolean> {
  for await (const _ of storage.list()) return false
  return true
}

function levelOf(settings: Settings): number {
  const level = settings.integer('compression-level') ?? 4
  if (level > 9) throw new CommandError(exitCode.user, `Cannot take "--compression-level ${level}": the greatest is 9`)
  return level
}

/**
 * How volumes are deflated. Four jobs are what libuv's pool runs at a time, on any machine: so the same input is cut at
 * the same places on all. Small volumes are cut from small chunks, because what is on its way counts as if it did not
 * shrink.
 */
function deflating(settings: Settings): { level: number; chunkBytes: number; parallel: number } {
  const volumeBytes = (settings.integer('volsize') ?? 200) * 1_048_576
  const chunkBytes = Math.min(262_144, Math.max(32_768, 2 ** Math.floor(Math.log2(volumeBytes / 32))))
  return { level: levelOf(settings), chunkBytes, parallel: 4 }
}

/** The `~` of a local path is expanded; the rest is as it was typed. */
export function localPath(operand: RawPath): RawPath {
  return expandHome(operand)
}

function tell(event: RepositoryEvent, log: Log, sourceBytes: number): void {
  switch (event.type) {
    case 'put':
      return log.info(`Writing ${oneLine(event.key)}`, {
        code: code.uploadBegin,
        extra: quotePath(event.key as RawPath),
      })
    case 'stored':
      return log.info(`Wrote ${oneLine(event.key)} (${event.bytes} bytes)`, {
        code: code.uploadDone,
        extra: quotePath(event.key as RawPath),
      })
    case 'volume-stored':
      return log.info(`Processed volume ${event.number}`, { code: code.progress, extra: String(sourceBytes) })
    case 'deleted':
      return log.info(`Deleted ${oneLine(event.key)}`)
    case 'get':
      return log.info(`Reading ${oneLine(event.key)} (${event.bytes} bytes)`)
    case 'hash-retry':
      return log.warning(
        `"${oneLine(event.key)}" is not what the manifest says: reading it again after try ${event.attempt}`,
      )
    case 'short-read':
      return log.warning(`"${oneLine(event.key)}" came short: reading it again after try ${event.attempt}`)
    case 'spool-short':
      return log.notice(
        `"${displayPath(rawFromText(event.folder))}" has room for few volumes: ${event.parallel} instead of ${event.wanted} at a time`,
      )
    case 'copies-not-kept':
      return log.warning(`The backup is complete, but its copies in the archive dir are not: ${oneLine(event.message)}`)
    case 'ledger-not-kept':
      return log.warning(`What is stored could not be noted for later checks: ${oneLine(event.message)}`)
    case 'ledger-unreadable':
      return log.warning(
        `Nothing is known of what this machine has stored, nor noted of it: ${oneLine(event.message)}. Move it away: then the next backup begins a new one`,
      )
    case 'interrupted': {
      const volumes = event.volumes === 1 ? 'One volume' : `${event.volumes} volumes`
      return log.notice(`${volumes} of the unfinished set stay stored: the next backup goes on from there`)
    }
    case 'journal-dropped':
      return log.notice(droppedText(event.times, event.reason))
    case 'copy-not-kept':
      return log.info(`No copy is left in the archive dir: ${oneLine(event.message)}`)
    case 'sets-lost':
      return log.warning(
        `The storage no longer has backup sets that it had: ${oneLine(event.keys.join(', '))}. "check --accept" ends this warning`,
      )
    case 'left-behind':
      return log.warning(
        `These objects of the failed set are left on the storage, for "cleanup": ${oneLine(event.keys.join(', '))}`,
      )
    case 'damaged-manifest':
      return log.warning(`The newest manifest "${oneLine(event.key)}" is damaged: ${oneLine(event.message)}`)
    case 'own-archive-dir':
      return log.warning(
        `The lock of the archive dir cannot be taken on this machine: using "${displayPath(event.folder as RawPath)}" instead`,
      )
  }
}
