import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ByteSource, collect } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { borrowedBytes, readLocal } from '../src/lib/local-bytes.ts'
import { failureOf } from './harness.ts'
import { account, mib, sha256 } from './scripted-account.ts'
import { failure } from './scripted-server.ts'

const large = randomBytes(11 * mib + 7)

async function local(bytes: Uint8Array = large): Promise<{ path: string; source: ByteSource }> {
  const path = join(await tempDir('upload-local'), 'a.bin')
  await writeFile(path, bytes)
  return { path, source: await fromFile(path) }
}

describe('a file on disk', () => {
  // Judge: the bytes that the server has received.
  it('arrives as it is, whether its hash is known or not, in units that share memory', async () => {
    for (const known of [undefined, sha256(large)]) {
      const { source } = await local()
      const { upload, stored } = await account(large)
      expect(await upload({ sha256: known }, 'a.bin', source)).toMatchObject({ outcome: 'uploaded', sentUnits: 12 })
      expect(stored().equals(large)).toBe(true)
    }
  })

  it('arrives as it is when units are refused, when their answers are lost and when they come again', async () => {
    const { source } = await local()
    let requests = 0
    const { upload, stored } = await account(large, {
      answer({ action }) {
        if (action !== 'upload/resumable') return undefined
        requests += 1
        if (requests % 5 === 2) return { drop: true }
        return requests % 5 === 4 ? { status: 503, body: 'busy' } : undefined
      },
    })
    expect(await upload({ sha256: sha256(large) }, 'a.bin', source)).toMatchObject({ outcome: 'uploaded' })
    expect(stored().equals(large)).toBe(true)
  })

  it('is not opened as a stream: its bytes are read into memory that is there already', async () => {
    const { source } = await local()
    const open = (): never => {
      throw new Error('opened')
    }
    const { upload, stored } = await account(large)
    await upload({}, 'a.bin', { ...source, open })
    expect(stored().equals(large)).toBe(true)
  })

  it('that has become shorter, or other, since is told so', async () => {
    for (const known of [undefined, sha256(large)]) {
      const { path, source } = await local()
      await truncate(path, 5 * mib + 1)
      const { upload } = await account(large)
      const error = await failureOf(upload({ sha256: known }, 'a.bin', source))
      expect(error.code).toBe('bad-source')
      expect(error.message).toBe(`Cannot upload "a.bin": the source has changed: it ends after ${5 * mib + 1} bytes`)
    }
    const { path, source } = await local()
    const { upload } = await account(large, {
      answer({ action, headers, body }) {
        // By then it was read for its hash.
        if (action === 'upload/check') writeFileSync(path, randomBytes(large.length))
        const isOther = action === 'upload/resumable' && sha256(body) !== headers['x-unit-hash']
        return isOther ? failure(action, 169, { doupload: { result: '-304' } }) : undefined
      },
    })
    const error = await failureOf(upload({}, 'a.bin', source))
    expect(error.message).toMatch(/the source has changed: its bytes \d+ to \d+ are others than before$/)
  })

  it('that is gone is an error of the file system', async () => {
    const { path, source } = await local()
    const { upload } = await account(large)
    const gone = { ...source, localPath: `${path}.gone` }
    await expect(upload({}, 'a.bin', gone)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('may be aborted while it is read', async () => {
    const { source } = await local()
    const { upload } = await account(large)
    const stop = new AbortController()
    stop.abort(new Error('enough'))
    await expect(upload({ signal: stop.signal }, 'a.bin', source)).rejects.toThrow('enough')
  })
})

describe('bytes that are lent', () => {
  // Judge: the same bytes in memory.
  it('are those of the range, each chunk good until the next one', async () => {
    const { source, path } = await local()
    await fc.assert(
      fc.asyncProperty(fc.nat(large.length), fc.nat(large.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        const copies: Buffer[] = []
        for await (const chunk of borrowedBytes(source, { start, end }, { attempted: 'read' })) {
          copies.push(Buffer.from(chunk))
        }
        expect(Buffer.concat(copies).equals(large.subarray(start, end))).toBe(true)
        const target = new Uint8Array(end - start)
        const pieces: Uint8Array[] = []
        await readLocal(path, start, target, { attempted: 'read', onPiece: (piece) => pieces.push(piece) })
        expect(Buffer.concat(pieces).equals(target)).toBe(true)
        expect(Buffer.from(target).equals(large.subarray(start, end))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('are those of the stream where there is no file', async () => {
    const { source } = await local()
    const { localPath: _, ...streamed } = source
    const bytes = await collect(borrowedBytes(streamed, { start: 5, end: 99 }, { attempted: 'read' }))
    expect(large.subarray(5, 99).equals(bytes)).toBe(true)
  })

  it('may be left before their end', async () => {
    const { source } = await local()
    for await (const chunk of borrowedBytes(source, undefined, { attempted: 'read' })) {
      expect(chunk).toHaveLength(mib)
      break
    }
  })
})
