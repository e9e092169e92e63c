import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { show } from '../lib/feed.ts'
import { jsonBits } from '../lib/json-bits.ts'
import { accepted, demand, type Outcome, refused, type Target } from '../lib/target.ts'

// How answers are read is no part of what the package offers: it is loaded from where it lies.
type Json = string | boolean | null | readonly Json[] | { readonly [name: string]: Json }
type Reader = (fields: unknown) => object
const from = async (name: string): Promise<unknown> =>
  import(new URL(`../../../../packages/mediafire/src/lib/${name}.ts`, import.meta.url).href)
const { parseJson, FieldError } = (await from('fields')) as {
  parseJson: (text: string) => Json
  FieldError: new (message: string) => Error
}
const { readEnvelope } = (await from('answers')) as {
  readEnvelope: (answer: object, context: object) => { fields: unknown; error?: Error & { code: string } }
}
const { fileInfo, folderInfo, changed } = (await from('items')) as Record<'fileInfo' | 'folderInfo' | 'changed', Reader>
const { MediaFireError } = (await from('media-fire-error')) as { MediaFireError: new (...args: never[]) => Error }
const { Secrets } = (await from('secrets')) as {
  Secrets: new () => { add(secret: string): void; conceal(text: string): string }
}

const token = 'f00dfacef00dface'
const bits = jsonBits.concat(
  ['\\"', '""', '1.2.3', '1e5', ' '],
  [
    '{"response":{',
    '"result":"Success"',
    '"result":"Error"',
    '"error":105',
    '"message":"no"',
    token,
    '"quickkey":"a1"',
  ],
  ['"size":"12"', '"size":18446744073709551616', '"hash":"', '"created":"2023-11-14 22:13:20"', '"folderkey":"b2"'],
  ['"links":{}', '"links":[]', '"permissions":{"value":"2"}', '"one_time":""', '"name":"x"', '"__proto__":{}', '\xff'],
  [
    '<html>',
    '<!doctype html>',
    'captcha',
    'cf-chl',
    '"asynchronous":"yes"',
    '"new_device_revision":"9"',
    '"ready":"no"',
  ],
)

/** Answers of MediaFire's API. */
export const mediaFireAnswers: Target = {
  name: 'mediafire-answers',
  about: 'answers of MediaFire (readEnvelope, parseJson, fields of files and folders)',
  maxBytes: 16_384,
  tokens: bits,
  arbitrary: fc.array(fc.constantFrom(...bits), { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''))),
  memory: { base: 24_000_000, perByte: 400 },
  run(input) {
    const text = Buffer.from(input).toString('utf8')
    requireNumbersAsText(text)
    let result: Outcome = refused
    for (const status of [200, 302, 403, 429, 500]) {
      const secrets = new Secrets()
      secrets.add(token)
      const context = { attempted: 'ask', secrets, nowMs: 1_700_000_000_000 }
      try {
        const headers = { location: text.slice(0, 50), 'retry-after': text.slice(0, 5) }
        const { fields, error } = readEnvelope({ status, headers, body: input }, context)
        if (error !== undefined) requireQuiet(error)
        else result = accepted
        for (const read of [fileInfo, folderInfo, changed]) readAll(() => read(fields))
      } catch (error) {
        if (!(error instanceof MediaFireError)) throw error
        requireQuiet(error)
      }
    }
    return result
  },
}

function readAll(read: () => object): void {
  try {
    for (const [name, value] of Object.entries(read())) {
      if (typeof value === 'number') demand(Number.isSafeInteger(value), `"${name}" is ${value}`)
      if (value instanceof Date) demand(!Number.isNaN(value.getTime()), `"${name}" is no date`)
    }
  } catch (error) {
    if (!(error instanceof FieldError)) throw error
    requireQuiet(error)
  }
}

/** Messages go into logs. */
function requireQuiet(error: Error): void {
  demand(!error.message.includes(token), `The message shows a token: ${error.message}`)
  demand(error.message.length < 2000, `The message has ${error.message.length} characters`)
}

/** What JSON is, it is read as; a number as the text of it. */
function requireNumbersAsText(text: string): void {
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch {
    // Some of it is read all the same: 1.2.3 is text then.
    return
  }
  const ours = parseJson(text)
  demand(isDeepStrictEqual(numbersOf(ours, plain), plain), `${show(plain)} is read as ${show(ours)}`)
}

/** Ours, with the texts made numbers where there are numbers. */
function numbersOf(ours: unknown, plain: unknown): unknown {
  if (typeof plain === 'number' && typeof ours === 'string') return Number(ours)
  if (Array.isArray(plain) && Array.isArray(ours)) return ours.map((one, at) => numbersOf(one, plain[at]))
  if (typeof plain !== 'object' || plain === null || typeof ours !== 'object' || ours === null) return ours
  // With keys such as "__proto__" an assignment would do something else.
  return Object.fromEntries(
    Object.keys(ours).map((key) => {
      const [mine, theirs] = [ours, plain].map((one) => Object.getOwnPropertyDescriptor(one, key)?.value as unknown)
      return [key, numbersOf(mine, theirs)]
    }),
  )
}
