import {
  FormatError,
  formatManifest,
  type Manifest,
  ManifestDecoder,
  mayHold,
  parseManifest,
} from '@coalmine/volume-format'
import type { RawPath } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { sameForAll, show } from '../lib/feed.ts'
import { accepted, demand, refused, type Target } from '../lib/target.ts'

const pieces = [
  'Hostname ',
  'Localdir ',
  'Volume ',
  '1',
  '2',
  '3',
  ':',
  '\n',
  '    StartingPath   ',
  '    EndingPath     ',
].concat(
  ['    Hash SHA1 ', '2d29c68b025b000ac71a93818501a4a567d6bc89', 'Filelist ', '    new      ', '    changed  ', ' '],
  ['    deleted  ', '"a\\x20b"', '"', '\\x', '\\', 'big', '.', '..', '/', '16', '\t', '\v', '\xa0', 'MD5 ', 'volume'],
)

/** Manifests. */
export const manifests: Target = {
  name: 'manifests',
  about: 'manifests, their quoting and their lists of files (parseManifest)',
  maxBytes: 65_536,
  tokens: pieces.map((piece) => Buffer.from(piece, 'latin1')),
  arbitrary: fc
    .array(fc.constantFrom(...pieces), { maxLength: 60 })
    .map((parts) => Buffer.from(parts.join(''), 'latin1')),
  run(input) {
    const whole = sameForAll(input, (chunks) => {
      const decoder = new ManifestDecoder()
      return read(() => {
        for (const chunk of chunks) decoder.push(chunk)
        return decoder.finish()
      })
    })
    const brief = read(() => parseManifest(input, { files: false }))
    if (whole === undefined || brief === undefined) {
      demand(whole === brief, `With its list of files it is ${show(whole)}, without it ${show(brief)}`)
      return refused
    }
    demand(show({ ...whole, files: undefined }) === show(brief), `It is ${show(whole)}, without files ${show(brief)}`)
    demand((whole.files?.length ?? 0) <= input.length, 'More files than bytes')
    for (const [number, volume] of whole.volumes) {
      demand(
        number === volume.number && Number.isSafeInteger(number) && number > 0,
        `Volume ${number} is ${show(volume)}`,
      )
      mayHold(volume, 'some/path' as RawPath)
    }
    if (input.length > 0) requireTooLarge(input)
    // Written anew (where what is written is stricter than what is read, nothing is) it says the same.
    if (!writable(whole)) return accepted
    const again = parseManifest(formatManifest(whole))
    const wanted = { ...whole, fileCount: whole.files?.length }
    demand(show(sorted(again)) === show(sorted(wanted)), `Written anew it is ${show(again)} and not ${show(whole)}`)
    return accepted
  },
}

function read(action: () => Manifest): Manifest | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof FormatError && (error.code === 'corrupt' || error.code === 'too-large')) return undefined
    throw error
  }
}

function requireTooLarge(input: Uint8Array): void {
  try {
    parseManifest(input, { maxBytes: input.length - 1 })
  } catch (error) {
    if (error instanceof FormatError && error.code === 'too-large') return
    throw error
  }
  demand(false, 'One byte over the limit is not too large')
}

function sorted(manifest: Manifest): Manifest {
  const { hostname, localDir, files, fileCount, volumes } = manifest
  return { hostname, localDir, files, fileCount, volumes: new Map([...volumes].sort(([a], [b]) => a - b)) }
}

/** Whether the writer takes all its values: it writes what duplicity writes, and duplicity reads more than that. */
function writable({ volumes, files, hostname, localDir }: Manifest): boolean {
  const isPath = (path: string) => path !== '.' && !path.includes('\n')
  return (
    (hostname === undefined || /^[^"\n]+$/.test(hostname)) &&
    localDir !== '' &&
    (files ?? []).every(({ path }) => isPath(path)) &&
    [...volumes.values()].every(
      ({ start, end, hashes }) =>
        [start, end].every(({ path, block }) => isPath(path) && block !== 0) &&
        hashes.every(({ name, hex }) => /^[A-Za-z0-9-]+$/.test(name) && /^[0-9a-f]+$/.test(hex)),
    )
  )
}
