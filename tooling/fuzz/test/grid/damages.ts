import { createRandom } from '@coalmine/fixtures'

/** One way to spoil a storage. */
export interface Damage {
  readonly kind: DamageKind
  /** For messages: where. */
  readonly place: string
  /** The objects that change; `undefined` for one that is gone. */
  readonly objects: ReadonlyMap<string, Buffer | undefined>
}

export const damageKinds = [
  'cut',
  'bit',
  'byte',
  'zeroed',
  'doubled',
  'left out',
  'appended',
  'gone',
  'swapped',
] as const
export type DamageKind = (typeof damageKinds)[number]

/** Cuts and changed bytes of an object: at most about `most` of each, at every place when it is short. */
export function* damagesOf(key: string, bytes: Buffer, most: number): Generator<Damage> {
  const random = createRandom(`damage ${key.replaceAll(/\d{8}T\d{6}Z/g, 'T')} ${bytes.length}`)
  const one = (kind: DamageKind, place: string, changed: Buffer | undefined): Damage => {
    return { kind, place: `${kind} ${place}`, objects: new Map([[key, changed]]) }
  }
  for (const length of lengthsOf(bytes, most)) yield one('cut', `to ${length}`, bytes.subarray(0, length))
  for (const at of placesOf(bytes.length, most)) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 << ((at * 7 + (at >> 3)) & 7)
    yield one('bit', `at ${at}`, changed)
  }
  for (const at of placesOf(bytes.length, most / 2)) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at]! + random.integer(1, 255)) & 255
    yield one('byte', `at ${at}`, changed)
  }
  for (let count = 0; bytes.length > 0 && count < most / 10; count++) {
    const start = random.integer(0, bytes.length - 1)
    const end = Math.min(bytes.length, start + random.pick([1, 2, 16, 100, 512, 1024]))
    const piece = bytes.subarray(start, end)
    const [before, after] = [bytes.subarray(0, start), bytes.subarray(end)]
    const zeros = Buffer.concat([before, Buffer.alloc(end - start), after])
    if (!zeros.equals(bytes)) yield one('zeroed', `${start} to ${end}`, zeros)
    yield one('doubled', `${start} to ${end}`, Buffer.concat([before, piece, piece, after]))
    yield one('left out', `${start} to ${end}`, Buffer.concat([before, after]))
  }
  for (const more of [
    Buffer.of(0),
    Buffer.of(0xff),
    Buffer.from('\n'),
    Buffer.alloc(512),
    Buffer.alloc(10_240),
    bytes,
  ]) {
    yield one('appended', `${more.length} bytes of ${more[0]}`, Buffer.concat([bytes, more]))
  }
  yield one('gone', '', undefined)
}

/** Every object with the content of every other one. */
export function* swaps(objects: ReadonlyMap<string, Buffer>): Generator<Damage> {
  for (const [one, bytes] of objects) {
    for (const [other, content] of objects) {
      if (one >= other || bytes.equals(content)) continue
      const changed = new Map([
        [one, content],
        [other, bytes],
      ])
      yield { kind: 'swapped', place: `${one} and ${other}`, objects: changed }
    }
  }
}

/** All lengths of what is short; else those near both ends, near edges of blocks and packets, and some between. */
function lengthsOf(bytes: Buffer, most: number): number[] {
  const length = bytes.length
  if (length <= most) return Array.from({ length }, (_, at) => at)
  const edges = [512, 1024, 4096, 8192, 10_240, 65_536].flatMap((size) =>
    Array.from({ length: Math.min(20, Math.ceil(length / size)) }, (_, at) => at * size),
  )
  const near = [...edges, ...linesOf(bytes), 0, length].flatMap((edge) => [-2, -1, 0, 1, 2].map((more) => edge + more))
  const all = new Set([...near, ...placesOf(length, most), ...Array.from({ length: 64 }, (_, at) => at)])
  return [...all].filter((one) => one >= 0 && one < length)
}

/** Where lines end, in a manifest. */
function linesOf(bytes: Buffer): number[] {
  const ends: number[] = []
  if (!bytes.subarray(0, 8).equals(Buffer.from('Hostname'))) return ends
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) ends.push(at + 1)
  return ends
}

function placesOf(length: number, most: number): number[] {
  if (length === 0) return []
  const stride = Math.max(1, length / Math.max(1, most))
  const places = Array.from({ length: Math.min(length, Math.floor(most)) }, (_, at) => Math.floor(at * stride))
  return [...new Set([...places, 0, 1, 2, 3, length - 2, length - 1])].filter((at) => at >= 0 && at < length)
}
