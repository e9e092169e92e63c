import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createPartHash, type PartHash } from './part-hash.ts'

/** Content on disk: whole files under their SHA-256, and the parts of uploads that are not whole yet. */
export interface Blobs {
  /** Where the bytes of a hash are. */
  pathOf(hash: string): string
  /** Where the units of an upload are gathered. */
  partOf(uploadKey: string): string
  /** Takes a body in, hashing as it comes. It is not in the store until `keep`. */
  receive(body: AsyncIterable<Uint8Array>, limit: number): Promise<Received>
  /** So many bytes of the gathered units are there to stay: they are hashed while the others arrive. */
  followPart(uploadKey: string, bytes: number): void
  /** The SHA-256 of the gathered units of an upload. */
  hashPart(uploadKey: string, size: number): Promise<string>
  /** Puts the gathered units into the store, in no time, as `keep` does. */
  keepPart(uploadKey: string, hash: string): void
  /** Puts the content of nothing into the store. */
  keepEmpty(hash: string): void
  /** Removes content, in no time. Whoever is reading it goes on. */
  drop(hash: string): void
  dropPart(uploadKey: string): Promise<void>
  /** Removes what nobody needs: content without a user, parts without an upload, bodies that never became whole. */
  sweep(needsContent: (hash: string) => boolean, needsPart: (uploadKey: string) => boolean): void
  /** Resolves when nothing is read in the background any more. */
  idle(): Promise<void>
}

export interface Received {
  size: number
  hash: string
  /** More than the limit came; the rest was not kept. */
  tooLong: boolean
  /** Puts it into the store, in no time: the change that makes use of it has to follow at once. */
  keep(): void
  discard(): Promise<void>
}

const batchBytes = 2 ** 22

/** Opens the store of content below a folder. */
export function openBlobs(folder: string): Blobs {
  const content = join(folder, 'files')
  const parts = join(folder, 'uploads')
  const incoming = join(folder, 'incoming')
  for (const each of [content, parts, incoming]) mkdirSync(each, { recursive: true, mode: 0o700 })
  let counter = 0
  const pathOf = (hash: string): string => join(content, hash.slice(0, 2), hash)
  const partOf = (uploadKey: string): string => join(parts, uploadKey)
  const hashes = new Map<string, PartHash>()
  const hashOf = (uploadKey: string): PartHash => {
    const known = hashes.get(uploadKey) ?? createPartHash(partOf(uploadKey))
    hashes.set(uploadKey, known)
    return known
  }
  const moveIn = (from: string, hash: string): void => {
    mkdirSync(join(content, hash.slice(0, 2)), { recursive: true, mode: 0o700 })
    renameSync(from, pathOf(hash))
  }
  return {
    pathOf,
    partOf,
    async receive(body, limit) {
      const path = join(incoming, String(counter++))
      const file = await open(path, 'w', 0o600)
      try {
        const { size, hash, tooLong } = await writeBody(file, 0, body, limit)
        return {
          size,
          hash,
          tooLong,
          keep: () => moveIn(path, hash),
          discard: () => rm(path, { force: true }),
        }
      } catch (error) {
        await rm(path, { force: true })
        throw error
      } finally {
        await file.close()
      }
    },
    followPart: (uploadKey, bytes) => hashOf(uploadKey).follow(bytes),
    async hashPart(uploadKey, size) {
      try {
        return await hashOf(uploadKey).end(size)
      } finally {
        hashes.delete(uploadKey)
      }
    },
    keepPart: (uploadKey, hash) => moveIn(partOf(uploadKey), hash),
    keepEmpty(hash) {
      mkdirSync(join(content, hash.slice(0, 2)), { recursive: true, mode: 0o700 })
      writeFileSync(pathOf(hash), '', { mode: 0o600 })
    },
    drop: (hash) => rmSync(pathOf(hash), { force: true }),
    async dropPart(uploadKey) {
      hashes.delete(uploadKey)
      await rm(partOf(uploadKey), { force: true })
    },
    sweep(needsContent, needsPart) {
      for (const name of readdirSync(incoming)) rmSync(join(incoming, name), { force: true })
      for (const key of readdirSync(parts)) if (!needsPart(key)) rmSync(partOf(key), { force: true })
      for (const first of readdirSync(content)) {
        for (const hash of readdirSync(join(content, first))) {
          if (!needsContent(hash)) rmSync(join(content, first, hash), { force: true })
        }
      }
    },
    async idle() {
      await Promise.all([...hashes.values()].map((each) => each.idle()))
    },
  }
}

/**
 * Writes a body into a file from a place on, in large pieces, and hashes it; without a file it is only hashed. Nothing
 * after the limit is written.
 */
export async function writeBody(
  file: FileHandle | undefined,
  position: number,
  body: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<{ size: number; hash: string; tooLong: boolean }> {
  const hash = createHash('sha256')
  let size = 0
  let tooLong = false
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  // One batch is on its way to the disk while the next one arrives.
  let writing: Promise<unknown> = Promise.resolve()
  const flush = async (): Promise<void> => {
    await writing
    const batch = pending
    const at = position + size - pendingBytes
    pending = []
    pendingBytes = 0
    writing = batch.length === 0 || file === undefined ? Promise.resolve() : writeBatch(file, batch, at)
    // It is awaited by the next flush; this keeps a failure until then from counting as unhandled.
    writing.catch(() => undefined)
  }
  try {
    for await (const chunk of body) {
      if (size + chunk.length > limit) tooLong = true
      if (tooLong) continue
      hash.update(chunk)
      pending.push(chunk)
      pendingBytes += chunk.length
      size += chunk.length
      if (pendingBytes >= batchBytes) await flush()
    }
    await flush()
  } finally {
    await writing
  }
  return { size, hash: hash.digest('hex'), tooLong }
}

async function writeBatch(file: FileHandle, batch: Uint8Array[], at: number): Promise<void> {
  const total = batch.reduce((sum, each) => sum + each.length, 0)
  const { bytesWritten } = await file.writev(batch, at)
  if (bytesWritten === total) return
  // A short write: rare enough to go the simple way.
  const rest = Buffer.concat(batch).subarray(bytesWritten)
  for (let done = 0; done < rest.length;) {
    const result = await file.write(rest, done, rest.length - done, at + bytesWritten + done)
    done += result.bytesWritten
  }
}
