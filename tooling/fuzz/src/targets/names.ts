import { formatName, type NameOptions, parseName } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { show } from '../lib/feed.ts'
import { accepted, demand, refused, type Target } from '../lib/target.ts'

const variants: readonly NameOptions[] = [
  {},
  { timeSeparator: '_' },
  { prefixes: { file: 'pre-' } },
  { prefixes: { archive: 'a', manifest: 'm', signature: 's', jsonstat: 'j' } },
]

const pieces = ['duplicity-full', 'duplicity-inc', 'duplicity-full-signatures', 'duplicity-new-signatures'].concat(
  ['df', 'di', 'dfs', 'dns', 'dfst', 'dist', '.', '.to.', '.vol', '1', '0', '.difftar', '.manifest', '.sigtar'],
  ['.part', '.jsonstat', '.dt', '.m', '.st', '.p', '.gpg', '.gz', '.g', '.z', '.par2', '20231114T221320Z', 'tox8jw'],
  ['2023-11-14T22:13:20Z', '2023-11-14T22_13_20+01_00', '\n', 'pre-', '19700101T000000Z'],
)

/** Names of stored objects. One byte chooses the options, the rest is the name. */
export const names: Target = {
  name: 'names',
  about: 'names of stored objects (parseName)',
  maxBytes: 5000,
  tokens: pieces,
  arbitrary: fc
    .tuple(fc.nat(3), fc.array(fc.constantFrom(...pieces), { maxLength: 9 }))
    .map(([variant, parts]) => Buffer.concat([Buffer.of(variant), Buffer.from(parts.join(''))])),
  run(input) {
    const options = variants[(input[0] ?? 0) % variants.length]!
    const name = Buffer.from(input.subarray(1)).toString('latin1')
    const parsed = parseName(name, options)
    if (parsed === undefined) return refused
    const { object, set, volume, partial, encrypted, compressed } = parsed
    demand((object === 'volume') === (volume !== undefined), `${show(parsed)}: a number where none belongs, or none`)
    demand(volume === undefined || (Number.isSafeInteger(volume) && volume > 0), `${show(parsed)}: no count`)
    demand(!(object === 'volume' && partial), `${show(parsed)}: a partial volume`)
    const times = set.type === 'full' ? [set.timeSeconds] : [set.startSeconds, set.endSeconds]
    const farthest = 4_102_444_800 + 100 * 3600
    demand(
      times.every((time) => Number.isSafeInteger(time) && time !== 0 && Math.abs(time) < farthest),
      `${show(parsed)}: no times`,
    )
    if (times.some((time) => time <= 0 || time >= 4_102_444_800)) return accepted
    // The name that is written for the same object says the same.
    const suffix = partial ? '' : encrypted ? '.gpg' : compressed ? '.gz' : ''
    const written = formatName({ object, set, volume, partial, suffix }, options)
    const again = parseName(written, options)
    const wanted = { ...parsed, encrypted: suffix === '.gpg', compressed: suffix === '.gz' }
    demand(show(again) === show(wanted), `"${written}" is ${show(again)} and not ${show(wanted)}`)
    return accepted
  },
}
