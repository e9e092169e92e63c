import type { RawPath } from '@coalmine/bytes'
import { encodeTarHeader, tarEnd, tarPadding } from '@coalmine/tar'
import { headerOf, headerOfDeleted, shown, type EntryMeta } from './entry-meta.ts'

/**
 * How many bytes of a file or delta one member of a volume holds. What is shorter is one member; otherwise all chunks
 * have this length but the last, which is shorter and may be empty. Readers take any length; only duplicity's restart
 * of an unfinished backup counts on this one.
 */
export const BLOCK_BYTES = 65_536

export type DiffTarMember =
  | {
      /** The whole new state, or (of files) a delta against the one before. */
      action: 'snapshot' | 'diff'
      meta: EntryMeta
      /** Of files: content or delta, or the chunk of it. */
      data?: Uint8Array
      /** The number of the chunk, from 1, where content or delta is in several. */
      block?: number
    }
  | { action: 'deleted'; path: RawPath }

const nothing = new Uint8Array(0)

/**
 * One member of a volume: header, data and padding, in GNU's dialect as duplicity writes it under Python 3.11 with that
 * dialect, and with names as they are.
 *
 * @throws RangeError when a path is none below the root, a time is no whole second since 1970, a number is too large, a
 * string has a NUL, data comes with anything but a file, or the root is said to be deleted.
 */
export function encodeDiffTarMember(member: DiffTarMember): Uint8Array {
  if (member.action === 'deleted') return encodeTarHeader(headerOfDeleted(member.path))
  const { action, meta, data = nothing, block } = member
  if (meta.kind !== 'file' && (action === 'diff' || block !== undefined || data.length > 0)) {
    throw new RangeError(`Cannot archive "${shown(meta.path)}" with data: it is no file but a ${meta.kind}`)
  }
  const header = encodeTarHeader(headerOf(meta, diffTarName(action, meta, block), data.length))
  return data.length === 0 ? header : withBody(header, data)
}

function diffTarName(action: 'snapshot' | 'diff', { path, kind }: EntryMeta, block: number | undefined): string {
  if (block !== undefined) {
    if (!(Number.isSafeInteger(block) && block > 0)) {
      throw new RangeError(`Cannot archive chunk ${block} of "${shown(path)}": chunks count from 1`)
    }
    return `multivol_${action}/${path === '' ? '.' : path}/${block}`
  }
  return kind === 'directory' ? `${action}/${path === '' ? '.' : path}/` : `${action}/${path}`
}

export type SigTarMember =
  | { action: 'signature'; meta: EntryMeta; signature: Uint8Array }
  | { action: 'snapshot'; meta: EntryMeta }
  | { action: 'deleted'; path: RawPath }

/**
 * One member of a signature file: of a regular file its signature, of everything else the metadata, or the word that it
 * is gone.
 *
 * @throws RangeError as {@link encodeDiffTarMember}.
 */
export function encodeSigTarMember(member: SigTarMember): Uint8Array {
  if (member.action === 'deleted') return encodeTarHeader(headerOfDeleted(member.path))
  if (member.action === 'signature') {
    return withBody(signatureHeader(member.meta, member.signature.length), member.signature)
  }
  const { path, kind } = member.meta
  if (kind === 'file') {
    throw new RangeError(
      `Cannot put the file "${shown(path)}" among the signatures without one: nothing could build on it`,
    )
  }
  const slash = kind === 'directory' && path !== '' ? '/' : ''
  return encodeTarHeader(headerOf(member.meta, `snapshot/${path}${slash}`, 0))
}

/**
 * The header of a signature that is too large to hold. The signature follows, then `tarPadding(sizeBytes)` zeros.
 *
 * @throws RangeError as {@link encodeDiffTarMember}.
 */
export function signatureHeader(meta: EntryMeta, sizeBytes: number): Uint8Array {
  if (meta.kind !== 'file') {
    throw new RangeError(`Cannot put a signature of "${shown(meta.path)}" on file: it is no file but a ${meta.kind}`)
  }
  return encodeTarHeader(headerOf(meta, `signature/${meta.path}`, sizeBytes))
}

/** What ends a signature file: zeros to the next multiple of 10240 bytes, at least 1024. */
export function sigTarEnd(bytesSoFar: number): Uint8Array {
  return tarEnd(bytesSoFar)
}

/**
 * What ends a volume: nothing, unless it gets encrypted; then zeros to the next multiple of 10240 bytes, at least 1024.
 * (duplicity's own encrypted volumes may have 512, which a strict tar complains about.)
 */
export function volumeEnd(bytesSoFar: number, options: { encrypted: boolean }): Uint8Array {
  return options.encrypted ? tarEnd(bytesSoFar) : nothing
}

function withBody(header: Uint8Array, body: Uint8Array): Uint8Array {
  const padding = tarPadding(body.length)
  const all = Buffer.allocUnsafe(header.length + body.length + padding)
  all.set(header, 0)
  all.set(body, header.length)
  if (padding > 0) all.fill(0, header.length + body.length)
  return all
}
