import type { Chain } from './chain.ts'
import { objectKind } from './reading.ts'

/** Ways in which an object, or two, may come to harm. */
export const harms = ['flipped', 'truncated', 'missing', 'swapped', 'duplicated', 'rolled back', 'emptied'] as const
export type Harm = (typeof harms)[number]

export interface Case {
  readonly harm: Harm
  readonly key: string
  /** Where. */
  readonly place: string
  readonly kind: 'volume' | 'signatures' | 'manifest'
  readonly set: 0 | 1 | 2
  /** What the storage holds then. */
  readonly objects: ReadonlyMap<string, Buffer>
}

/** Everything that happens to every object of a chain, a few places each. */
export function* casesOf(chain: Chain, places: number): Generator<Case> {
  const { objects, older } = chain
  for (const [key, bytes] of objects) {
    const kind = objectKind(key)
    const set = setOf(key)
    const one = (harm: Harm, place: string, changes: readonly (readonly [string, Buffer | undefined])[]): Case => {
      const harmed = new Map(objects)
      for (const [name, content] of changes) {
        if (content === undefined) harmed.delete(name)
        else harmed.set(name, content)
      }
      return { harm, key, place: `${key} ${place}`, kind, set, objects: harmed }
    }
    for (let at = 0; at < places; at++) {
      const offset = Math.min(bytes.length - 1, Math.floor(((at + 0.5) / places) * bytes.length))
      const flipped = Buffer.from(bytes)
      flipped[offset]! ^= 1 << (at % 8)
      yield one('flipped', `at ${offset}`, [[key, flipped]])
      yield one('truncated', `to ${offset}`, [[key, bytes.subarray(0, offset)]])
    }
    yield one('truncated', 'by a byte', [[key, bytes.subarray(0, -1)]])
    yield one('missing', '', [[key, undefined]])
    yield one('emptied', '', [[key, Buffer.alloc(0)]])
    yield one('duplicated', 'behind itself', [[key, Buffer.concat([bytes, bytes])]])
    for (const [name, place] of copiesOf(key)) yield one('duplicated', place, [[name, bytes]])
    const before = older.get(key) ?? Buffer.from('nothing of that name')
    if (!before.equals(bytes)) yield one('rolled back', '', [[key, before]])
    for (const other of partnersOf(key, objects)) {
      yield one('swapped', `and ${other}`, [
        [key, objects.get(other)!],
        [other, bytes],
      ])
    }
  }
}

/** The set of an object, by the time at which it ends. */
function setOf(key: string): 0 | 1 | 2 {
  return key.includes('to.20231114T223000Z') ? 1 : key.includes('to.20231114T224640Z') ? 2 : 0
}

/** Other names under which a copy may lie. */
function copiesOf(key: string): [string, string][] {
  if (key.includes('.vol')) return [[key.replace(/\.vol\d+\./, '.vol99.'), 'as volume 99']]
  const isSealed = key.endsWith('.gpg')
  return [[isSealed ? key.slice(0, -4) : `${key}.gpg`, 'under the name of another form']]
}

/** Objects of the same kind: the next one of its set, and one of another set. */
function partnersOf(key: string, objects: ReadonlyMap<string, Buffer>): string[] {
  const alike = [...objects.keys()].filter((other) => other !== key && objectKind(other) === objectKind(key))
  const beside = alike.find((other) => setOf(other) === setOf(key) && other > key)
  const elsewhere = alike.find((other) => setOf(other) !== setOf(key))
  return [beside, elsewhere].filter((other) => other !== undefined)
}
