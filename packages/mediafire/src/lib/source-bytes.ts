import type { ByteRange, ByteSource, ByteStream } from '@coalmine/bytes'
import { MediaFireError } from './media-fire-error.ts'

export interface ReadOptions {
  readonly attempted: string
  readonly signal?: AbortSignal
  readonly onRead?: (bytes: number) => void
}

/** Exactly the bytes that the source says to have. @throws MediaFireError `bad-source` when there are more or fewer. */
export async function* sourceBytes(source: ByteSource, range: ByteRange | undefined, options: ReadOptions): ByteStream {
  const due = (range?.end ?? source.size) - (range?.start ?? 0)
  let got = 0
  for await (const chunk of source.open(range)) {
    got += chunk.length
    if (got > due) throw badSource(`it has more than the ${due} bytes that it said`, options)
    yield chunk
  }
  if (got < due) throw badSource(`it ends after ${got} of ${due} bytes`, options)
}

export function badSource(state: string, { attempted }: Pick<ReadOptions, 'attempted'>): MediaFireError {
  return new MediaFireError('bad-source', `the source has changed: ${state}`, { attempted })
}
