import { formatUtcTime } from './times.ts'

/** What a call takes: booleans become yes and no, dates ISO 8601 in UTC, lists comma-separated; `undefined` is left out. */
export type Param = string | number | boolean | Date | readonly string[] | undefined
export type Params = Readonly<Record<string, Param>>

/** Names and values in the order in which they are sent. */
export type Pairs = readonly (readonly [name: string, value: string])[]

/**
 * Sorted by name: the order is part of the signature, and sorted is what the Python SDK has proven.
 *
 * @throws TypeError when a value has half a character (a lone surrogate), which no encoding can carry, or when an item of
 * a list has a comma.
 */
export function toPairs(params: Params): Pairs {
  const pairs: [string, string][] = []
  for (const name of Object.keys(params).sort()) {
    const value = params[name]
    if (value === undefined) continue
    const text = toText(name, value)
    if (/\p{Cs}/u.test(text)) throw new TypeError(`Cannot send the parameter "${name}": it is not well-formed text`)
    pairs.push([name, text])
  }
  return pairs
}

function toText(name: string, value: Exclude<Param, undefined>): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`Cannot send the parameter "${name}": ${value} is no integer`)
    return String(value)
  }
  if (value instanceof Date) return formatUtcTime(value)
  if (typeof value === 'string') return value
  if (value.some((item) => item.includes(',')))
    throw new TypeError(`Cannot send the list "${name}": an item has a comma`)
  return value.join(',')
}

/** `application/x-www-form-urlencoded`, a blank as `+`, everything but letters, digits and `-._~` escaped. */
export function formEncode(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${encodeText(name)}=${encodeText(value)}`).join('&')
}

/** The same without any escapes, as some servers re-assemble it for the signature. */
export function formPlain(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function encodeText(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
