import { isDeepStrictEqual } from 'node:util'
import { choppings } from '@coalmine/fixtures'
import { expect } from 'vitest'
import { TarDecoder, TarError, type TarHeader, type TarLimits } from '../src/index.ts'

export interface ReadMember {
  header: TarHeader
  offset: number
  /** One char per byte. */
  body: string
  /** Whether the end of the body was told. */
  complete: boolean
}

/** All that came out of an archive before its end or its error. */
export interface Outcome {
  members: ReadMember[]
  ended: boolean
  error?: { code: string; message: string; offset: number }
}

export function outcomeOf(chunks: Iterable<Uint8Array>, limits?: TarLimits): Outcome {
  const decoder = new TarDecoder(limits)
  const open: { header: TarHeader; offset: number; pieces: Uint8Array[]; complete: boolean }[] = []
  const handle = (parts: ReturnType<TarDecoder['push']>): void => {
    for (const part of parts) {
      if (part.type === 'header') open.push({ header: part.header, offset: part.offset, pieces: [], complete: false })
      else if (part.type === 'end') open.at(-1)!.complete = true
      else {
        if (part.bytes.length === 0) throw new Error('Cannot go on: an empty piece was given')
        open.at(-1)!.pieces.push(part.bytes)
      }
    }
  }
  const close = (error?: TarError): Outcome => ({
    members: open.map(({ header, offset, pieces, complete }) => ({
      header,
      offset,
      complete,
      body: Buffer.concat(pieces).toString('latin1'),
    })),
    ended: decoder.ended,
    ...(error !== undefined && { error: { code: error.code, message: error.message, offset: error.offset } }),
  })
  try {
    let ignored = 0
    for (const chunk of chunks) {
      handle(decoder.push(chunk))
      // Whatever follows the end is passed over; a hundred single bytes of it are enough.
      if (decoder.ended && (ignored += 1) > 100) break
    }
    handle(decoder.finish())
  } catch (error) {
    if (!(error instanceof TarError)) throw error
    expect(() => decoder.push(new Uint8Array(1))).toThrow(error)
    expect(() => decoder.finish()).toThrow(error)
    return close(error)
  }
  return close()
}

/** What comes out of the archive, after making sure that it is the same whole, byte by byte and in random pieces. */
export function outcome(archive: Uint8Array, limits?: TarLimits): Outcome {
  const [whole, ...others] = choppings(archive)
  const expected = outcomeOf(whole!.chunks(), limits)
  for (const way of others) {
    const other = outcomeOf(way.chunks(), limits)
    // The cheap comparison first: there are many, and few differ.
    if (!isDeepStrictEqual(other, expected)) expect(other, way.name).toEqual(expected)
  }
  return expected
}
