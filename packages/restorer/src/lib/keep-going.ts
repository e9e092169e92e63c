import type { RawPath } from '@coalmine/bytes'
import type { Repository } from '@coalmine/repository'
import { type BackupSet, DiffTarDecoder, type DiffTarPart } from '@coalmine/volume-format'
import { isLoss, type Loss, type Readable } from './losses.ts'
import { readVolume, type ReadPart } from './set-reader.ts'

export interface KeepGoingOptions {
  readonly repository: Repository
  readonly set: BackupSet
  readonly readable: Readable
  readonly numbers: readonly number[]
  readonly onVolume: (number: number) => void
  readonly onLoss: (loss: Loss) => void
  readonly signal: AbortSignal | undefined
}

/** The parts of a set's volumes as far as they can be read, and the word where they cannot. Never throws for damage. */
export async function* readPartsLeft(options: KeepGoingOptions): AsyncGenerator<readonly ReadPart[], void, undefined> {
  const { repository, set, readable, numbers, onVolume, onLoss, signal } = options
  const { manifest, losses } = readable
  let decoder = new DiffTarDecoder()
  /** The entry whose parts come, and whether it has ended. */
  let current: { path: RawPath; ended: boolean } | undefined
  const follow = (parts: readonly DiffTarPart[]) => {
    for (const part of parts) {
      if (part.type === 'entry') current = { path: part.entry.path, ended: false }
      else if (part.type === 'end' && current !== undefined) current.ended = true
    }
    return parts
  }
  for (const number of numbers) {
    let began = false
    try {
      for await (const volume of repository.volumes(set, manifest, [number], { ahead: false })) {
        began = true
        for await (const parts of readVolume(volume, decoder, signal)) yield follow(parts)
      }
    } catch (error) {
      if (!isLoss(error, signal)) throw error
      const { start, end } = manifest.volumes.get(number)!
      const key = set.volumes.get(number)?.key ?? `volume ${number} of ${set.manifest!.key}`
      const from = began ? (current?.path ?? start.path) : start.path
      const loss = { set, key, message: error.message, from, to: end.path }
      // An entry in chunks that the lost volume does not go on with was whole.
      const broken = current?.ended === false && (began || start.path === current.path)
      if (!broken && current?.ended === false) yield follow([{ type: 'end' }])
      onLoss(loss)
      yield [{ type: 'lost', loss, broken }]
      if (current !== undefined) current.ended = true
      decoder = new DiffTarDecoder()
      continue
    }
    onVolume(number)
  }
  yield decoder.finish()
  for (const loss of losses) {
    onLoss(loss)
    yield [{ type: 'lost', loss, broken: false }]
  }
}
