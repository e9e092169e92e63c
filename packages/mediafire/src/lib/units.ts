import { FieldError, type Fields } from './fields.ts'

const mib = 1_048_576

/** The size of the units in which a file travels (facts: 4.7). The service's own word counts; this is a good guess. */
export function unitSizeFor(size: number): number {
  if (size < 4 * mib) return 4 * mib
  let unit = mib
  for (let from = 16 * mib; from <= size && unit < 64 * mib; from *= 4) unit *= 2
  return unit
}

/** How far an upload in units is. */
export interface Resumable {
  readonly allUnitsReady: boolean
  readonly unitSize: number
  readonly unitCount: number
  /** Numbers of the units that the service does not have, ascending. */
  readonly missing: readonly number[]
  /** What to ask about, once there is one. */
  readonly uploadKey?: string
}

// More than 800 units would be a file of more than 50 GiB.
const mostUnits = 1_000_000

/** @throws FieldError when it contradicts itself. */
export function readResumable(fields: Fields, size: number): Resumable {
  const unitSize = fields.requiredCount('unit_size')
  const unitCount = fields.requiredCount('number_of_units')
  const needed = Math.ceil(size / unitSize)
  if (unitSize < 1 || unitCount > mostUnits || (unitCount !== needed && !(size === 0 && unitCount === 1))) {
    throw new FieldError(`resumable_upload has ${unitCount} units of ${unitSize} bytes for a file of ${size}`)
  }
  const allUnitsReady = fields.flag('all_units_ready') ?? false
  const words = fields.fields('bitmap').texts('words')
  return {
    allUnitsReady,
    unitSize,
    unitCount,
    missing: allUnitsReady ? [] : missingUnits(words, unitCount),
    uploadKey: fields.someText('upload_key', 'uploadkey'),
  }
}

/**
 * The units whose bit is not set. Words have 16 bits; the lowest bit of the first one is unit 0 (facts: 4.8). What the
 * words do not reach counts as missing: sending a unit twice does no harm.
 *
 * @throws FieldError when a word is none.
 */
export function missingUnits(words: readonly string[], unitCount: number): number[] {
  const values = words.slice(0, Math.ceil(unitCount / 16)).map((word) => {
    const value = /^\d{1,5}$/.test(word) ? Number(word) : Number.NaN
    if (!(value <= 0xffff)) throw new FieldError('resumable_upload.bitmap.words has what is no word of 16 bits')
    return value
  })
  const missing: number[] = []
  for (let unit = 0; unit < unitCount; unit++) {
    if ((((values[unit >> 4] ?? 0) >> (unit & 15)) & 1) === 0) missing.push(unit)
  }
  return missing
}
