import type { RawPath } from '@coalmine/bytes'
import { lstatSync, readdirSync, type BigIntStats } from 'node:fs'
import { type Address, addressBelow } from './address.ts'
import type { EntryKind } from './entry.ts'
import { codeOf, FileTreeError, sentence } from './errors.ts'

/**
 * What becomes of something that was found: it comes, and a folder is entered; it does not come, and a folder is never
 * read; or (a folder) it is entered and comes only when something below it does, in its place before that.
 */
export type Verdict = 'include' | 'exclude' | 'scan'

/** What a selection is asked about. Good during the call only: the next one reuses it. */
export interface Candidate {
  /** Relative to the root; never the root itself, which always comes. */
  readonly path: RawPath
  readonly kind: EntryKind
  /** The file system it lies on; NaN for what is gone by now. */
  readonly device: number
  /** When it was last changed, in milliseconds since 1970, as exact as a double is; NaN for what is gone by now. */
  readonly mtimeMs: number
  /**
   * Whether a folder holds something of that name (one char per byte), of any kind. Looks only when it is called. False
   * for what is no folder, and for a folder that may not be looked into.
   */
  has(name: string): boolean
}

/** Decides about one candidate. Called in the order of the walk, for all but what an excluded folder holds. */
export type Select = (candidate: Candidate) => Verdict

/** A selection with something to tell at the end. */
export interface Selector {
  readonly select: Select
  /** Called once after a whole walk; must be able to cross to another thread (structured clone). */
  summary?(): unknown
}

/** Makes a selector of what it is told, in whichever thread walks. */
export type CreateSelector = (data: unknown) => Selector | Promise<Selector>

/**
 * A selection that can be made in the thread that walks: by the `create` that the tree's worker was started with, where
 * it has one of its own, otherwise here by this one. Both must be the same.
 */
export interface Selection {
  readonly create: CreateSelector
  /** What `create` is called with; must be able to cross to another thread (structured clone). */
  readonly data?: unknown
  /** Told what the selector's `summary` said, after a whole walk. */
  readonly onSummary?: (summary: unknown) => void
}

/** @throws FileTreeError `select` with what was thrown. */
export async function makeSelector(create: CreateSelector, data: unknown): Promise<Selector> {
  try {
    return await create(data)
  } catch (cause) {
    throw new FileTreeError('select', `Cannot begin to select: ${reasonOf(cause)}`, { cause })
  }
}

/** The one candidate that a walk asks its selection about again and again. */
export class WalkCandidate implements Candidate {
  path = '' as RawPath
  kind: EntryKind = 'file'
  #where: Address = ''
  #stats: Pick<BigIntStats, 'dev' | 'mtimeNs'> | undefined
  #looked = false

  /** @param stats - When they are known; otherwise they are asked for when they are needed. */
  about(path: RawPath, kind: EntryKind, where: Address, stats?: Pick<BigIntStats, 'dev' | 'mtimeNs'>): this {
    this.path = path
    this.kind = kind
    this.#where = where
    this.#stats = stats
    this.#looked = stats !== undefined
    return this
  }

  get device(): number {
    return Number(this.#status()?.dev ?? Number.NaN)
  }

  get mtimeMs(): number {
    const nanos = this.#status()?.mtimeNs
    return nanos === undefined ? Number.NaN : Number(nanos) / 1e6
  }

  has(name: string): boolean {
    if (this.kind !== 'directory' || !/^[^/\0]+$/.test(name) || name === '.' || name === '..') return false
    const where = this.#where
    const place =
      typeof where === 'string'
        ? addressBelow(`${where}/`, name)
        : Buffer.concat([where, Buffer.from(`/${name}`, 'latin1')])
    try {
      return lstatSync(place, { throwIfNoEntry: false }) !== undefined
    } catch {
      // It may not be searched, or the path is too long; a folder may be listed without being searched.
      return this.#lists(name)
    }
  }

  #lists(name: string): boolean {
    try {
      return readdirSync(this.#where, 'latin1').includes(name)
    } catch {
      // When it is included, listing it fails for the walk too, which tells. When it is not, nobody needs to know.
      return false
    }
  }

  #status(): Pick<BigIntStats, 'dev' | 'mtimeNs'> | undefined {
    if (!this.#looked) {
      this.#looked = true
      try {
        this.#stats = lstatSync(this.#where, { bigint: true, throwIfNoEntry: false })
      } catch {
        // As if it were gone: when it is included, opening it says what is wrong.
        this.#stats = undefined
      }
    }
    return this.#stats
  }
}

/** Asks, and sees to it that there is an answer. @throws FileTreeError `select` with what the selection threw. */
export function ask(select: Select, candidate: Candidate): Verdict {
  let verdict: Verdict
  try {
    verdict = select(candidate)
  } catch (cause) {
    throw refused(candidate.path, reasonOf(cause), cause)
  }
  if (verdict === 'include' || verdict === 'exclude' || verdict === 'scan') return verdict
  throw refused(candidate.path, `the selection said "${String(verdict)}"`)
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function refused(path: RawPath, reason: string, cause?: unknown): FileTreeError {
  return new FileTreeError('select', sentence('decide about', path, reason), { path, operation: 'select', cause })
}

/** Codes with which a link that is followed leads to nothing: as if it were not there, as the real program has it. */
export function leadsNowhere(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTCONN', 'ENODEV'].includes(codeOf(error))
}
