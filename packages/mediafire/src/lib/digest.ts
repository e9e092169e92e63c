import { createHash } from 'node:crypto'
import type { ByteRange, ByteSource } from '@coalmine/bytes'
import { borrowedBytes } from './local-bytes.ts'
import type { ReadOptions } from './source-bytes.ts'

export interface Digests {
  /** Of the whole. */
  readonly sha256: string
  readonly unitSize: number
  /** Of each unit. */
  readonly unitHashes: readonly string[]
}

/** Reads a source once, for the hash of the whole and of its units. */
export async function digestSource(source: ByteSource, unitSize: number, options: ReadOptions): Promise<Digests> {
  const whole = createHash('sha256')
  const unitHashes: string[] = []
  let unit = createHash('sha256')
  let unitLeft = unitSize
  let read = 0
  for await (const chunk of borrowedBytes(source, undefined, options)) {
    options.signal?.throwIfAborted()
    whole.update(chunk)
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + unitLeft)
      unit.update(piece)
      at += piece.length
      unitLeft -= piece.length
      if (unitLeft === 0) {
        unitHashes.push(unit.digest('hex'))
        unit = createHash('sha256')
        unitLeft = unitSize
      }
    }
    read += chunk.length
    options.onRead?.(read)
  }
  // The last one is shorter; of an empty file it is the only one.
  if (unitLeft < unitSize || source.size === 0) unitHashes.push(unit.digest('hex'))
  return { sha256: whole.digest('hex'), unitSize, unitHashes }
}

/** The hash of a part of a source. */
export async function digestRange(source: ByteSource, range: ByteRange, options: ReadOptions): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of borrowedBytes(source, range, options)) {
    options.signal?.throwIfAborted()
    hash.update(chunk)
  }
  return hash.digest('hex')
}
