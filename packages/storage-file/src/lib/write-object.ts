import { createHash } from 'node:crypto'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { type DigestName, type Digests, type PutOptions, sourceBytes } from '@coalmine/storage'
import type { FileFacts, FileStorageEffects, OpenFile } from './effects.ts'
import { type Attempt, storageError } from './file-error.ts'

export interface WriteOptions {
  readonly attempt: Attempt & { readonly key: string }
  readonly put: PutOptions
  /** Flush to the disk. */
  readonly durable: boolean
  /** Read what was written again and compare digests. */
  readonly verify: boolean
}

export interface Written {
  readonly facts: FileFacts
  /** Of what was read again. */
  readonly digests?: Digests
}

/**
 * Writes a source to a new file, compares the size, flushes it. The effects are expected to throw storage errors; what
 * the source throws passes through. The file stays behind when this fails.
 */
export async function writeObject(
  effects: FileStorageEffects,
  path: Buffer,
  source: ByteSource,
  options: WriteOptions,
): Promise<Written> {
  const { attempt, put, durable, verify } = options
  const expected = verify ? await digestsToCompare(source, put, attempt.key) : undefined
  const file = (await copySource(effects, path, source, put)) ?? (await streamSource(effects, path, source, options))
  let facts: FileFacts
  try {
    facts = await effects.factsOfFile(file)
    if (facts.size !== source.size) {
      throw storageError(attempt, 'mismatch', `the file has ${facts.size} bytes after ${source.size} were written`)
    }
    if (durable) await effects.syncFile(file)
  } finally {
    await effects.closeFile(file)
  }
  if (expected === undefined) return { facts }
  const digests = await digestsOf(readPieces(effects, path, facts.size), expected)
  for (const name of namesOf(expected)) {
    if (digests[name] !== expected[name]) {
      throw storageError(
        attempt,
        'mismatch',
        `the ${name} of what was written is ${digests[name]}, not ${expected[name]}`,
      )
    }
  }
  put.onProgress?.({ phase: 'verified', bytes: facts.size })
  return { facts, digests }
}

/**
 * Copies the local file of a source, or clones it. That is only the faster way: whatever stands against it, the source
 * is then read as any other, and says itself what is wrong with it.
 */
async function copySource(
  effects: FileStorageEffects,
  path: Buffer,
  source: ByteSource,
  put: PutOptions,
): Promise<OpenFile | undefined> {
  if (source.localPath === undefined) return undefined
  let file: OpenFile | undefined
  let fits = false
  try {
    await effects.copyFile(source.localPath, path)
    // The copy has the mode of the original, which may not even let us open it.
    await effects.makePrivate(path)
    file = await effects.reopenFile(path)
    fits = (await effects.factsOfFile(file)).size === source.size
  } catch {
    fits = false
  }
  if (file !== undefined && fits && put.signal?.aborted !== true) {
    put.onProgress?.({ phase: 'sent', bytes: source.size })
    return file
  }
  if (file !== undefined) await effects.closeFile(file)
  put.signal?.throwIfAborted()
  // Gone already when the copy has not even begun; if it cannot be removed, the new file cannot be made, and says so.
  await effects.remove(path).catch(() => undefined)
  return undefined
}

// Smaller pieces are gathered before they are written.
const gatherBytes = 262_144

/** Reads the next piece of the source while the last one is being written. */
async function streamSource(
  effects: FileStorageEffects,
  path: Buffer,
  source: ByteSource,
  options: WriteOptions,
): Promise<OpenFile> {
  const { attempt, put } = options
  const file = await effects.createFile(path)
  let writing: Promise<void> | undefined
  try {
    let pieces: Uint8Array[] = []
    let gathered = 0
    let sent = 0
    const flush = async (): Promise<void> => {
      await writing
      sent += gathered
      writing = effects.write(file, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
      // It is awaited before the next one; until then nobody listens.
      writing.catch(() => undefined)
      pieces = []
      gathered = 0
      put.onProgress?.({ phase: 'sent', bytes: sent })
    }
    for await (const chunk of sourceBytes(source, { key: attempt.key, signal: put.signal })) {
      pieces.push(chunk)
      gathered += chunk.length
      if (gathered >= gatherBytes) await flush()
    }
    if (gathered > 0 || sent === 0) await flush()
    await writing
    put.signal?.throwIfAborted()
    return file
  } catch (error) {
    await writing?.catch(() => undefined)
    // What went wrong is told; that the file could not even be closed adds nothing.
    await effects.closeFile(file).catch(() => undefined)
    throw error
  }
}

/** The digests that were given, or one of the source itself. */
async function digestsToCompare(source: ByteSource, put: PutOptions, key: string): Promise<Digests> {
  const given = put.digests ?? {}
  if (namesOf(given).length > 0) return given
  return await digestsOf(sourceBytes(source, { key, signal: put.signal }), { sha1: '' })
}

function namesOf(digests: Digests): DigestName[] {
  return (['md5', 'sha1', 'sha256'] as const).filter((name) => digests[name] !== undefined)
}

async function digestsOf(stream: ByteStream, like: Digests): Promise<Digests> {
  const hashes = namesOf(like).map((name) => ({ name, hash: createHash(name) }))
  for await (const chunk of stream) for (const { hash } of hashes) hash.update(chunk)
  return Object.fromEntries(hashes.map(({ name, hash }) => [name, hash.digest('hex')]))
}

/** The bytes of a file from the beginning; ends early where the file does. */
async function* readPieces(effects: FileStorageEffects, path: Buffer, size: number): ByteStream {
  const file = await effects.openFile(path)
  try {
    for (let at = 0; at < size;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(1_048_576, size - at))
      const count = await effects.read(file, buffer, at)
      if (count === 0) return
      yield buffer.subarray(0, count)
      at += count
    }
  } finally {
    await effects.closeFile(file)
  }
}
