import type { CompressionOptions, KeyEnvelopeOptions } from '@coalmine/openpgp'
import { CommandError, exitCode } from './exit-codes.ts'

/** What `--gpg-options` says that has a meaning here: the rest is about a gpg that does not encrypt. */
export interface MappedGpgOptions extends Pick<KeyEnvelopeOptions, 'cipher' | 'digest' | 's2kDigest' | 's2kCount'> {
  home?: string
  trustAll?: boolean
  compression?: Pick<CompressionOptions, 'algorithm' | 'level'>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const takers: Readonly<Record<string, (value: string, mapped: Mutable<MappedGpgOptions>) => void>> = {
  'cipher-algo': (value, mapped) => (mapped.cipher = value),
  's2k-cipher-algo': (value, mapped) => (mapped.cipher ??= value),
  'digest-algo': (value, mapped) => (mapped.digest = value),
  's2k-digest-algo': (value, mapped) => (mapped.s2kDigest = value),
  's2k-count': (value, mapped) => (mapped.s2kCount = countFor(value)),
  's2k-mode': (value) => only('s2k-mode', value, ['3']),
  'compress-algo': (value, mapped) => {
    only('compress-algo', value.toLowerCase(), ['zip', 'none', 'uncompressed'])
    mapped.compression = { algorithm: value.toLowerCase() === 'zip' ? 'zip' : 'none' }
  },
  'compress-level': (value, mapped) => {
    only('compress-level', value, '0123456789'.split(''))
    mapped.compression = value === '0' ? { algorithm: 'none' } : { algorithm: 'zip', level: Number(value) }
  },
  homedir: (value, mapped) => (mapped.home = value),
  'trust-model': (value, mapped) => {
    only('trust-model', value, ['always'])
    mapped.trustAll = true
  },
}
const aliases: Readonly<Record<string, string>> = { 'compression-algo': 'compress-algo', z: 'compress-level' }

/**
 * Takes `--gpg-options` apart, at blanks as the real program does.
 *
 * @throws CommandError for an option, or a value, that means nothing here: it is not ignored
 */
export function mapGpgOptions(texts: readonly string[]): MappedGpgOptions {
  const mapped: Mutable<MappedGpgOptions> = {}
  const words = texts.flatMap((text) => text.split(/\s+/)).filter((word) => word !== '')
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const [, long, short, attached] = /^(?:--([a-z0-9-]+)|-(z))(?:=?(.*))?$/.exec(word) ?? []
    const name = long ?? short ?? word
    if (name === 'always-trust') {
      mapped.trustAll = true
      continue
    }
    const take = takers[aliases[name] ?? name]
    if (take === undefined)
      throw refused(
        word,
        "of gpg's options only those for cipher, digest, s2k, compression, homedir and trust have a meaning here",
      )
    const value = attached !== undefined && attached !== '' ? attached : words[++at]
    if (value === undefined) throw refused(word, 'its value is missing')
    take(value, mapped)
  }
  return mapped
}

function only(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw refused(`--${name} ${value}`, `it may be ${allowed.join(', ')}`)
}

function refused(what: string, why: string): CommandError {
  return new CommandError(exitCode.unbuilt, `Cannot take "--gpg-options ${what}": ${why}`)
}

/** The next greater count that OpenPGP has an octet for, as gpg takes it. */
function countFor(value: string): number {
  const wanted = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  for (let octet = 0; octet < 256; octet++) {
    const count = (16 + (octet & 15)) << ((octet >> 4) + 6)
    if (count >= wanted) return count
  }
  throw refused(`--s2k-count ${value}`, 'it may be 1024 to 65011712')
}
