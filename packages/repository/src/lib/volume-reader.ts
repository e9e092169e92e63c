import type { ByteStream } from '@coalmine/bytes'
import type { Storage } from '@coalmine/storage'
import type { BackupSet, Envelope, Manifest, ManifestVolume, StoredObject } from '@coalmine/volume-format'
import { RepositoryError } from './errors.ts'
import type { RepositoryEvent } from './events.ts'
import { openObject } from './open-object.ts'
import type { Spool, SpoolFile } from './spool.ts'

export interface VolumeReaderParts {
  readonly storage: Storage
  readonly openerOf: (object: StoredObject) => Promise<Envelope>
  readonly spool: Spool
  /** How often a volume is fetched when its hash is wrong. */
  readonly tries: number
  /** Whether the next volume is fetched while one is read. */
  readonly ahead: boolean
  readonly signal: AbortSignal | undefined
  readonly onEvent: (event: RepositoryEvent) => void
}

/** A volume whose stored bytes are what the manifest says. */
export interface CheckedVolume {
  readonly number: number
  /** Its name on the storage. */
  readonly key: string
  /** The plain tar, decoded as it is pulled. May be opened once. */
  open(): ByteStream
}

/**
 * Fetches volumes in order, as a rule one ahead of the reader. Each is on disk and its hash is checked before a byte of it is
 * handed on.
 */
export async function* readVolumes(
  set: BackupSet,
  manifest: Manifest,
  numbers: readonly number[],
  parts: VolumeReaderParts,
): AsyncIterable<CheckedVolume> {
  // Ends a fetch that nobody waits for any more.
  const stop = new AbortController()
  const signal = parts.signal === undefined ? stop.signal : AbortSignal.any([parts.signal, stop.signal])
  let ahead: Promise<SpoolFile> | undefined
  const fetch = (index: number): Promise<SpoolFile> | undefined => {
    if (index >= numbers.length) return undefined
    const job = fetchVolume(set, manifest, numbers[index]!, { ...parts, signal })
    // Its failure belongs to the moment when this volume is due.
    job.catch(() => undefined)
    return job
  }
  try {
    for (let index = 0; index < numbers.length; index++) {
      const file = await (ahead ?? fetch(index)!)
      ahead = parts.ahead ? fetch(index + 1) : undefined
      try {
        const source = file.source()
        const object = set.volumes.get(numbers[index]!)!
        const opener = { envelope: await parts.openerOf(object), signal: parts.signal }
        yield { number: numbers[index]!, key: object.key, open: () => openObject('volume', object, source, opener) }
      } finally {
        file.remove()
      }
    }
  } finally {
    stop.abort()
    // A file that is still on its way is removed with the spool when it cannot be had.
    await ahead?.then((file) => file.remove()).catch(() => undefined)
  }
}

async function fetchVolume(
  set: BackupSet,
  manifest: Manifest,
  number: number,
  parts: VolumeReaderParts,
): Promise<SpoolFile> {
  const object = set.volumes.get(number)
  if (object === undefined) {
    const which = `volume ${number}, which the manifest "${set.manifest?.key}" names`
    throw new RepositoryError('missing-volume', `Cannot read ${which}: it is not on the storage`)
  }
  const wanted = sha1Of(manifest.volumes.get(number), object)
  for (let attempt = 1; ; attempt++) {
    const file = await fetchObject(object, parts)
    if (file.sha1 === wanted) return file
    const found = file.sha1
    file.remove()
    if (attempt >= parts.tries) {
      throw new RepositoryError(
        'hash-mismatch',
        `Cannot read "${object.key}": its SHA-1 is ${found}, but the manifest says ${wanted}`,
      )
    }
    parts.onEvent({ type: 'hash-retry', key: object.key, attempt })
  }
}

function sha1Of(volume: ManifestVolume | undefined, object: StoredObject): string {
  const hash = volume?.hashes.find((one) => one.name.toUpperCase() === 'SHA1')
  if (hash === undefined) {
    throw new RepositoryError('unreadable', `Cannot check "${object.key}": the manifest has no SHA-1 of it`)
  }
  return hash.hex.toLowerCase()
}

/**
 * The stored object as it is, in the spool. What comes short is fetched again.
 *
 * @throws RepositoryError `unreadable` when less of it comes each time than the storage lists, or more.
 */
export async function fetchWhole(
  object: StoredObject,
  parts: Pick<VolumeReaderParts, 'storage' | 'spool' | 'tries' | 'signal' | 'onEvent'>,
): Promise<SpoolFile> {
  for (let attempt = 1; ; attempt++) {
    const file = await fetchObject(object, parts)
    const { bytes } = file
    if (bytes === object.size) return file
    file.remove()
    if (attempt >= parts.tries) {
      const why = `it ends after ${bytes} of the ${object.size} bytes that the storage lists`
      throw new RepositoryError('unreadable', `Cannot read "${object.key}": ${why}`)
    }
    parts.onEvent({ type: 'short-read', key: object.key, attempt })
  }
}

/**
 * The stored object as it is, in the spool.
 *
 * @throws RepositoryError `unreadable` when there is more of it than the storage lists: what never ends would fill the
 * disk.
 */
async function fetchObject(
  object: StoredObject,
  parts: Pick<VolumeReaderParts, 'storage' | 'spool' | 'signal' | 'onEvent'>,
): Promise<SpoolFile> {
  parts.onEvent({ type: 'get', key: object.key, bytes: object.size })
  const file = parts.spool.create()
  try {
    for await (const chunk of parts.storage.get(object.key, { signal: parts.signal })) {
      if (file.bytes + chunk.length > object.size) {
        const why = `there is more of it than the ${object.size} bytes that the storage lists`
        throw new RepositoryError('unreadable', `Cannot read "${object.key}": ${why}`)
      }
      file.write(chunk)
    }
    file.finish()
    return file
  } catch (error) {
    file.remove()
    throw error
  }
}
