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
import { RepositoryError } from './errors.ts'
import type { SetNames } from './names.ts'
import { openObject } from './open-object.ts'
import type { SpoolFile } from './spool.ts'

export interface MetadataParts {
  readonly archiveDir: ArchiveDir | undefined
  readonly namesOf: (times: SetTimes) => SetNames
  /** The stored object as it is, in the spool. */
  readonly fetch: (object: StoredObject) => Promise<SpoolFile>
  /** Its plain bytes. */
  readonly open: (kind: ObjectKind, object: StoredObject, source: ByteSource) => ByteStream
  readonly signal: AbortSignal | undefined
}

const signatureGzip = gzipEnvelope({})

/** Manifests and signatures of sets, from the archive dir where it has them, else from the storage. */
export class Metadata {
  readonly #parts: MetadataParts
  /** Names of copies in the archive dir that proved to be of no use. */
  readonly #distrusted = new Set<string>()
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

  /** @param onCopy - Called when it is the copy in the archive dir that is read. */
  async *signatures(set: SignatureSet, onCopy: () => void = () => undefined): ByteStream {
    const { archiveDir, namesOf, signal, fetch, open } = this.#parts
    const name = namesOf(set.times).localSignatures()
    const local = this.#distrusted.has(name) ? undefined : archiveDir?.source(name)
    if (local !== undefined) {
      onCopy()
      const copy = { key: join(archiveDir!.folder, name), size: local.size }
      yield* openObject('signatures', copy, local, { envelope: signatureGzip, signal })
      return
    }
    const file = await fetch(set.object)
    try {
      const source = file.source()
      // First to the end without handing anything on: only the end tells whether the bytes are whole.
      for await (const _ of open('signatures', set.object, source));
      yield* open('signatures', set.object, source)
    } finally {
      file.remove()
    }
  }

  /** Never to read the copy of this set's signatures again. */
  distrust(set: SignatureSet): void {
    this.#distrusted.add(this.#parts.namesOf(set.times).localSignatures())
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
    const file = await this.#parts.fetch(object)
    try {
      const source = file.source()
      return await readManifest(this.#parts.open('manifest', object, source), files)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      const message = `Cannot read the manifest "${object.key}": ${error.message}`
      throw new RepositoryError('unreadable', message, { cause: error })
    } finally {
      file.remove()
    }
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
