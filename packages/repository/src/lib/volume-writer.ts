import { type ByteStream, concat, type RawPath } from '@coalmine/bytes'
import type { Envelope, ManifestFile, ManifestVolume } from '@coalmine/volume-format'
import { volumeEnd } from '@coalmine/volume-format'
import type { Spool, SpoolFile } from './spool.ts'
import { VolumeFiles } from './volume-files.ts'

/** One member of a volume, encoded. A volume may be cut before each member, nowhere else. */
export interface Member {
  readonly bytes: Uint8Array
  readonly path: RawPath
  /** Number of the chunk (1…) for the chunks of a file but the last; absent for everything else. */
  readonly block?: number
  /** What goes into the sigtar with it: the entry's member, with the last member of the entry. */
  readonly signature?: readonly Uint8Array[]
  /** How the manifest lists the file of which it is the last member. */
  readonly listed?: ManifestFile['action']
  /** Of a chunk of a file that goes on: what tells later whether the file is still the same. */
  readonly mark?: Mark
}

/** What a file was, in the words of whoever wrote it. */
export type Mark = Readonly<Record<string, number | string>>

/** A volume as it lies in the spool, ready to be put. */
export interface SpooledVolume {
  readonly file: SpoolFile
  readonly manifest: ManifestVolume
  /** The files that end in it. */
  readonly files: VolumeFiles
  /** Of its last member. */
  readonly mark: Mark | undefined
}

export interface VolumeWriterOptions {
  readonly envelope: Envelope
  readonly spool: Spool
  /** Size of the stored object at which a volume is cut, in bytes. A volume holds at least one member. */
  readonly volumeBytes: number
  /** Whether volumes end as the real program ends its encrypted ones. */
  readonly encrypted: boolean
  /** Volumes that are made already; 0. */
  readonly made?: number
  /** Takes what goes into the sigtar, when its members are in a volume. */
  readonly sign?: (bytes: Uint8Array) => Promise<void>
}

// What is gathered before it goes on its way into the envelope.
const pieceBytes = 262_144

/**
 * Cuts a stream of members into sealed volumes.
 *
 * The cut depends on bytes alone, never on timing: everything pulls, so when a piece is asked for, exactly the same
 * output has been seen in every run. What the envelope may hold back counts as if it did not shrink.
 */
export class VolumeWriter {
  readonly #members: AsyncIterator<readonly Member[]>
  readonly #options: VolumeWriterOptions
  #batch: readonly Member[] = []
  #at = 0
  #number: number

  constructor(members: AsyncIterable<readonly Member[]>, options: VolumeWriterOptions) {
    this.#members = members[Symbol.asyncIterator]()
    this.#options = options
    this.#number = options.made ?? 0
  }

  /** Seals the next volume into the spool; `undefined` when all members are written. The first comes in any case. */
  async next(): Promise<SpooledVolume | undefined> {
    // A set without any change has one volume too, with nothing in it: a reader looks for the first one.
    if (!(await this.#fill()) && this.#number > 0) return undefined
    const { envelope, spool } = this.#options
    const file = spool.create()
    const volume = new OpenVolume(++this.#number)
    try {
      await file.writeAll(envelope.seal('volume', this.#plain(volume, file)))
    } catch (error) {
      file.remove()
      throw error
    }
    return { file, manifest: volume.manifest(file.sha1), files: volume.files, mark: volume.mark }
  }

  async close(): Promise<void> {
    await this.#members.return?.()
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#batch.length) {
      const next = await this.#members.next()
      if (next.done === true) return false
      this.#batch = next.value
      this.#at = 0
    }
    return true
  }

  async *#plain(volume: OpenVolume, file: SpoolFile): ByteStream {
    const { envelope, volumeBytes, encrypted } = this.#options
    const lagBytes = envelope.lagBytes ?? 0
    let handedOn = 0
    let room = 0
    const measure = () => (room = volumeBytes - file.bytes - Math.min(handedOn, lagBytes))
    measure()
    let pieces: Uint8Array[] = []
    let held = 0
    let signed: Uint8Array[] = []
    const sign = async () => {
      if (signed.length > 0) await this.#options.sign?.(concat(signed))
      signed = []
    }
    while (await this.#fill()) {
      const member = this.#batch[this.#at]!
      if (volume.started && held + member.bytes.length > room) break
      this.#at += 1
      volume.add(member)
      pieces.push(member.bytes)
      if (member.signature !== undefined) signed.push(...member.signature)
      held += member.bytes.length
      if (held < pieceBytes) continue
      await sign()
      yield Buffer.concat(pieces, held)
      handedOn += held
      pieces = []
      held = 0
      measure()
    }
    await sign()
    const end = volumeEnd(handedOn + held, { encrypted })
    if (held + end.length > 0) yield Buffer.concat([...pieces, end], held + end.length)
  }
}

const root = '' as RawPath

/** The range of entries that a volume holds, as its manifest names it. */
class OpenVolume {
  readonly #number: number
  #first: Member | undefined
  #last: Member | undefined
  readonly files = new VolumeFiles()

  constructor(number: number) {
    this.#number = number
  }

  get started(): boolean {
    return this.#first !== undefined
  }

  get mark(): Mark | undefined {
    return this.#last?.mark
  }

  add(member: Member): void {
    if (member.listed !== undefined) this.files.add({ action: member.listed, path: member.path })
    this.#first ??= member
    this.#last = member
  }

  manifest(sha1: string): ManifestVolume {
    const [first, last] = [this.#first, this.#last]
    return {
      number: this.#number,
      start: { path: first?.path ?? root, block: first?.block },
      end: { path: last?.path ?? root, block: last?.block },
      hashes: [{ name: 'SHA1', hex: sha1 }],
    }
  }
}
