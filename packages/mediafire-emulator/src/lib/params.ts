import type { IncomingMessage } from 'node:http'
import { ApiFailure } from './answer.ts'
import { boundaryOf, MultipartError, readParts } from './multipart.ts'
import { decodePercent } from './signature.ts'

/** The parameters of a call. An empty value is the same as none. */
export interface Params {
  get(name: string): string | undefined
  /** @throws ApiFailure with `code` (128 by default) when it is missing. */
  need(name: string, code?: number): string
  /** The values of a comma list. */
  list(name: string): readonly string[]
  /** All of them, for the log. */
  all(): Readonly<Record<string, string>>
}

/** Parameters as they travelled. */
export interface SentParams {
  params: Params
  /** What a signature is about: the query or the form, without the signature. */
  raw: string
  fields?: readonly (readonly [string, string])[]
}

const maxFormBytes = 2 ** 20
const maxFields = 2000

/**
 * Reads the parameters of a call: the query's and the form's, where the form wins. The body of an upload is left alone.
 */
export async function readParams(request: IncomingMessage, query: string, isUpload: boolean): Promise<SentParams> {
  const type = request.headers['content-type'] ?? ''
  const pairs = pairsOf(query)
  if (isUpload || request.method !== 'POST') return { params: createParams(pairs), raw: unsigned(query) }
  const boundary = boundaryOf(type)
  if (boundary !== undefined) {
    const fields = await readFields(request, boundary)
    const signed = fields.filter(([name]) => name !== 'signature')
    // A signature may be about the query only, when the form has nothing but the signature itself.
    return signed.length === 0
      ? { params: createParams([...pairs, ...fields]), raw: unsigned(query) }
      : { params: createParams([...pairs, ...fields]), raw: unsigned(query), fields: signed }
  }
  const body = (await collectBody(request)).toString('utf8')
  return { params: createParams([...pairs, ...pairsOf(body)]), raw: unsigned(body === '' ? query : body) }
}

/** A body that is small. @throws ApiFailure 129 when it is not. */
export async function collectBody(body: AsyncIterable<Uint8Array>, limit = maxFormBytes): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > limit) throw new ApiFailure(129, 'The form is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function readFields(request: IncomingMessage, boundary: string): Promise<[string, string][]> {
  const fields: [string, string][] = []
  let room = maxFormBytes
  try {
    for await (const part of readParts(request, boundary)) {
      if (fields.length >= maxFields) throw new ApiFailure(129, 'The form has too many fields')
      const bytes = await collectBody(part.body, room)
      room -= bytes.length
      fields.push([part.name, bytes.toString('utf8')])
    }
  } catch (error) {
    if (error instanceof MultipartError) throw new ApiFailure(129, error.message)
    throw error
  }
  return fields
}

function unsigned(raw: string): string {
  if (raw.startsWith('signature=')) return ''
  const at = raw.indexOf('&signature=')
  return at === -1 ? raw : raw.slice(0, at)
}

/** Names and values of a query or form. A name without value has an empty one. */
export function pairsOf(raw: string): [string, string][] {
  if (raw === '') return []
  const words = raw.split('&', maxFields)
  return words.map((word) => {
    const at = word.indexOf('=')
    const name = at === -1 ? word : word.slice(0, at)
    return [decode(name), at === -1 ? '' : decode(word.slice(at + 1))]
  })
}

function decode(text: string): string {
  return decodePercent(text.replaceAll('+', ' '))
}

/** Later pairs win over earlier ones. */
export function createParams(pairs: readonly (readonly [string, string])[]): Params {
  const map = new Map(pairs)
  const get = (name: string): string | undefined => {
    const value = map.get(name)
    return value === '' ? undefined : value
  }
  return {
    get,
    need(name, code = 128) {
      const value = get(name)
      if (value === undefined) throw new ApiFailure(code)
      return value
    },
    list: (name) => (get(name) ?? '').split(',').filter((each) => each !== ''),
    all: () => Object.fromEntries(map),
  }
}
