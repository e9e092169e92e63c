import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { show } from '../lib/feed.ts'
import { jsonBits } from '../lib/json-bits.ts'
import { accepted, demand, refused, type Target } from '../lib/target.ts'

// What runs leave for later ones. Their readers are no part of what packages offer: they are loaded from where they lie.

interface Entry {
  readonly key: string
  readonly size: number
  readonly sha1: string
  readonly digests?: Readonly<Record<string, string>>
}

interface Volume {
  readonly bytes: number
  readonly signatureBytes: number
  readonly files: Iterable<unknown>
}

const from = async (path: string): Promise<unknown> => import(new URL(`../../../../${path}`, import.meta.url).href)
const { parseLedger, formatPut } = (await from('packages/repository/src/lib/ledger-line.ts')) as {
  parseLedger: (bytes: Uint8Array) => { entries: Map<string, Entry>; torn: number; lines: number; endsTorn: boolean }
  formatPut: (entry: Entry) => string
}
const { parseHead, parseVolume, formatHead, formatVolume } = (await from(
  'packages/repository/src/lib/journal-line.ts',
)) as {
  parseHead: (line: string) => object | undefined
  parseVolume: (line: string, number: number) => Volume | undefined
  formatHead: (head: object) => string
  formatVolume: (volume: Volume) => Iterable<string>
}
const { readMark } = (await from('apps/cli/src/lib/restore-marker.ts')) as {
  readMark: (target: Buffer) => { url: string; setSeconds: number; path: string } | undefined
}

const bits = jsonBits.concat(
  ['\n', '\\u0000', '7', '1e999', '0.5'],
  ['"put"', '"gone"', '"size"', '"sha1"', '"digests"', '"a"', '"__proto__"', '\xff', 'é'],
  ['"journal":1', '"times"', '"type"', '"full"', '"inc"', '"timeSeconds"', '"startSeconds"', '"endSeconds"'],
  ['"manifest"', '"conditions":{}', '"probe"', '"number":1', '"start"', '"end"', '"path"', '"block"', '"key"'],
  ['"bytes"', '"signatureBytes"', '"copyBytes"', '"files"', '"nx"', '"mark"', '"url"', '"setSeconds"', '"pathBase64"'],
)
const arbitrary = fc.array(fc.constantFrom(...bits), { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')))
const tokens = bits

/** What this machine knows of the storage. */
export const ledgers: Target = {
  name: 'ledgers',
  about: 'the ledger of objects in the archive dir (parseLedger)',
  maxBytes: 8192,
  tokens,
  arbitrary,
  run(input) {
    const { entries, torn, lines, endsTorn } = parseLedger(input)
    const plain = plainly(Buffer.from(input))
    demand(
      isDeepStrictEqual([...entries.values()], plain.entries) && torn === plain.torn && lines === plain.lines,
      `It is ${show([...entries.values()])} (${torn} of ${lines}), read plainly ${show(plain)}`,
    )
    demand(endsTorn === (input.length > 0 && input.at(-1) !== 10), 'Where it ends is wrong')
    const written = [...entries.values()].map((entry) => `${formatPut(entry)}\n`).join('')
    const again = parseLedger(Buffer.from(written))
    demand(isDeepStrictEqual(again.entries, entries), `Written anew it is ${show(again)} and not ${show(entries)}`)
    return entries.size > 0 ? accepted : refused
  },
}

/** The same, in a few lines. */
function plainly(bytes: Buffer): { entries: Entry[]; torn: number; lines: number } {
  const entries = new Map<string, Entry>()
  const lines = bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
  let torn = 0
  for (const line of lines) {
    const value = parsed(Buffer.from(line, 'latin1').toString())
    if (typeof value['gone'] === 'string') entries.delete(value['gone'])
    else if (
      typeof value['put'] === 'string' &&
      Number.isSafeInteger(value['size']) &&
      typeof value['sha1'] === 'string'
    ) {
      const { put: key, size, sha1, digests } = value as { put: string; size: number; sha1: string; digests?: unknown }
      const isGood = typeof digests === 'object' && digests !== null
      const areTexts = isGood && Object.values(digests).every((one) => typeof one === 'string')
      // A map keeps the place of what is put again.
      entries.set(key, { key, size, sha1, ...(areTexts ? { digests: digests as Record<string, string> } : {}) })
    } else torn += 1
  }
  return { entries: [...entries.values()], torn, lines: lines.length }
}

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    // Torn.
    return {}
  }
}

/** What an interrupted backup left. */
export const journals: Target = {
  name: 'journals',
  about: 'lines of the journal of an unfinished set (parseHead, parseVolume)',
  maxBytes: 8192,
  tokens,
  arbitrary,
  run(input) {
    let found = 0
    for (const [at, line] of Buffer.from(input).toString('utf8').split('\n').entries()) {
      const head = parseHead(line)
      if (head !== undefined) {
        found += 1
        const again = parseHead(formatHead(head).trimEnd())
        demand(isDeepStrictEqual(again, head), `Written anew it is ${show(again)} and not ${show(head)}`)
      }
      for (const number of [1, at]) {
        const volume = parseVolume(line, number)
        if (volume === undefined) continue
        found += 1
        for (const count of [volume.bytes, volume.signatureBytes]) {
          demand(Number.isSafeInteger(count) && count >= 0, `${count} is no number of bytes`)
        }
        // Lines with files alone come before it only when they are many.
        const lines = [...formatVolume(volume)]
        const again = lines.length === 1 ? parseVolume(lines[0]!.trimEnd(), number) : undefined
        const plain = (one: Volume | undefined) => one && { ...one, files: [...one.files] }
        demand(
          isDeepStrictEqual(plain(again), plain(volume)),
          `Written anew it is ${show(again)} and not ${show(volume)}`,
        )
      }
    }
    return found > 0 ? accepted : refused
  },
}

let folder = ''

/** What a restore left that is not finished. */
export const restoreMarks: Target = {
  name: 'restore-marks',
  about: 'the mark of an unfinished restore in its target (readMark)',
  maxBytes: 70_000,
  tokens,
  arbitrary,
  memory: { base: 24_000_000, perByte: 200 },
  run(input) {
    folder ||= mkdtempSync(join(tmpdir(), 'coalmine-fuzz-mark-'))
    writeFileSync(join(folder, '.coalmine-restore'), input)
    const mark = readMark(Buffer.from(folder))
    const value = input.length > 65_536 ? {} : parsed(Buffer.from(input).toString('utf8'))
    const { url, setSeconds, path, pathBase64 } = value
    const isTime =
      Number.isSafeInteger(setSeconds) && (setSeconds as number) >= 0 && (setSeconds as number) < 253_402_300_800
    if (mark === undefined) {
      demand(!(typeof url === 'string' && isTime && typeof path === 'string'), `${show(value)} is a mark`)
      return refused
    }
    const bytes = typeof pathBase64 === 'string' ? Buffer.from(pathBase64, 'base64') : Buffer.from(path as string)
    const plain = { url, setSeconds, path: bytes.toString('latin1') }
    demand(isTime && isDeepStrictEqual({ ...mark }, plain), `It is ${show(mark)}, read plainly ${show(plain)}`)
    return accepted
  },
}
