/** Of one message, in bytes. */
export const maxLineBytes = 1_048_576

/** Codes of JSON-RPC 2.0; what goes wrong with a storage has `failed`, and says more in `data`. */
export const rpcCode = {
  parse: -32_700,
  request: -32_600,
  method: -32_601,
  params: -32_602,
  internal: -32_603,
  failed: -32_000,
  busy: -32_001,
  order: -32_002,
  version: -32_003,
} as const

export type RpcId = string | number

export interface RpcErrorData {
  /** The code of a `StorageError`, or `cancelled`, or `local` for a file on this side. */
  readonly kind: string
  /** Whether the same call can succeed: `now`, `later` or `never`. */
  readonly retry: string
  readonly retryAfterMs?: number
  /** For `local`: `ENOSPC`, `EACCES`… */
  readonly errno?: string
}

/** What a call is answered with when it fails. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  readonly data: RpcErrorData | undefined

  constructor(code: number, message: string, options: { data?: RpcErrorData; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.data = options.data
  }
}

export interface RpcRequest {
  /** Missing for a notification, which is never answered. */
  readonly id: RpcId | undefined
  readonly method: string
  readonly params: Params
}

/** A message that is no request; `id` is what could be told of it, for the answer. */
export class MalformedError extends RpcError {
  readonly id: RpcId | null

  constructor(code: number, message: string, id: RpcId | null = null) {
    super(code, message)
    this.id = id
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads one line as a request.
 *
 * @throws MalformedError when it is no JSON, or no request of JSON-RPC 2.0.
 */
export function parseRequest(bytes: Uint8Array): RpcRequest {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(bytes))
  } catch {
    // What is wrong with it is of no use without the text, and the text may be a secret.
    throw new MalformedError(rpcCode.parse, 'Cannot read the message: it is no JSON in UTF-8')
  }
  if (!isObject(value)) throw new MalformedError(rpcCode.request, 'Cannot take the message: it is no object')
  const { jsonrpc, id, method, params = {} } = value
  const known = isId(id) ? id : null
  if (jsonrpc !== '2.0')
    throw new MalformedError(rpcCode.request, 'Cannot take the message: it is no JSON-RPC 2.0', known)
  if (id !== undefined && known === null) {
    throw new MalformedError(
      rpcCode.request,
      'Cannot take the message: its id has to be an integer or up to 64 characters',
    )
  }
  if (typeof method !== 'string') {
    throw new MalformedError(rpcCode.request, 'Cannot take the message: it names no method', known)
  }
  if (!isObject(params)) {
    throw new MalformedError(rpcCode.params, 'Cannot take the message: its params have to be an object', known)
  }
  return { id: known ?? undefined, method, params: new Params(params) }
}

function isId(id: unknown): id is RpcId {
  return Number.isSafeInteger(id) || (typeof id === 'string' && id.length <= 64)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const maxTextLength = 100_000

/** The named arguments of a call, each of which has to be asked for as what it is. */
export class Params {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  text(name: string): string {
    const value = this.optionalText(name)
    if (value === undefined) throw wrong(name, 'is missing')
    return value
  }

  optionalText(name: string): string | undefined {
    const value = this.#get(name)
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string' || value.length > maxTextLength) throw wrong(name, 'has to be text')
    return value
  }

  flag(name: string): boolean {
    const value = this.#get(name) ?? false
    if (typeof value !== 'boolean') throw wrong(name, 'has to be true or false')
    return value
  }

  id(name: string): RpcId {
    const value = this.#get(name)
    if (!isId(value)) throw wrong(name, 'has to be the id of a call')
    return value
  }

  integer(name: string): number {
    const value = this.#get(name)
    if (!Number.isSafeInteger(value)) throw wrong(name, 'has to be an integer')
    return value as number
  }

  texts(name: string, most: number): readonly string[] {
    const value = this.#get(name)
    const isGood = Array.isArray(value) && value.length <= most && value.every((one) => typeof one === 'string')
    if (!isGood) throw wrong(name, `has to be a list of at most ${most} texts`)
    return value
  }

  /** An absolute path: `path` as text, or `pathBase64` where its bytes are no UTF-8. */
  path(): Buffer {
    const text = this.optionalText('path')
    const encoded = this.optionalText('pathBase64')
    if ((text === undefined) === (encoded === undefined))
      throw wrong('path', 'has to be there, or "pathBase64" instead')
    const path = text === undefined ? Buffer.from(encoded ?? '', 'base64') : Buffer.from(text)
    if (path[0] !== 47 || path.includes(0)) throw wrong('path', 'has to be an absolute path')
    return path
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined
  }
}

function wrong(name: string, problem: string): RpcError {
  return new RpcError(rpcCode.params, `Cannot take the call: "${name}" ${problem}`)
}
