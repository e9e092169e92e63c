import { constants, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type ByteSource, type ByteStream, displayPath, rawFromBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { errnoOf, LocalFileError } from './rpc-failure.ts'

/** A local file to be stored. @throws LocalFileError */
export async function localSource(path: Buffer): Promise<ByteSource> {
  try {
    const source = await fromFile(path)
    return { ...source, open: (range) => readings(source.open(range), path) }
  } catch (cause) {
    throw localError('read', path, cause)
  }
}

async function* readings(stream: ByteStream, path: Buffer): ByteStream {
  try {
    yield* stream
  } catch (cause) {
    throw localError('read', path, cause)
  }
}

/**
 * Writes a stream to a new file, readable by its owner only, or over the one that is there. A link in its place is not
 * followed. Nothing is left when it fails.
 *
 * @returns How many bytes it has.
 * @throws LocalFileError, or what the stream throws.
 */
export async function writeLocal(path: Buffer, stream: ByteStream, onBytes: (bytes: number) => void): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await local('create', path, () => open(path, flags, 0o600))
  try {
    const isFile = (await local('look at', path, () => file.stat())).isFile()
    if (!isFile) throw localError('create', path, new Error('it is no regular file'))
  } catch (error) {
    await file.close()
    throw error
  }
  let bytes = 0
  try {
    for await (const chunk of stream) {
      await local('write', path, () => writeAll(file, chunk))
      bytes += chunk.length
      onBytes(bytes)
    }
    // Some file systems tell only now that there is no room.
    await local('write', path, () => file.close())
    return bytes
  } catch (error) {
    // Closed twice is no harm, and the first error is the one that counts.
    await file.close().catch(() => undefined)
    removeFile(path)
    throw error
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
}

function removeFile(path: Buffer): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // Half a file stays, under a name that was given to be written to; the call fails all the same.
  }
}

async function local<T>(verb: string, path: Buffer, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    throw localError(verb, path, cause)
  }
}

function localError(verb: string, path: Buffer, cause: unknown): LocalFileError {
  const reason = errnoOf(cause) || (cause instanceof Error ? cause.message : String(cause))
  return new LocalFileError(`Cannot ${verb} "${displayPath(rawFromBytes(path))}": ${reason}`, cause)
}
