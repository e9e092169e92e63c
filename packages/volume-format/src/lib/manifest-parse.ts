import type { RawPath } from '@coalmine/bytes'
import { FormatError } from './format-error.ts'
import type { Manifest, ManifestFile, ManifestPlace } from './manifest.ts'
import { unquote, unquoted } from './quoting.ts'

export interface ParseManifestOptions {
  /** Whether to collect the list of files (default); without it only their claimed number is kept. */
  files?: boolean
  /** What the manifest may weigh, 1 GiB by default. With the files collected a few times that is held. */
  maxBytes?: number
  /** How long one line may be, 4 MiB by default. */
  maxLineBytes?: number
  /** How many volumes it may name, a million by default: each takes a few hundred bytes. */
  maxVolumes?: number
}

/**
 * Reads a manifest of any version: field names in any case, unknown lines passed over, host, root and list of files
 * optional. Of two sections for one volume the later counts, and volumes above the number of the last section are
 * dropped, as a restarted backup means it. A section that says anything twice is damage.
 *
 * @throws FormatError `corrupt` for damage, `too-large` over a limit.
 */
export function parseManifest(bytes: Uint8Array, options: ParseManifestOptions = {}): Manifest {
  const decoder = new ManifestDecoder(options)
  decoder.push(bytes)
  return decoder.finish()
}

/** The same for a manifest that comes in pieces; no more than a line of it is held. */
export class ManifestDecoder {
  readonly #reader: ManifestReader
  readonly #maxBytes: number
  readonly #maxLineBytes: number
  #bytes = 0
  /** The beginning of a line whose end has not come. */
  #begun: Buffer[] = []
  #begunBytes = 0
  #wanted = true

  constructor(options: ParseManifestOptions = {}) {
    const { files = true, maxBytes = 2 ** 30, maxLineBytes = 4 * 2 ** 20, maxVolumes = 1_000_000 } = options
    this.#reader = new ManifestReader(files, maxVolumes)
    this.#maxBytes = maxBytes
    this.#maxLineBytes = maxLineBytes
  }

  /** @throws FormatError as {@link parseManifest}; nothing may be pushed after that. */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) {
      const limit = this.#maxBytes
      throw new FormatError(
        'too-large',
        `Cannot read a manifest of ${this.#bytes} bytes or more: the limit is ${limit}`,
      )
    }
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    for (let at = 0; at < text.length;) {
      const feed = text.indexOf(10, at)
      const end = feed < 0 ? text.length : feed
      // An empty piece of a line says nothing of how the line begins.
      if (this.#begunBytes === 0 && end > at) this.#wanted = this.#reader.wants(text[at]!)
      this.#piece(text, at, end)
      if (feed >= 0) this.#endLine(text, at, end)
      at = end + 1
    }
  }

  finish(): Manifest {
    if (this.#begunBytes > 0) this.#endLine(Buffer.alloc(0), 0, 0)
    return this.#reader.finish()
  }

  /** Takes note of the length of a line, and keeps what has no end in this chunk. */
  #piece(text: Buffer, at: number, end: number): void {
    const length = this.#begunBytes + end - at
    if (this.#wanted && length > this.#maxLineBytes) {
      const limit = this.#maxLineBytes
      throw new FormatError('too-large', `Cannot read a line of ${length} bytes or more: the limit is ${limit}`)
    }
    if (end < text.length || end === at) return
    // A copy: the chunk is the caller's.
    if (this.#wanted) this.#begun.push(Buffer.from(text.subarray(at, end)))
    this.#begunBytes = length
  }

  #endLine(text: Buffer, at: number, end: number): void {
    if (this.#wanted) {
      const whole = this.#begun.length === 0 ? '' : Buffer.concat(this.#begun).toString('latin1')
      this.#reader.line(whole + text.toString('latin1', at, end))
    }
    this.#begun = []
    this.#begunBytes = 0
    this.#wanted = true
  }
}

interface Section {
  number: number
  start?: ManifestPlace
  end?: ManifestPlace
  hashes: Map<string, string>
}

// White space is that of C, not that of Unicode: byte A0 is part of a name.
const field = /^(hostname|localdir)[\t-\r ]([^\n]+)$/i
const volumeHeading = /^volume(?:[\t-\r ]|$)/i
const numberedHeading = /^volume ([0-9]+):/i
const fileHeading = /^filelist[\t-\r ]([0-9]+)$/i
const fileLine = /^[\t-\r ]+(new|changed|deleted)[\t-\r ]+([^\t-\r ]+)[\t-\r ]*$/
const words = /[^\t-\r ]+/g

class ManifestReader {
  readonly #manifest: Manifest = { volumes: new Map() }
  readonly #collect: boolean
  readonly #maxVolumes: number
  #section: Section | undefined
  #inFiles = false
  #files: ManifestFile[] | undefined
  #last = 0

  constructor(collect: boolean, maxVolumes: number) {
    this.#collect = collect
    this.#maxVolumes = maxVolumes
  }

  /** Whether a line that begins with this byte can mean anything: only headings begin at the margin. */
  wants(first: number): boolean {
    return !this.#inFiles || this.#files !== undefined || first > 0x20
  }

  line(line: string): void {
    switch (line.charCodeAt(0) | 0x20) {
      case 0x76: // v
        if (volumeHeading.test(line)) return this.#volume(line)
        break
      case 0x66: // f
        if (fileHeading.test(line)) return this.#filelist(line)
        break
      case 0x68: // h
      case 0x6c: // l
        if (field.test(line)) return this.#field(line)
        break
    }
    if (this.#inFiles) {
      // The list only informs: a damaged line in it is left out, and shows in the count.
      const [, action, quoted = ''] = fileLine.exec(line) ?? []
      const path = unquoted(quoted)
      if (action !== undefined && path !== undefined) {
        this.#files?.push({ action: action as ManifestFile['action'], path: rootIfDot(path) })
      }
    } else if (this.#section !== undefined) {
      readLine(this.#section, line.match(words) ?? [])
    }
  }

  finish(): Manifest {
    this.#keep()
    const { volumes } = this.#manifest
    for (const number of volumes.keys()) if (number > this.#last) volumes.delete(number)
    return this.#manifest
  }

  #volume(line: string): void {
    this.#keep()
    const number = Number(numberedHeading.exec(line)?.[1])
    if (!(Number.isSafeInteger(number) && number > 0)) throw corrupt(line, 'it names no volume')
    if (this.#manifest.volumes.size >= this.#maxVolumes) {
      throw new FormatError('too-large', `Cannot read a manifest of more than ${this.#maxVolumes} volumes`)
    }
    this.#section = { number, hashes: new Map() }
    this.#inFiles = false
  }

  #filelist(line: string): void {
    this.#inFiles = true
    this.#files = undefined
    // As in duplicity the first list counts, were there two.
    if (this.#manifest.fileCount !== undefined) return
    this.#manifest.fileCount = countOf(fileHeading.exec(line)![1], line)
    if (this.#collect) this.#manifest.files = this.#files = []
  }

  #field(line: string): void {
    const [, name, value] = field.exec(line)!
    if (name!.toLowerCase() === 'hostname') this.#manifest.hostname ??= unquote(value!)
    else this.#manifest.localDir ??= unquote(value!)
  }

  /** Files the section that ends here. */
  #keep(): void {
    const section = this.#section
    if (section === undefined) return
    const { number, start, end } = section
    if (start === undefined || end === undefined) {
      throw new FormatError('corrupt', `Cannot read volume ${number} of a manifest: its range is missing`)
    }
    const hashes = [...section.hashes].map(([name, hex]) => ({ name, hex }))
    this.#manifest.volumes.set(number, { number, start, end, hashes })
    this.#last = number
    this.#section = undefined
  }
}

function readLine(section: Section, [name, first, second]: string[]): void {
  switch (name?.toLowerCase()) {
    case 'startingpath':
      requireOnce(section, section.start, 'beginning')
      section.start = placeOf(section, first, second)
      break
    case 'endingpath':
      requireOnce(section, section.end, 'end')
      section.end = placeOf(section, first, second)
      break
    case 'hash':
      if (first === undefined || second === undefined) {
        throw new FormatError('corrupt', `Cannot read volume ${section.number} of a manifest: a digest is cut off`)
      }
      requireOnce(section, section.hashes.get(first), `${first} digest`)
      section.hashes.set(first, second)
      break
  }
}

/** Where the heading of the next volume is damaged, its lines seem to go on with this one: all of it would be in doubt. */
function requireOnce(section: Section, earlier: unknown, what: string): void {
  if (earlier === undefined) return
  const why = `it has a second ${what}, so the heading of the volume after it is damaged`
  throw new FormatError('corrupt', `Cannot read volume ${section.number} of a manifest: ${why}`)
}

function placeOf(section: Section, path: string | undefined, block: string | undefined): ManifestPlace {
  if (path === undefined) {
    throw new FormatError('corrupt', `Cannot read volume ${section.number} of a manifest: a path is missing`)
  }
  return block === undefined
    ? { path: rootIfDot(unquote(path)) }
    : { path: rootIfDot(unquote(path)), block: countOf(block, block) }
}

/** The root is written as a dot. */
function rootIfDot(path: RawPath): RawPath {
  return path === '.' ? ('' as RawPath) : path
}

function countOf(digits: string | undefined, line: string): number {
  const count = digits !== undefined && /^[0-9]+$/.test(digits) ? Number(digits) : Number.NaN
  if (Number.isSafeInteger(count)) return count
  throw corrupt(line, 'the number in it is none')
}

function corrupt(line: string, why: string): FormatError {
  const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line
  return new FormatError('corrupt', `Cannot read ${JSON.stringify(shown)} in a manifest: ${why}`)
}
