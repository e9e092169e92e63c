import { type Envelope, formatName, type Prefixes, type SetTimes } from '@coalmine/volume-format'

/** The names of one set's objects, on the storage and in the archive dir. */
export class SetNames {
  readonly #set: SetTimes
  readonly #prefixes: Prefixes | undefined

  constructor(set: SetTimes, prefixes: Prefixes | undefined) {
    this.#set = set
    this.#prefixes = prefixes
  }

  volume(envelope: Envelope, number: number): string {
    return this.#name('volume', envelope.suffixOf('volume'), number)
  }

  signatures(envelope: Envelope): string {
    return this.#name('signatures', envelope.suffixOf('signatures'))
  }

  manifest(envelope: Envelope): string {
    return this.#name('manifest', envelope.suffixOf('manifest'))
  }

  /** Sealed as signatures are. */
  statistics(envelope: Envelope): string {
    return this.#name('statistics', envelope.suffixOf('signatures'))
  }

  localStatistics(): string {
    return this.#name('statistics', '.gz')
  }

  /** In the archive dir signatures are always gzipped, manifests always plain. */
  localSignatures(): string {
    return this.#name('signatures', '.gz')
  }

  localManifest(): string {
    return this.#name('manifest', '')
  }

  /** All that the archive dir may hold of the set, what the real program leaves of an interrupted run too. */
  localNames(): string[] {
    const [signatures, manifest] = [this.localSignatures(), this.localManifest()]
    return [signatures, manifest, this.localStatistics(), `${signatures.replace(/\.gz$/, '')}.part`, `${manifest}.part`]
  }

  #name(object: 'volume' | 'signatures' | 'manifest' | 'statistics', suffix: string, volume?: number): string {
    return formatName({ object, set: this.#set, volume, suffix }, { prefixes: this.#prefixes })
  }
}
