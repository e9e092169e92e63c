import { join } from 'node:path'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import {
  type BackupSet,
  FormatError,
  gzipEnvelope,
  type Manifest,
  ManifestDecoder,
  type ObjectKind,
  type SetTimes,
  type SignatureSet,
  type StoredObject,
} from '@coalmine/volume-format'
import type { ArchiveDir } from './archive-dir.ts'
import type { CopyKeeper } from './copy-keeper.ts'
import { RepositoryError } from './errors.ts'
import type { SetNames } from './names.ts'
import { openObject } from './open-object.ts'
import type { SpoolFile } from './spool.ts'

export interface MetadataParts {
  readonly archiveDir: ArchiveDir | undefined
  /** Leaves copies of what is read from the storage in the archive dir. */
  readonly keeper: CopyKeeper | undefined
  readonly namesOf: (times: SetTimes) => SetNames
  /** The stored object as it is, in the spool. */
  readonly fetch: (object: StoredObject) => Promise<SpoolFile>
  /** Its plain bytes. */
  readonly open: (kind: ObjectKind, object: StoredObject, source: ByteSource) => ByteStream
  /** How an object differs from what this machine knows of it. */
  readonly disagreement?: (key: string, sha1: string | undefined) => string | undefined
  /** Objects that are fetched at a time. */
  readonly parallel: number
  readonly signal: AbortSignal | undefined
}

/** What an action needs of the archive dir. */
export interface Wanted {
  readonly manifests?: readonly BackupSet[]
  readonly signatures?: readonly SignatureSet[]
}

// Copies are read often and never sent: the fastest level.
const signatureGzip = gzipEnvelope({ level: 1 })

/** Manifests and signatures of sets, from the archive dir where it has them, else from the storage. */
export class Metadata {
  readonly #parts: MetadataParts
  /** Names of copies in the archive dir that proved to be of no use. */
  readonly #distrusted = new Set<string>()
  /** Copies that this run made of the originals. */
  readonly #fresh = new Map<string, Promise<boolean>>()
  /** SHA-1 of signature files that were read from the storage, by name. */
  readonly #fetched = new Map<string, string>()
  /** Manifests as they are on the storage, without lists of files, by name. */
  readonly #originals = new Map<string, Promise<Manifest>>()

  constructor(parts: MetadataParts) {
    this.#parts = parts
  }

  async manifest(set: BackupSet, files: boolean): Promise<Manifest> {
    return (await this.#localManifest(set, files)) ?? this.#remoteManifest(set, files)
  }

  /** Without its list of files. Asked for twice in one run, fetched once. */
  original(set: BackupSet): Promise<Manifest> {
    const { key } = set.manifest!
    const known = this.#originals.get(key)
    if (known !== undefined) return known
    const fetched = this.#remoteManifest(set, false)
    this.#originals.set(key, fetched)
    return fetched
  }

  /** @throws RepositoryError `copies-differ` when the archive dir has another one. */
  async comparedOriginal(set: BackupSet): Promise<Manifest> {
    const original = await this.original(set)
    const copy = await this.#localManifest(set, false)
    if (copy === undefined || isSameManifest(original, copy)) return original
    const { archiveDir, namesOf } = this.#parts
    const copied = join(archiveDir!.folder, namesOf(set.times).localManifest())
    throw new RepositoryError(
      'copies-differ',
      `Cannot build on "${set.manifest!.key}": its copy "${copied}" says something else`,
    )
  }

  /**
   * @param onCopy - Called when it is a copy that was in the archive dir before this run.
   * @throws RepositoryError `unreadable`, with `retry` when it is only that copy, which is then not used again.
   */
  async *signatures(set: SignatureSet, onCopy: () => void = () => undefined): ByteStream {
    const { archiveDir, namesOf, signal } = this.#parts
    const name = namesOf(set.times).localSignatures()
    await this.keepSignatures(set)
    const local = this.#distrusted.has(name) ? undefined : archiveDir?.source(name)
    if (local !== undefined) {
      const isOld = !this.#fresh.has(name)
      if (isOld) onCopy()
      const copy = { key: join(archiveDir!.folder, name), size: local.size }
      try {
        yield* openObject('signatures', copy, local, { envelope: signatureGzip, signal })
      } catch (error) {
        if (!isOld || !(error instanceof RepositoryError && error.code === 'unreadable')) throw error
        this.distrust(set)
        const message = `${error.message}; the copy is not used again`
        throw new RepositoryError('unreadable', message, { cause: error, retry: 'now' })
      }
      return
    }
    yield* this.originalSignatures(set)
  }

  /** As they are on the storage, whatever copies there are; a sealed one is checked to its end beforehand. */
  async *originalSignatures(set: SignatureSet): ByteStream {
    const { fetch, open } = this.#parts
    const file = await fetch(set.object)
    this.#fetched.set(set.object.key, file.sha1)
    try {
      // First to the end without handing anything on: only the end tells whether the bytes are whole.
      for await (const _ of open('signatures', set.object, file.source()));
      yield* open('signatures', set.object, file.source())
    } finally {
      file.remove()
    }
  }

  /** How the signature file of a set on the storage, as far as it was read, differs from what this machine knows of it. */
  disagreementOf({ object: { key } }: SignatureSet): string | undefined {
    return this.#parts.disagreement?.(key, this.#fetched.get(key))
  }

  /** Whether reading the signatures of a set fetches nothing. */
  hasCopy(set: SignatureSet): boolean {
    const name = this.#parts.namesOf(set.times).localSignatures()
    return !this.#distrusted.has(name) && this.#parts.archiveDir?.source(name) !== undefined
  }

  /** Leaves copies of what is about to be read, several at a time. What fails here is said when it is read. */
  async sync({ manifests = [], signatures = [] }: Wanted): Promise<void> {
    if (this.#parts.keeper === undefined) return
    const jobs = [
      ...manifests.map((set) => () => this.keepManifest(set)),
      ...signatures.map((set) => () => this.keepSignatures(set)),
    ].values()
    const work = async () => {
      for (const job of jobs) {
        this.#parts.signal?.throwIfAborted()
        try {
          await job()
        } catch (error) {
          if (!(error instanceof Error)) throw error
        }
      }
    }
    await Promise.all(Array.from({ length: this.#parts.parallel }, work))
  }

  /** Sees to it that the archive dir has the signatures of a set, if it can be. Asked for twice, done once. */
  async keepSignatures(set: SignatureSet): Promise<void> {
    const { keeper, archiveDir, namesOf } = this.#parts
    const name = namesOf(set.times).localSignatures()
    if (keeper === undefined) return
    let job = this.#fresh.get(name)
    if (job === undefined) {
      if (!this.#distrusted.has(name) && archiveDir!.source(name) !== undefined) return
      job = this.#copySignatures(set, name, keeper)
      this.#fresh.set(name, job)
      job.catch(() => this.#fresh.delete(name))
    }
    if (await job) this.#distrusted.delete(name)
    else this.#fresh.delete(name)
  }

  /** The same for a manifest. */
  async keepManifest(set: BackupSet): Promise<void> {
    const { keeper, archiveDir, namesOf } = this.#parts
    if (keeper === undefined || archiveDir!.source(namesOf(set.times).localManifest()) !== undefined) return
    await this.#remoteManifest(set, false)
  }

  /** Their end is seen before the copy gets its name: only that tells whether they are whole. */
  async #copySignatures(set: SignatureSet, name: string, keeper: CopyKeeper): Promise<boolean> {
    const copy = keeper.begin(name)
    if (!copy.isOpen) return false
    try {
      const file = await this.#parts.fetch(set.object)
      try {
        this.#fetched.set(set.object.key, file.sha1)
        // A later run would take the copy for what this machine had stored.
        if (this.disagreementOf(set) !== undefined) return false
        const plain = this.#parts.open('signatures', set.object, file.source())
        for await (const chunk of signatureGzip.seal('signatures', plain)) copy.write(chunk)
      } finally {
        file.remove()
      }
      return copy.commit()
    } finally {
      copy.discard()
    }
  }

  /** Never to read the copy of this set's signatures again; nor in later runs, where it can be removed. */
  distrust(set: SignatureSet): void {
    const name = this.#parts.namesOf(set.times).localSignatures()
    this.#distrusted.add(name)
    this.#parts.keeper?.remove(name)
  }

  /** The copy in the archive dir, unless a crash cut it short: missing volumes would be missing files. */
  async #localManifest(set: BackupSet, files: boolean): Promise<Manifest | undefined> {
    const { archiveDir, namesOf } = this.#parts
    const source = archiveDir?.source(namesOf(set.times).localManifest())
    if (source === undefined) return undefined
    try {
      const manifest = await readManifest(source.open(), files)
      const isKnown = (number: number) =>
        manifest.volumes.get(number)?.hashes.some(({ name, hex }) => name.toUpperCase() === 'SHA1' && hex.length === 40)
      return [...set.volumes.keys()].every(isKnown) ? manifest : undefined
    } catch (error) {
      // The original is read instead.
      if (error instanceof FormatError) return undefined
      throw error
    }
  }

  async #remoteManifest(set: BackupSet, files: boolean): Promise<Manifest> {
    const object = set.manifest!
    const { fetch, open, keeper, namesOf } = this.#parts
    const copy = (await this.#hasGoodManifest(set)) ? undefined : keeper?.begin(namesOf(set.times).localManifest())
    const file = await fetch(object)
    try {
      const plain = open('manifest', object, file.source())
      const manifest = await readManifest(copy === undefined ? plain : copying(plain, copy), files)
      copy?.commit()
      return manifest
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      const message = `Cannot read the manifest "${object.key}": ${error.message}`
      throw new RepositoryError('unreadable', message, { cause: error })
    } finally {
      copy?.discard()
      file.remove()
    }
  }

  async #hasGoodManifest(set: BackupSet): Promise<boolean> {
    return this.#parts.keeper !== undefined && (await this.#localManifest(set, false)) !== undefined
  }
}

async function* copying(plain: ByteStream, copy: { write(bytes: Uint8Array): void }): ByteStream {
  for await (const chunk of plain) {
    copy.write(chunk)
    yield chunk
  }
}

/**
 * A manifest takes some 100 bytes a file: it is read as it comes. What is wrong with it is said when its end was seen:
 * a sealed one that is damaged says so itself, and that is the better reason.
 */
async function readManifest(plain: ByteStream, files: boolean): Promise<Manifest> {
  const decoder = new ManifestDecoder({ files })
  let wrong: FormatError | undefined
  for await (const chunk of plain) {
    if (wrong !== undefined) continue
    try {
      decoder.push(chunk)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      if (error.code === 'too-large') throw error
      wrong = error
    }
  }
  if (wrong !== undefined) throw wrong
  return decoder.finish()
}

/** By what the real program compares them: not by blocks, nor by lists of files. */
function isSameManifest(a: Manifest, b: Manifest): boolean {
  return JSON.stringify(factsOf(a)) === JSON.stringify(factsOf(b))
}

function factsOf({ hostname, localDir, volumes }: Manifest) {
  const inOrder = [...volumes.values()].sort((a, b) => a.number - b.number)
  const ranges = inOrder.map(({ number, start, end, hashes }) => [
    number,
    start.path,
    end.path,
    hashes.map(({ name, hex }) => `${name} ${hex}`.toLowerCase()).sort(),
  ])
  return [hostname ?? '', localDir ?? '', ranges]
}
