import { createHash } from 'node:crypto'
import type { RawPath } from '@coalmine/bytes'
import type { FileSink, TreeWriter, WriteEntry } from '@coalmine/filetree'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import { openRepository, RepositoryError } from '@coalmine/repository'
import { restore, RestoreError } from '@coalmine/restorer'
import { createMemoryStorage, type MemoryObject, StorageError } from '@coalmine/storage'
import {
  FormatError,
  gzipEnvelope,
  mergeSigTars,
  plainEnvelope,
  readSigTar,
  setsForTime,
  signaturesForTime,
} from '@coalmine/volume-format'
import { passphrase } from './archives.ts'

/** What is done with a damaged archive. */
export const operations = ['restore', 'restore a folder', 'list'] as const
export type Operation = (typeof operations)[number]

/** What came of it: a digest of all that was read, or the error's class and code. */
export type Result =
  | { readonly state: string; readonly error?: undefined; readonly incomplete: number }
  | { readonly error: string; readonly message: string }

// One for all: stretching a passphrase takes a while.
const envelope = createPassphraseEnvelope({ passphrase })
const now = 1_800_000_000

/** Reads the newest state of an archive, as the command line does. */
export async function read(
  objects: ReadonlyMap<string, Buffer>,
  operation: Operation,
  tempDir: string,
): Promise<Result> {
  const stored = new Map<string, MemoryObject>()
  for (const [key, bytes] of objects) stored.set(key, { bytes, modifiedMs: 0 })
  const repository = openRepository({
    storage: createMemoryStorage({ objects: stored }),
    envelope: plainEnvelope(),
    openerFor: ({ encrypted, compressed }) => (encrypted ? envelope : compressed ? gzipEnvelope({}) : plainEnvelope()),
    tempDir,
    tries: 1,
  })
  try {
    const collection = await repository.collect()
    if (operation === 'list') {
      const chosen = signaturesForTime(collection, now)
      if (chosen === undefined) return { error: 'nothing to list', message: '' }
      const hash = createHash('sha256')
      const readers = chosen.sets.map((set) => readSigTar(repository.signatures(set), { signatures: false }))
      for await (const entries of mergeSigTars(readers)) for (const entry of entries) hash.update(JSON.stringify(entry))
      return { state: `${chosen.sets.length} ${hash.digest('hex')}`, incomplete: 0 }
    }
    const chosen = setsForTime(collection, now)
    if (chosen === undefined) return { error: 'nothing to restore', message: '' }
    const writer = new Recorder()
    const path = (operation === 'restore' ? '' : 'folder') as RawPath
    const { incomplete } = await restore({ repository, sets: chosen.sets, path, writer })
    return { state: `${chosen.sets.length} ${writer.digest()}`, incomplete }
  } catch (error) {
    const isOurs = [RepositoryError, RestoreError, StorageError, FormatError].some((one) => error instanceof one)
    if (!isOurs) throw error
    const { name, code, message } = error as RepositoryError
    return { error: `${name} ${code}`, message }
  } finally {
    repository.close()
  }
}

/** Takes note of what would be written. */
class Recorder implements TreeWriter {
  readonly #hash = createHash('sha256')

  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  directory(entry: WriteEntry): void {
    this.#hash.update(JSON.stringify(entry))
  }

  file(entry: WriteEntry, content: Uint8Array): void {
    this.directory(entry)
    this.#hash.update(content)
  }

  openFile(entry: WriteEntry): FileSink {
    const pieces: Uint8Array[] = []
    return {
      write: (chunk) => void pieces.push(chunk),
      commit: () => this.file(entry, Buffer.concat(pieces)),
      abort: () => undefined,
    }
  }

  symlink(entry: WriteEntry): void {
    this.directory(entry)
  }

  fifo(entry: WriteEntry): void {
    this.directory(entry)
  }

  device(entry: WriteEntry): void {
    this.directory(entry)
  }

  scratch(): never {
    throw new Error('Cannot be: every file here fits in memory')
  }

  finish(): void {}
  close(): void {}
}

/** What an object is, by its name. */
export function objectKind(key: string): 'volume' | 'signatures' | 'manifest' {
  return key.includes('.manifest') ? 'manifest' : key.includes('signatures') ? 'signatures' : 'volume'
}
