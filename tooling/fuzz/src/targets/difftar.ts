import { comparePaths, type RawPath } from '@coalmine/bytes'
import { DiffTarDecoder, type DiffTarPart, type EntryMeta, FormatError } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { show } from '../lib/feed.ts'
import { mendTar, tarMember } from '../lib/tar-blocks.ts'
import { demand, Finding, type Outcome, type Target } from '../lib/target.ts'
import { tarPieces } from './tar.ts'

/** Stands between two volumes of a set. */
const nextVolume = Buffer.from('=====next volume=====')
const prefixes = ['snapshot/', 'diff/', 'deleted/', 'signature/', 'multivol_snapshot/', 'multivol_diff/'] as const
const rests = ['a', 'a/1', 'a/2', 'a/b', '', '.', './1', '../x', '/etc/passwd', 'a//b', 'a/./b', 'b/3', 'c/'] as const

const member = fc
  .tuple(
    fc.constantFrom(...prefixes),
    fc.constantFrom(...rests),
    fc.constantFrom('0', '0', '0', '2', '5', '6', '3'),
    fc.nat(600),
  )
  .map(([prefix, rest, flag, length]) =>
    tarMember({ name: prefix + rest, flag, linkName: 'x' }, Buffer.alloc(flag === '0' ? length : 0, 'd')),
  )

/** The volumes of a set. */
export const difftar: Target = {
  name: 'difftar',
  about: 'volumes of a set: snapshots, diffs, chunks (DiffTarDecoder)',
  maxBytes: 32_768,
  tokens: [nextVolume, Buffer.alloc(512), ...prefixes, ...rests, tarMember({ name: 'multivol_snapshot/a/1' }, 'x')],
  arbitrary: fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: member },
        { weight: 2, arbitrary: tarPieces },
        { weight: 1, arbitrary: fc.constant(nextVolume) },
      ),
      {
        maxLength: 8,
      },
    )
    .map((pieces) => Buffer.concat(pieces)),
  mend: mendTar,
  run(input) {
    const { entries, error } = sameForVolumes(splitAt(Buffer.from(input), nextVolume))
    return { accepted: error === undefined && entries.length > 0, outputBytes: input.length } satisfies Outcome
  },
}

interface Entry {
  readonly action: string
  readonly path: RawPath
  readonly meta?: EntryMeta
  bytes: number
  ended: boolean
}

interface Read {
  readonly entries: readonly Entry[]
  readonly error?: string
}

/** The same, whatever pieces each of the volumes comes in. */
function sameForVolumes(volumes: readonly Buffer[]): Read {
  const ways = [0, 1, 2].map((way) => read(volumes, way))
  for (const other of ways.slice(1))
    demand(show(other) === show(ways[0]), `In pieces it is ${show(other)}, whole ${show(ways[0])}`)
  return ways[0]!
}

function read(volumes: readonly Buffer[], way: number): Read {
  const decoder = new DiffTarDecoder()
  const entries: Entry[] = []
  try {
    for (const volume of volumes) {
      decoder.beginVolume()
      for (const chunk of cut(volume, way)) take(decoder.push(chunk), entries)
      take(decoder.endVolume(), entries)
    }
    take(decoder.finish(), entries)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return { entries, error: `${error.code}: ${error.message}` }
  }
  demand(
    entries.every(({ ended }) => ended),
    'An entry has no end, and there is no error',
  )
  return { entries }
}

function take(parts: readonly DiffTarPart[], entries: Entry[]): void {
  for (const part of parts) {
    const open = entries.at(-1)
    if (part.type === 'entry') {
      demand(open === undefined || open.ended, 'An entry comes before the end of the last one')
      const { action, path, meta } = part.entry
      requireSafe(path)
      demand(
        (meta === undefined) === (action === 'deleted'),
        `${show(part.entry)} has metadata where none belong, or none`,
      )
      if (meta !== undefined) requireMeta(meta, path)
      entries.push({ action, path, meta, bytes: 0, ended: false })
    } else if (open === undefined || open.ended) {
      throw new Finding(`A piece of kind ${part.type} comes outside of entries`)
    } else if (part.type === 'data') {
      demand(part.bytes.length > 0 && open.meta?.kind === 'file', `${show(open)} gets an empty piece, or any`)
      open.bytes += part.bytes.length
    } else {
      open.ended = true
    }
  }
}

/** A path that cannot lead out of a tree. */
export function requireSafe(path: RawPath): void {
  const isSafe = path === '' || path.split('/').every((name) => name !== '' && name !== '.' && name !== '..')
  demand(isSafe && !path.includes('\0'), `The path ${show(path)} is let through`)
  demand(comparePaths(path, path) === 0, 'A path is not itself')
}

export function requireMeta(meta: EntryMeta, path: RawPath): void {
  const { mode, uid, gid, mtimeSeconds, linkTarget, kind } = meta
  demand(meta.path === path, `The metadata of ${show(path)} are those of ${show(meta.path)}`)
  demand([mode, uid, gid, mtimeSeconds].every(Number.isSafeInteger), `A number is none in ${show(meta)}`)
  demand(mode >= 0 && mode <= 0o7777, `The mode is ${mode}`)
  demand((kind === 'symlink') === (linkTarget !== undefined), `${show(meta)}: a target where none belongs, or none`)
  demand(!(linkTarget ?? '').includes('\0'), 'A target has a NUL')
}

function* cut(volume: Buffer, way: number): Generator<Uint8Array> {
  const small = volume.length > 1500 ? 129 : 1
  const size = [Math.max(1, volume.length), 509, small][way]!
  for (let at = 0; at < volume.length; at += size) yield volume.subarray(at, at + size)
}

export function splitAt(input: Buffer, mark: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; ;) {
    const found = input.indexOf(mark, at)
    pieces.push(input.subarray(at, found < 0 ? input.length : found))
    if (found < 0) return pieces
    at = found + mark.length
  }
}
