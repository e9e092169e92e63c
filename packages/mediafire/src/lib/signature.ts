import { createHash } from 'node:crypto'

/** The `signature` of `user/get_session_token` (facts: 2.1), over the texts as they are, in UTF-8. */
export function loginSignature(login: {
  readonly identifier: string
  readonly password: string
  readonly applicationId: string
  readonly apiKey?: string
}): string {
  const { identifier, password, applicationId, apiKey = '' } = login
  return createHash('sha1').update(`${identifier}${password}${applicationId}${apiKey}`, 'utf8').digest('hex')
}

/** The secret of a session of version 2. */
export interface SigningKey {
  readonly secretKey: number
  /** As it came, as text: it is hashed as text. */
  readonly time: string
}

/** The `signature` of a call (facts: 2.4). `query` is every parameter sent, in order; `path` begins with `/api/`. */
export function callSignature(key: SigningKey, path: string, query: string): string {
  return createHash('md5')
    .update(`${key.secretKey % 256}${key.time}${path}?${query}`, 'utf8')
    .digest('hex')
}

/** The next secret key. The product stays below 2^53. */
export function rollSecretKey(secretKey: number): number {
  return (secretKey * 16_807) % 2_147_483_647
}
