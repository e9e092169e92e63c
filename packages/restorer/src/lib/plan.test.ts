import { comparePaths, type RawPath, rawFromText } from '@coalmine/bytes'
import type { Manifest, ManifestVolume } from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { missingNumber, volumesFor } from './plan.ts'

const raw = (path: string) => path as RawPath

/** A manifest of volumes given by the paths that each holds. */
function manifestOf(volumes: readonly (readonly string[])[]): Manifest {
  const all = volumes.map((paths, index): [number, ManifestVolume] => {
    const place = (path: string | undefined) => ({ path: raw(path!) })
    const number = index + 1
    return [number, { number, start: place(paths[0]), end: place(paths.at(-1)), hashes: [] }]
  })
  return { volumes: new Map(all) }
}

// Judge: the real program's rule, in its own terms: with paths as lists of byte strings, a volume may hold what is below
// a prefix when start[:len(prefix)] <= prefix <= end, lists being compared as Python compares them.
type Index = readonly string[]
const indexOf = (path: string): Index => (path === '' ? [] : path.split('/'))

function compareLists(a: Index, b: Index): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at]! !== b[at]!) return a[at]! < b[at]! ? -1 : 1
  }
  return a.length - b.length
}

function asTheRealProgram(manifest: Manifest, path: string): number[] {
  const prefix = indexOf(path)
  return [...manifest.volumes.values()]
    .filter(({ start, end }) => {
      const head = indexOf(start.path).slice(0, prefix.length)
      // To it the end of a volume is a prefix too: what is below it is not beyond it.
      return compareLists(head, prefix) <= 0 && compareLists(prefix, indexOf(end.path)) <= 0
    })
    .map(({ number }) => number)
}

// Components around the slash, which is no byte like the others, and at the ends of the range of bytes.
const component = fc.constantFrom('a', 'a b', 'a.b', 'a-', 'a0', 'b', '.x', ' ', '\x01', '\xff', 'aa', '0')
const anyPath = fc.array(component, { maxLength: 4 }).map((parts) => parts.join('/'))

describe('volumesFor()', () => {
  it('finds every volume that holds something at or below the path, and those that the real program would', () => {
    fc.assert(
      fc.property(
        fc.array(anyPath, { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(40), { maxLength: 8 }),
        anyPath,
        (paths, cuts, path) => {
          const entries = [...new Set(['', ...paths])].sort((a, b) => comparePaths(raw(a), raw(b)))
          const ends = [...new Set([...cuts.map((cut) => cut % entries.length), entries.length])].sort((a, b) => a - b)
          let from = 0
          const volumes: string[][] = []
          for (const end of ends) {
            if (end > from) volumes.push(entries.slice(from, end))
            from = Math.max(from, end)
          }
          const manifest = manifestOf(volumes)
          const found = volumesFor(manifest, raw(path))
          const holding = volumes.flatMap((held, index) =>
            held.some((entry) => path === '' || entry === path || entry.startsWith(`${path}/`)) ? [index + 1] : [],
          )
          expect(found).toEqual(expect.arrayContaining(holding))
          expect(found).toEqual(asTheRealProgram(manifest, path))
          // What is there lies in one run of volumes; at most the one in front of it is read in vain.
          if (holding.length > 0) expect(found.length).toBeLessThanOrEqual(holding.length + 1)
          else expect(found.length).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('finds all volumes of a file that goes through several, and their neighbours when they share one', () => {
    const manifest = manifestOf([
      ['', 'a', 'big'],
      ['big', 'big'],
      ['big', 'c'],
      ['d', 'e'],
    ])
    expect(volumesFor(manifest, raw('big'))).toEqual([1, 2, 3])
    expect(volumesFor(manifest, raw('c'))).toEqual([3])
    expect(volumesFor(manifest, raw('a'))).toEqual([1])
    expect(volumesFor(manifest, raw('d'))).toEqual([4])
    expect(volumesFor(manifest, raw(''))).toEqual([1, 2, 3, 4])
    expect(volumesFor(manifest, raw('z'))).toEqual([])
  })

  it('gives them in their order, whatever that of the manifest is', () => {
    const volumes = [...manifestOf([[''], ['a'], ['b']]).volumes].toReversed()
    expect(volumesFor({ volumes: new Map(volumes) }, raw(''))).toEqual([1, 2, 3])
    expect(volumesFor({ volumes: new Map() }, raw(''))).toEqual([])
  })

  it('takes names for bytes, not for text', () => {
    // U+FF5E sorts before U+1F600 as UTF-16 does not: by bytes it is EF BD 9E and F0 9F 98 80.
    const manifest = manifestOf([
      ['', rawFromText('～')],
      [rawFromText('😀'), rawFromText('😀/a')],
    ])
    expect(volumesFor(manifest, rawFromText('～'))).toEqual([1])
    expect(volumesFor(manifest, rawFromText('😀/a'))).toEqual([2])
  })
})

describe('missingNumber()', () => {
  it('names the first volume that a manifest leaves out', () => {
    const of = (...numbers: number[]): Manifest => {
      const [one] = manifestOf([['']]).volumes.values()
      return { volumes: new Map(numbers.map((number) => [number, { ...one!, number }])) }
    }
    expect(missingNumber(of())).toBeUndefined()
    expect(missingNumber(of(1, 2, 3))).toBeUndefined()
    expect(missingNumber(of(3, 1, 2))).toBeUndefined()
    expect(missingNumber(of(2))).toBe(1)
    expect(missingNumber(of(1, 3))).toBe(2)
    expect(missingNumber(of(1, 2, 4_000_000_000))).toBe(3)
  })
})
