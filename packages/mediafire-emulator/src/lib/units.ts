const MiB = 2 ** 20

/** The size of the units that a file of some size is uploaded in: a fixed function, that clients compute as well. */
export function unitSizeOf(size: number): number {
  if (size < 4 * MiB) return 4 * MiB
  let step = 1
  while (step < 7 && size >= 4 * MiB * 4 ** step) step++
  return MiB * 2 ** (step - 1)
}

/** How many units there are; one for nothing. */
export function unitCount(size: number, unitSize: number): number {
  return Math.max(1, Math.ceil(size / unitSize))
}

/** The bytes of a unit; the last one may be shorter. */
export function unitBytes(size: number, unitSize: number, unit: number): number {
  return Math.min(unitSize, size - unit * unitSize)
}

/** No unit yet: 16 units in a word, the lowest bit first. */
export function emptyWords(units: number): number[] {
  return Array.from({ length: Math.ceil(units / 16) }, () => 0)
}

export function hasUnit(words: readonly number[], unit: number): boolean {
  return (((words[unit >> 4] ?? 0) >> (unit & 15)) & 1) === 1
}

export function withUnit(words: readonly number[], unit: number): number[] {
  return words.map((word, index) => (index === unit >> 4 ? word | (1 << (unit & 15)) : word))
}

export function hasAllUnits(words: readonly number[], units: number): boolean {
  for (let unit = 0; unit < units; unit++) if (!hasUnit(words, unit)) return false
  return true
}

/** The bytes from the beginning up to the first unit that is not there. */
export function leadingBytes(words: readonly number[], size: number, unitSize: number): number {
  let unit = 0
  while (unit * unitSize < size && hasUnit(words, unit)) unit++
  return Math.min(unit * unitSize, size)
}
