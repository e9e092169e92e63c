import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { errnoOf, LocalFileError } from './rpc-failure.ts'

/** What was received, whole, and can be read again. */
export interface Spooled {
  readonly source: ByteSource
  readonly sha256: string
  /** Lets go of it. */
  remove(): Promise<void>
}

/** A folder of this process's own for bodies on their way. */
export interface Spool {
  /** @throws LocalFileError when there is no room; what the stream throws. Nothing stays then. */
  receive(stream: ByteStream): Promise<Spooled>
  /** Removes everything, also what is under way. */
  close(): void
}

/** Only its owner can look into the folder. */
export function openSpool(): Spool {
  const folder = mkdtempSync(join(tmpdir(), 'duplicity-bridge-'))
  return {
    async receive(stream) {
      const path = join(folder, randomBytes(8).toString('hex'))
      const remove = () => rm(path, { force: true })
      const hash = createHash('sha256')
      try {
        await write(path, stream, (chunk) => hash.update(chunk))
        return { source: await fromFile(path), sha256: hash.digest('hex'), remove }
      } catch (error) {
        await remove()
        throw error
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function write(path: string, stream: ByteStream, onChunk: (chunk: Uint8Array) => void): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => Promise.reject(localError(cause)))
  try {
    for await (const chunk of stream) {
      onChunk(chunk)
      for (let at = 0; at < chunk.length;) {
        const { bytesWritten } = await file
          .write(chunk, at)
          .catch((cause: unknown) => Promise.reject(localError(cause)))
        at += bytesWritten
      }
    }
  } finally {
    await file.close()
  }
}

function localError(cause: unknown): LocalFileError {
  return new LocalFileError(`Cannot keep what is received: ${errnoOf(cause) || String(cause)} in ${tmpdir()}`, cause)
}
