import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import type { ManifestFile } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Journal } from './journal.ts'
import type { JournalVolume } from './journal-line.ts'
import { nodeLocalEffects } from './local-effects.ts'
import { VolumeFiles } from './volume-files.ts'

const file = (path: string, action: ManifestFile['action'] = 'new'): ManifestFile => ({ action, path: path as RawPath })

function filesOf(files: Iterable<ManifestFile>): VolumeFiles {
  const all = new VolumeFiles()
  for (const one of files) all.add(one)
  return all
}

const anyFile = fc.record({
  action: fc.constantFrom('new' as const, 'changed' as const, 'deleted' as const),
  path: fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.filter((byte) => byte > 0)).toString('latin1') as RawPath),
})

describe('VolumeFiles', () => {
  it('gives back any files in their order (judge: the array that they came from)', () => {
    fc.assert(
      fc.property(fc.array(anyFile, { maxLength: 200 }), fc.nat({ max: 300 }), (files, times) => {
        // More than a block, and sometimes exactly one.
        const many =
          times === 0 && files.length > 0 ? Array.from({ length: 8192 }, (_, at) => files[at % files.length]!) : files
        const all = filesOf(many)
        expect([...all]).toEqual(many)
        const again = new VolumeFiles()
        for (const words of all.words()) expect(again.addWords(words)).toBe(true)
        expect([...again]).toEqual(many)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps long names in blocks of their own, and refuses words that are none', () => {
    const long = Array.from({ length: 40 }, (_, at) => file(`${at}/`.padEnd(100_000, 'x')))
    expect([...filesOf(long)]).toEqual(long)
    expect([...filesOf(long).words()].length).toBeGreaterThan(3)
    for (const word of ['', 'x', 'xa', 'na\0b', 'n\u0100', 1, null, {}])
      expect(new VolumeFiles().addWords([word])).toBe(false)
  })
})

describe('a journal with many files in a volume', () => {
  const head = {
    times: { type: 'full', timeSeconds: 1 },
    manifest: 'm',
    conditions: {},
  } as const
  const volumeOf = (number: number, files: readonly ManifestFile[]): JournalVolume => ({
    key: `volume ${number}`,
    bytes: 1,
    volume: {
      number,
      start: { path: 'a' as RawPath },
      end: { path: 'b' as RawPath },
      hashes: [{ name: 'SHA1', hex: 'ff' }],
    },
    signatureBytes: number,
    copyBytes: number,
    files: filesOf(files),
  })
  const shown = (journal: Journal | undefined) => journal?.volumes.map(({ key, files }) => [key, [...files]] as const)

  it('is read again as it was written, and wherever it is cut off only whole volumes are', async () => {
    const folder = await tempDir('journal')
    const path = join(folder, 'journal')
    const sets = [8191, 20_000, 3].map((count, at) =>
      Array.from({ length: count }, (_, one) => file(`folder ${at}/a file of its own ${one}`, 'changed')),
    )
    const journal = Journal.create(folder, head, nodeLocalEffects)
    for (const [at, files] of sets.entries()) journal.add(volumeOf(at + 1, files))
    journal.close()
    const whole = readFileSync(path)
    const lines = whole.toString('latin1').split('\n').slice(0, -1)
    // The head; one, three and one of volumes: blocks of 8192.
    expect(lines.map((line) => line.length > 0 && JSON.parse(line).number)).toEqual([
      undefined,
      1,
      undefined,
      undefined,
      2,
      3,
    ])
    const expected = sets.map((files, at) => [`volume ${at + 1}`, files] as const)
    expect(shown(await Journal.open(folder, nodeLocalEffects))).toEqual(expected)

    let end = 0
    for (const [at, line] of lines.entries()) {
      for (const cut of [end, end + (line.length >> 1), end + line.length]) {
        writeFileSync(path, whole)
        truncateSync(path, cut)
        const count = at === 0 ? 0 : lines.slice(0, at).filter((one) => one.startsWith('{"number"')).length
        const left = await Journal.open(folder, nodeLocalEffects)
        expect(shown(left), `cut at ${cut}`).toEqual(at === 0 ? undefined : expected.slice(0, count))
        if (left === undefined) continue
        // What goes on behind a torn line, or behind files without their volume, is read again too.
        left.keep(count)
        left.add(volumeOf(count + 1, sets[2]!))
        left.close()
        expect(shown(await Journal.open(folder, nodeLocalEffects))).toEqual([
          ...expected.slice(0, count),
          [`volume ${count + 1}`, sets[2]],
        ])
      }
      end += line.length + 1
    }
  })
})
