import { parseCentralTime, parseUtcTime } from './times.ts'

/** What a JSON answer is made of once numbers are kept as the text that they were. */
export type Json = string | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** A field that is not what it must be. The call engine makes a `malformed` error of it. */
export class FieldError extends Error {
  override readonly name = 'FieldError'
}

// Strings are matched so that digits within them are left alone. The end of the text ends an open string: otherwise a
// cut answer full of escaped quotes would be searched again from each of them.
const stringOrNumber = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|-?\d[\d.eE+-]*/g

/**
 * JSON with every number as text, digit by digit: neither a key of digits, nor a time with zeros at its end, nor an
 * integer above 2^53 loses anything.
 *
 * @throws SyntaxError whose message may hold parts of the text: not for logs.
 */
export function parseJson(text: string): Json {
  return JSON.parse(text.replace(stringOrNumber, (token) => (token.startsWith('"') ? token : `"${token}"`))) as Json
}

/**
 * One object of an answer, read field by field. Each method takes several names for the same thing and uses the first
 * that is there; `""` and `null` count as absent, but for `text()`.
 *
 * Methods throw FieldError when a field is there and of the wrong kind.
 */
export class Fields {
  readonly #record: { readonly [name: string]: Json }
  readonly #where: string

  constructor(record: { readonly [name: string]: Json }, where = '') {
    this.#record = record
    this.#where = where
  }

  /** @throws FieldError unless it is an object, or the `""` and `[]` that PHP makes of an empty one. */
  static of(value: Json | undefined, where: string): Fields {
    if (value === undefined || value === null || value === '') return new Fields({}, where)
    if (typeof value === 'object' && !isList(value)) return new Fields(value, where)
    if (isList(value) && value.length === 0) return new Fields({}, where)
    throw new FieldError(`${where} is not an object`)
  }

  /** The field as it came, for what has no method of its own. */
  raw(name: string): Json | undefined {
    return Object.hasOwn(this.#record, name) ? this.#record[name] : undefined
  }

  /** Names of all fields. */
  get names(): string[] {
    return Object.keys(this.#record)
  }

  text(...names: string[]): string | undefined {
    for (const name of names) {
      const value = this.raw(name)
      if (typeof value === 'string') return value
      if (typeof value === 'boolean') return String(value)
      if (value !== undefined && value !== null && !isEmptyList(value)) throw this.#wrong(name, 'text')
    }
    return undefined
  }

  /** Text that must be there and not be empty. */
  requiredText(...names: string[]): string {
    for (const name of names) {
      const value = this.text(name)
      if (value !== undefined && value !== '') return value
    }
    throw new FieldError(`${this.#path(names[0]!)} is missing`)
  }

  /** Text, where `""` is the same as nothing. */
  someText(...names: string[]): string | undefined {
    for (const name of names) {
      const value = this.text(name)
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }

  number(...names: string[]): number | undefined {
    const found = this.#scalar(names)
    if (found === undefined) return undefined
    const [name, value] = found
    if (typeof value !== 'string' || !/^[+-]?\d+(?:\.\d+)?$/.test(value)) throw this.#wrong(name, 'a number')
    const number = Number(value)
    if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw this.#wrong(name, 'a number that can be kept')
    return number
  }

  /** A whole number that is not negative: sizes, counts, revisions. */
  count(...names: string[]): number | undefined {
    const number = this.number(...names)
    if (number !== undefined && !(Number.isSafeInteger(number) && number >= 0)) throw this.#wrong(names[0]!, 'a count')
    return number
  }

  requiredCount(...names: string[]): number {
    const number = this.count(...names)
    if (number === undefined) throw new FieldError(`${this.#path(names[0]!)} is missing`)
    return number
  }

  flag(...names: string[]): boolean | undefined {
    const found = this.#scalar(names)
    if (found === undefined) return undefined
    const [name, value] = found
    if (typeof value === 'boolean') return value
    const word = value.toLowerCase()
    if (word === 'yes' || word === '1' || word === 'true') return true
    if (word === 'no' || word === '0' || word === 'false') return false
    throw this.#wrong(name, 'yes or no')
  }

  /** `<name>_utc` where it is there, else `name`, which is the time of day in Chicago (facts: 1.6). */
  date(name: string): Date | undefined {
    const utc = this.someText(`${name}_utc`)
    const text = utc ?? this.someText(name)
    // Trashed and very old things have dates of zeros.
    if (text === undefined || text.startsWith('0000-')) return undefined
    const date = utc === undefined ? parseCentralTime(text) : parseUtcTime(text)
    if (date === undefined) throw this.#wrong(name, 'a date')
    return date
  }

  /** An object within; empty when it is not there. */
  fields(...names: string[]): Fields {
    for (const name of names) {
      const value = this.raw(name)
      if (value !== undefined && value !== null && value !== '') return Fields.of(value, this.#path(name))
    }
    return new Fields({}, this.#path(names[0]!))
  }

  /** A list of objects; one object counts as a list of one, what is not there as an empty one. */
  list(...names: string[]): Fields[] {
    for (const name of names) {
      const value = this.raw(name)
      if (value === undefined || value === null || value === '') continue
      if (isList(value)) return value.map((item, i) => Fields.of(item, `${this.#path(name)}[${i}]`))
      return [Fields.of(value, this.#path(name))]
    }
    return []
  }

  /** A list of texts; one text counts as a list of one. */
  texts(...names: string[]): string[] {
    for (const name of names) {
      const value = this.raw(name)
      if (value === undefined || value === null || value === '') continue
      if (typeof value === 'string') return [value]
      if (isList(value) && value.every((item) => typeof item === 'string')) return [...value]
      throw this.#wrong(name, 'a list of texts')
    }
    return []
  }

  #scalar(names: readonly string[]): readonly [string, string | boolean] | undefined {
    for (const name of names) {
      const value = this.raw(name)
      if (value === undefined || value === null || value === '' || isEmptyList(value)) continue
      if (typeof value === 'string' || typeof value === 'boolean') return [name, value]
      throw this.#wrong(name, 'a single value')
    }
    return undefined
  }

  #path(name: string): string {
    return this.#where === '' ? name : `${this.#where}.${name}`
  }

  /** The value itself is not shown: it may be a secret. */
  #wrong(name: string, kind: string): FieldError {
    return new FieldError(`${this.#path(name)} is not ${kind}`)
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isEmptyList(value: Json): boolean {
  return isList(value) && value.length === 0
}
