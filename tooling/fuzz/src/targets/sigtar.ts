import { comparePaths } from '@coalmine/bytes'
import { FormatError, mergeSigTars, readSigTar, type SigTarEntry } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { feedsOf, sameForAllStreams, show } from '../lib/feed.ts'
import { mendTar, tarMember } from '../lib/tar-blocks.ts'
import { demand, type Target } from '../lib/target.ts'
import { requireMeta, requireSafe, splitAt } from './difftar.ts'
import { tarPieces } from './tar.ts'

const nextFile = Buffer.from('=====next file=====')
// All files of a chain are open at once, and each takes two kilobytes, whatever is in it: a thousand of a few bytes would
// be more than is allowed for that many bytes, and say nothing of how they are read.
const mostFiles = 100
const prefixes = ['signature/', 'snapshot/', 'deleted/', 'diff/'] as const
const rests = ['', 'a', 'a.b', 'a/b', 'a/z', 'b', 'b/../c', 'c', '/d', 'e/', 'f\xff'] as const

const member = fc
  .tuple(fc.constantFrom(...prefixes), fc.constantFrom(...rests), fc.constantFrom('0', '0', '2', '5'), fc.nat(100))
  .map(([prefix, rest, flag, length]) =>
    tarMember({ name: prefix + rest, flag, linkName: 'x' }, Buffer.alloc(flag === '0' ? length : 0, 's')),
  )

/** Signature files, one or several of a chain. */
export const sigtar: Target = {
  name: 'sigtar',
  about: 'signature files and their merging (readSigTar, mergeSigTars)',
  maxBytes: 32_768,
  tokens: [nextFile, Buffer.alloc(512), ...prefixes, ...rests],
  arbitrary: fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: member },
        { weight: 1, arbitrary: tarPieces },
        { weight: 1, arbitrary: fc.constant(nextFile) },
      ),
      {
        maxLength: 10,
      },
    )
    .map((pieces) => Buffer.concat(pieces)),
  mend: mendTar,
  async run(input) {
    const files = splitAt(Buffer.from(input), nextFile)
    if (files.length > mostFiles) return { accepted: false }
    const read = await Promise.all(files.map((file) => sameForAllStreams(file, entriesOf)))
    for (const { entries } of read) requireOrder(entries)
    const merged = await mergedOf(files)
    if (merged === undefined) {
      demand(
        read.some(({ error }) => error !== undefined),
        'Merging fails, though each file is sound',
      )
      return { accepted: false }
    }
    demand(
      read.every(({ error }) => error === undefined),
      'Merging succeeds, though a file is not sound',
    )
    // The newest word on each path, in order, without what is gone: found the slow way.
    const newest = new Map(read.flatMap(({ entries }) => entries.map((entry) => [entry.path, entry])))
    const wanted = [...newest.values()]
      .filter(({ action }) => action !== 'deleted')
      .sort((a, b) => comparePaths(a.path, b.path))
    demand(show(merged) === show(wanted), `Merged it is ${show(merged)} and not ${show(wanted)}`)
    return { accepted: merged.length > 0, outputBytes: input.length }
  },
}

interface Read {
  readonly entries: readonly SigTarEntry[]
  readonly error?: string
}

async function entriesOf(stream: AsyncIterable<Uint8Array>): Promise<Read> {
  const entries: SigTarEntry[] = []
  try {
    for await (const batch of readSigTar(stream)) entries.push(...batch)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return { entries: entries.map(comparable), error: `${error.code}: ${error.message}` }
  }
  return { entries: entries.map(comparable) }
}

/** Buffers and arrays with the same bytes are the same. */
function comparable({ signature, ...rest }: SigTarEntry): SigTarEntry {
  return signature === undefined ? rest : { ...rest, signature: new Uint8Array(signature) }
}

function requireOrder(entries: readonly SigTarEntry[]): void {
  for (const [at, { action, path, meta, signature, signatureBytes }] of entries.entries()) {
    requireSafe(path)
    demand((meta === undefined) === (action === 'deleted'), `${show(path)} has metadata where none belong, or none`)
    if (meta !== undefined) requireMeta(meta, path)
    demand((action === 'signature') === (signatureBytes !== undefined), `${show(path)} has a signature, or none`)
    demand(signature === undefined || signature.length === signatureBytes, `The signature of ${show(path)} is cut`)
    const last = entries[at - 1]
    demand(last === undefined || comparePaths(last.path, path) < 0, `${show(path)} comes after ${show(last?.path)}`)
  }
}

async function mergedOf(files: readonly Buffer[]): Promise<SigTarEntry[] | undefined> {
  const merged: SigTarEntry[] = []
  try {
    for await (const batch of mergeSigTars(files.map((file) => readSigTar(feedsOf(file)[1]!.stream()))))
      merged.push(...batch)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return undefined
  }
  return merged.map(comparable)
}
