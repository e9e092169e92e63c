import { createHash } from 'node:crypto'

/** What a signature can be about: the call as it was sent. */
export interface SignedCall {
  /** The path of the URL, without query. */
  path: string
  /** What the `Host` header said. */
  host: string
  /** The query, or the form in its place: as sent, without the signature and what follows it. */
  raw: string
  /** For forms in parts: names and values in the order sent, without the signature. */
  fields?: readonly (readonly [name: string, value: string])[]
}

/** Which of the ways of hashing in use a signature was made by. */
export type SignedHow = 'raw' | 'decoded' | 'decoded-plus' | 'fields' | 'fields-encoded' | 'fields-form'

/** Follows the key: both sides do this after each signed call. */
export function nextSecret(secret: number): number {
  return (secret * 16_807) % 2_147_483_647
}

/** The SHA-1 that goes with a login. */
export function loginSignature(identifier: string, password: string, applicationId: string, apiKey: string): string {
  return createHash('sha1').update(`${identifier}${password}${applicationId}${apiKey}`).digest('hex')
}

/**
 * Checks the MD5 that goes with a call of a version 2 session. Clients disagree on whether values are hashed encoded
 * or decoded, and the service takes both.
 *
 * @returns How it was made, `undefined` when in none of the ways.
 */
export function verifySignature(
  call: SignedCall,
  signature: string,
  secret: number,
  time: string,
): SignedHow | undefined {
  const wanted = signature.toLowerCase()
  const start = `${secret % 256}${time}`
  for (const [how, query] of queriesOf(call)) {
    for (const path of pathsOf(call)) {
      if (createHash('md5').update(`${start}${path}?${query}`).digest('hex') === wanted) return how
    }
  }
  return undefined
}

function queriesOf({ raw, fields }: SignedCall): readonly (readonly [SignedHow, string])[] {
  if (fields !== undefined) {
    const join = (encode: (text: string) => string): string =>
      fields.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
    return [
      ['fields', join((text) => text)],
      ['fields-encoded', join(encodeURIComponent)],
      ['fields-form', join((text) => encodeURIComponent(text).replaceAll('%20', '+'))],
    ]
  }
  const queries: [SignedHow, string][] = [['raw', raw]]
  const decoded = decodePercent(raw)
  if (decoded !== raw) queries.push(['decoded-plus', decoded])
  const spaced = decodePercent(raw.replaceAll('+', ' '))
  if (spaced !== decoded) queries.push(['decoded', spaced])
  return queries
}

/** The path; for a client that was pointed elsewhere also with the host, as it hashes it then. */
function pathsOf({ path, host }: SignedCall): readonly string[] {
  const behind = path.startsWith(hostPrefix) ? path.slice(hostPrefix.length) : path
  return [...new Set([behind, path, `//${host}${path}`])]
}

/**
 * A client that hashes what follows `mediafire.com` in its URL hashes the same as at home when it is told that its API
 * is below a folder of that name.
 */
export const hostPrefix = '/mediafire.com'

/** Percent-decodes what can be decoded, and leaves the rest as it is. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}
