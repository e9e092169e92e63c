import { comparePaths, concat, type ByteStream, type RawPath } from '@coalmine/bytes'
import { TarDecoder, type TarHeader, type TarPart } from '@coalmine/tar'
import { asFormatError } from './difftar-decoder.ts'
import { metaOf, pathIn, shown, type EntryMeta } from './entry-meta.ts'
import { FormatError } from './format-error.ts'

/** An entry of a signature file. */
export interface SigTarEntry {
  action: 'signature' | 'snapshot' | 'deleted'
  path: RawPath
  /** Absent for what was deleted. */
  meta?: EntryMeta
  /** Of signatures: their length. */
  signatureBytes?: number
  /** Of signatures, a copy of its own: absent when they are passed over, or when this one is over the limit. */
  signature?: Uint8Array
}

export interface ReadSigTarOptions {
  /** Whether signatures are handed out (default) or only the metadata. */
  signatures?: boolean
  /** The longest signature to hold, 64 MiB by default; of a longer one only `signatureBytes` is told. */
  maxSignatureBytes?: number
  /** Hand out the signature of this path alone. */
  only?: RawPath
}

/**
 * Reads a signature file, entry by entry, in batches of what one chunk of the stream holds. An empty stream has no
 * entries.
 *
 * @throws FormatError when the archive is damaged, a name is unsafe, or paths are not in ascending order.
 */
export async function* readSigTar(
  stream: ByteStream,
  options: ReadSigTarOptions = {},
): AsyncGenerator<SigTarEntry[], void, undefined> {
  const decoder = new SigTarDecoder(options)
  for await (const chunk of stream) {
    const entries = decoder.push(chunk)
    if (entries.length > 0) yield entries
    // On to the end of the stream, even after that of the archive: there its integrity comes to light.
  }
  const entries = decoder.finish()
  if (entries.length > 0) yield entries
}

const prefix = /^(signature|snapshot|deleted)\//

/** The kernel of {@link readSigTar}: synchronous, no I/O. Errors come after all entries before them. */
class SigTarDecoder {
  readonly #tar = new TarDecoder()
  readonly #keepBytes: number
  readonly #only: RawPath | undefined
  #last: RawPath | undefined
  #entry: SigTarEntry | undefined
  /** The pieces of the present signature, when it is to be kept. */
  #pieces: Uint8Array[] | undefined
  #failure: Error | undefined

  constructor(options: ReadSigTarOptions = {}) {
    const { signatures = true, maxSignatureBytes = 64 * 2 ** 20 } = options
    this.#keepBytes = signatures ? maxSignatureBytes : -1
    this.#only = options.only
  }

  push(chunk: Uint8Array): SigTarEntry[] {
    return this.#run(() => this.#tar.push(chunk))
  }

  finish(): SigTarEntry[] {
    return this.#run(() => this.#tar.finish())
  }

  #run(advance: () => TarPart[]): SigTarEntry[] {
    if (this.#failure !== undefined) throw this.#failure
    const entries: SigTarEntry[] = []
    try {
      for (const part of advance()) {
        if (part.type === 'header') this.#begin(part.header)
        else if (part.type === 'data') this.#pieces?.push(part.bytes.slice())
        else entries.push(this.#end())
      }
    } catch (error) {
      this.#failure = asFormatError(error)
      if (entries.length === 0) throw this.#failure
    }
    return entries
  }

  #begin(header: TarHeader): void {
    const action = prefix.exec(header.name)?.[1] as SigTarEntry['action'] | undefined
    if (action === undefined) throw strange(header)
    const path = pathIn(header.name, header.name.slice(action.length + 1))
    if (this.#last !== undefined && comparePaths(this.#last, path) >= 0) {
      const order = `Cannot read signatures: "${shown(path)}" comes after "${shown(this.#last)}"`
      throw new FormatError('corrupt', `${order}, which is not the order of paths`)
    }
    this.#last = path
    const entry: SigTarEntry = { action, path }
    this.#entry = entry
    this.#pieces = undefined
    if (action === 'deleted') return
    entry.meta = metaOf(header, path)
    if (action === 'snapshot') return
    if (entry.meta.kind !== 'file') throw strange(header)
    entry.signatureBytes = header.size
    const isWanted = this.#only === undefined || this.#only === path
    if (isWanted && header.size <= this.#keepBytes) this.#pieces = []
  }

  #end(): SigTarEntry {
    const entry = this.#entry!
    if (this.#pieces !== undefined) entry.signature = concat(this.#pieces)
    return entry
  }
}

function strange(header: TarHeader): FormatError {
  const what = `Cannot read "${shown(header.name)}" among signatures`
  return new FormatError('corrupt', `${what}: no member of type "${shown(header.typeflag)}" is called that`)
}
