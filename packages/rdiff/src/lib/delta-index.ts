import type { Signature } from './signature-decoder.ts'
import { signatureKinds } from './signature-format.ts'

const bigEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 0
// Where a pair of 64 bits, as a number, has its lower and its upper half.
const low = bigEndian ? 1 : 0
const high = bigEndian ? 0 : 1

// Odd, so that no two sums become one; the upper bits then depend on all bits of the sum.
const mix = 0x9e3779b1
const otherMix = 0x85ebca6b
const mostFilterBits = 24

/**
 * The blocks of a signature, to be looked up by their sums. Built once; any number of encoders may use it.
 *
 * Beside the signature itself it holds at most 20 bytes for each block, or 44 of less than 16,384 blocks; and 8 more for
 * a moment while it is built.
 * A look-up compares some twenty times however the sums were chosen: equal weak sums, by the million, cost nothing, since
 * blocks are found by both sums at once.
 *
 * @throws RangeError when the signature contradicts itself.
 */
export class DeltaIndex {
  readonly signature: Signature
  /** Blocks of the basis, the last one perhaps short. */
  readonly blocks: number
  /** Bytes held beside the signature. */
  readonly memoryBytes: number
  /** Words, a power of two of them, with two times two bits for each weak sum; see {@link mayHold}. */
  readonly filter: Uint32Array
  /** Comparisons of sums so far: what look-ups cost. */
  comparisons = 0
  /** The number of each block beside its mixed weak sum, ordered by that, then by strong sum, then by number. */
  readonly #pairs: Uint32Array
  /** Where in the pairs the mixed sums with these upper bits begin. */
  readonly #directory: Uint32Array
  readonly #directoryShift: number

  constructor(signature: Signature) {
    checkSignature(signature)
    const { weak } = signature
    this.signature = signature
    this.blocks = weak.length
    this.#pairs = sortedPairs(signature)
    const bits = Math.max(1, 32 - Math.clz32(this.blocks))
    // Four words for each block where they fit into the processor's cache, else one.
    this.filter = filterOf(weak, Math.min(mostFilterBits, bits + 2, Math.max(15, bits)))
    this.#directoryShift = 32 - Math.max(1, bits - 1)
    this.#directory = directoryOf(this.#pairs, this.#directoryShift)
    this.memoryBytes = this.#pairs.byteLength + this.#directory.byteLength + this.filter.byteLength
  }

  /** Whether any block has this weak sum. */
  has(weak: number): boolean {
    const mixed = Math.imul(weak, mix) >>> 0
    const at = this.#search(mixed, undefined, 0)
    return at < this.blocks && this.#pairs[2 * at + high] === mixed
  }

  /** The first block with this weak sum and the strong one at `at`; -1 if there is none. */
  find(weak: number, strong: Uint8Array, at: number): number {
    const mixed = Math.imul(weak, mix) >>> 0
    const found = this.#search(mixed, strong, at)
    if (found === this.blocks || this.#pairs[2 * found + high] !== mixed) return -1
    const block = this.#pairs[2 * found + low]!
    return this.#compareStrong(block, strong, at) === 0 ? block : -1
  }

  /** Whether that block has these sums. */
  matches(block: number, weak: number, strong: Uint8Array, at: number): boolean {
    if (this.signature.weak[block] !== weak) return false
    return this.#compareStrong(block, strong, at) === 0
  }

  /** The first place in the pairs that is not below these sums; without a strong one, not below the weak one. */
  #search(mixed: number, strong: Uint8Array | undefined, at: number): number {
    const pairs = this.#pairs
    const bucket = mixed >>> this.#directoryShift
    let start = this.#directory[bucket]!
    let end = this.#directory[bucket + 1]!
    while (start < end) {
      const middle = (start + end) >>> 1
      const other = pairs[2 * middle + high]!
      this.comparisons += 1
      const below =
        other < mixed ||
        (other === mixed && strong !== undefined && this.#compareStrong(pairs[2 * middle + low]!, strong, at) < 0)
      if (below) start = middle + 1
      else end = middle
    }
    return start
  }

  #compareStrong(block: number, strong: Uint8Array, at: number): number {
    const all = this.signature.strong
    const { strongBytes } = this.signature
    const from = block * strongBytes
    for (let i = 0; i < strongBytes; i++) {
      const difference = all[from + i]! - strong[at + i]!
      if (difference !== 0) return difference
    }
    return 0
  }
}

function checkSignature({ kind, hash, weak, strong, strongBytes, blockBytes }: Signature): void {
  const known = signatureKinds.find((one) => one.kind === kind && one.hash === hash)
  const whole = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most
  const fits = whole(blockBytes, 2 ** 32 - 1) && whole(strongBytes, known?.maxStrongBytes ?? 0)
  if (!fits || strong.length !== weak.length * strongBytes) {
    const facts = `${weak.length} blocks of ${blockBytes} bytes, ${strong.length} bytes of ${hash} sums of ${strongBytes} each`
    throw new RangeError(`Cannot make a delta against a signature of ${facts}: that cannot be`)
  }
}

/** Whether the filter lets the sum pass: if not, no block has it. If it does, one in thousands of others does, too. */
export function mayHold(filter: Uint32Array, weak: number): boolean {
  return hasMask(filter, mixed(weak, mix)) && hasMask(filter, mixed(weak, otherMix))
}

function hasMask(filter: Uint32Array, value: number): boolean {
  const mask = maskOf(value)
  return (filter[(value >>> 8) & (filter.length - 1)]! & mask) === mask
}

function filterOf(weak: Uint32Array, bits: number): Uint32Array {
  const filter = new Uint32Array(2 ** bits)
  for (const sum of weak) {
    for (const by of [mix, otherMix]) {
      const value = mixed(sum, by)
      filter[(value >>> 8) & (filter.length - 1)]! |= maskOf(value)
    }
  }
  return filter
}

function mixed(sum: number, by: number): number {
  const product = Math.imul(sum, by)
  return product ^ (product >>> 16)
}

/** Two bits of 32, as the lowest eight of a mixed sum say it. */
function maskOf(value: number): number {
  return (1 << (value & 31)) | (1 << ((value >>> 3) & 31))
}

function sortedPairs({ weak, strong, strongBytes }: Signature): Uint32Array {
  const pairs = new BigUint64Array(weak.length)
  const halves = new Uint32Array(pairs.buffer)
  for (let block = 0; block < weak.length; block++) {
    halves[2 * block + low] = block
    halves[2 * block + high] = Math.imul(weak[block]!, mix)
  }
  // Without a function to compare it is the engine's own sort of numbers: never quadratic, and no BigInt is made.
  pairs.sort()
  eachTie(
    0,
    weak.length,
    (i) => halves[2 * i + high]!,
    (start, end) => sortTie(halves, start, end, strong, strongBytes, 0),
  )
  return halves
}

/** Sorts pairs of one weak sum by the strong ones, four bytes of them at a time, and then by number. */
function sortTie(
  pairs: Uint32Array,
  start: number,
  end: number,
  strong: Uint8Array,
  strongBytes: number,
  offset: number,
): void {
  const keyOf = (i: number) => strongWord(strong, pairs[2 * i + low]! * strongBytes, offset, strongBytes)
  sortByKey(pairs, start, end, keyOf)
  if (offset + 4 >= strongBytes) return
  eachTie(start, end, keyOf, (from, to) => sortTie(pairs, from, to, strong, strongBytes, offset + 4))
}

function sortByKey(pairs: Uint32Array, start: number, end: number, keyOf: (i: number) => number): void {
  const keys = new BigUint64Array(end - start)
  const halves = new Uint32Array(keys.buffer)
  for (let i = start; i < end; i++) {
    halves[2 * (i - start) + low] = pairs[2 * i + low]!
    halves[2 * (i - start) + high] = keyOf(i)
  }
  keys.sort()
  for (let i = start; i < end; i++) pairs[2 * i + low] = halves[2 * (i - start) + low]!
}

/** Four bytes of the strong sum at `at`, from `offset`, as a number; what is behind its end is 0. */
function strongWord(strong: Uint8Array, at: number, offset: number, strongBytes: number): number {
  let word = 0
  for (let i = offset; i < offset + 4; i++) word = (word << 8) | (i < strongBytes ? strong[at + i]! : 0)
  return word >>> 0
}

/** Calls for each run of two or more equal keys. */
function eachTie(start: number, end: number, keyOf: (i: number) => number, tie: (from: number, to: number) => void) {
  for (let from = start; from < end;) {
    const key = keyOf(from)
    let to = from + 1
    while (to < end && keyOf(to) === key) to += 1
    if (to - from > 1) tie(from, to)
    from = to
  }
}

function directoryOf(pairs: Uint32Array, shift: number): Uint32Array {
  const directory = new Uint32Array(2 ** (32 - shift) + 1)
  const blocks = pairs.length / 2
  let next = 0
  for (let at = 0; at < blocks; at++) {
    const bucket = pairs[2 * at + high]! >>> shift
    while (next <= bucket) directory[next++] = at
  }
  directory.fill(blocks, next)
  return directory
}
