import { type ByteSource, type ByteStream, take } from '@coalmine/bytes'
import {
  type CallOptions,
  type GetOptions,
  type ObjectInfo,
  passThrough,
  type PutOptions,
  type Storage,
  StorageError,
  untilAborted,
} from '@coalmine/storage'

export type FaultyOperation = 'put' | 'get' | 'stat' | 'list' | 'delete' | 'usage' | 'close'

/**
 * What goes wrong:
 * - `fail`: an error, by default `unavailable` with retry `later`; `before` anything is done (the default), `after`
 *   everything is done (the answer is lost), or `midway`: of a put half of the source was read and nothing is stored, of
 *   a get half of the bytes have come, of a list its first object.
 * - `lose`: a put or delete says that it was done, and was not.
 * - `shorten`: a put stores all but the last bytes and says that it stored all; a get ends early without an error.
 * - `flip`: the bits of one byte are turned round, of what a put stores or a get gives.
 * - `hang`: no answer until the call is aborted.
 */
export type Fault =
  | { readonly type: 'fail'; readonly when?: 'before' | 'midway' | 'after'; readonly error?: Error }
  | { readonly type: 'lose' }
  | { readonly type: 'shorten'; /** 1 by default. */ readonly missingBytes?: number }
  | {
      readonly type: 'flip'
      /** From the beginning of the object; the first byte by default. */ readonly atByte?: number
    }
  | { readonly type: 'hang' }

export interface FaultRule {
  readonly operation: FaultyOperation
  /** Which keys; all by default. */
  readonly key?: string | RegExp
  /** The first call that goes wrong, of those that the rule is about; 1 by default. */
  readonly nth?: number
  /** How many calls go wrong from then on; 1 by default, `Infinity` for ever. */
  readonly times?: number
  readonly fault: Fault
}

export interface FaultyStorage extends Storage {
  /** How often each rule has struck: a test whose fault never came proves nothing. */
  readonly strikes: readonly number[]
}

/** A storage that goes wrong as planned, and works otherwise. Of several rules that match, the first one strikes. */
export function faultyStorage(inner: Storage, rules: readonly FaultRule[]): FaultyStorage {
  const calls = rules.map(() => 0)
  const strikes = rules.map(() => 0)

  const strike = (operation: FaultyOperation, key?: string): Fault | undefined => {
    let struck: Fault | undefined
    for (const [i, rule] of rules.entries()) {
      if (rule.operation !== operation || !matches(rule.key, key)) continue
      calls[i]! += 1
      const { nth = 1, times = 1 } = rule
      if (struck !== undefined || calls[i]! < nth || calls[i]! >= nth + times) continue
      strikes[i]! += 1
      struck = rule.fault
    }
    return struck
  }

  const call = async <T>(
    operation: FaultyOperation,
    key: string | undefined,
    options: CallOptions | undefined,
    run: () => Promise<T>,
  ): Promise<T> => {
    const fault = strike(operation, key)
    if (fault === undefined) return await run()
    if (fault.type === 'hang') return await hang(options?.signal)
    if (fault.type === 'lose' && operation === 'delete') return undefined as T
    if (fault.type !== 'fail') throw misplaced(operation, fault)
    if (fault.when === 'after') await run()
    throw fault.error ?? unavailable(operation, key)
  }

  return {
    ...passThrough(inner, {
      async put(key, source, options) {
        const fault = strike('put', key)
        if (fault === undefined) return await inner.put(key, source, options)
        return await faultyPut(inner, key, source, options, fault)
      },
      async *get(key, options): ByteStream {
        const fault = strike('get', key)
        if (fault === undefined) yield* inner.get(key, options)
        else yield* faultyGet(inner, key, options, fault)
      },
      stat: (key, options) => call('stat', key, options, () => inner.stat(key, options)),
      async *list(options) {
        const fault = strike('list')
        if (fault === undefined) {
          yield* inner.list(options)
          return
        }
        if (fault.type === 'hang') await hang(options?.signal)
        if (fault.type !== 'fail') throw misplaced('list', fault)
        const error = fault.error ?? unavailable('list')
        if (fault.when === undefined || fault.when === 'before') throw error
        for await (const info of inner.list(options)) {
          yield info
          if (fault.when === 'midway') break
        }
        throw error
      },
      delete: (key, options) => call('delete', key, options, () => inner.delete(key, options)),
      usage: inner.usage === undefined ? undefined : (o) => call('usage', undefined, o, () => inner.usage!(o)),
      close: () => call('close', undefined, undefined, () => inner.close()),
    }),
    strikes,
  }
}

async function faultyPut(
  inner: Storage,
  key: string,
  source: ByteSource,
  options: PutOptions | undefined,
  fault: Fault,
): Promise<ObjectInfo> {
  if (fault.type === 'hang') return await hang(options?.signal)
  if (fault.type === 'lose') return { key, size: source.size }
  if (fault.type === 'shorten') {
    const size = Math.max(0, source.size - (fault.missingBytes ?? 1))
    const open = (start: number, end: number): ByteStream => source.open({ start, end })
    await inner.put(key, changedSource(size, open), withoutDigests(options))
    return { key, size: source.size }
  }
  if (fault.type === 'flip') {
    const open = (start: number, end: number): ByteStream => flip(source.open({ start, end }), start, fault.atByte ?? 0)
    return await inner.put(key, changedSource(source.size, open), withoutDigests(options))
  }
  if (fault.when === 'after') await inner.put(key, source, options)
  if (fault.when === 'midway') {
    for await (const _ of take(source.open(), Math.ceil(source.size / 2))) options?.signal?.throwIfAborted()
  }
  throw fault.error ?? unavailable('put', key)
}

async function* faultyGet(inner: Storage, key: string, options: GetOptions | undefined, fault: Fault): ByteStream {
  if (fault.type === 'hang') await hang(options?.signal)
  if (fault.type === 'lose') throw misplaced('get', fault)
  if (fault.type === 'fail' && fault.when !== 'midway' && fault.when !== 'after') {
    throw fault.error ?? unavailable('get', key)
  }
  const whole = (await inner.stat(key, options))?.size ?? 0
  const start = options?.range?.start ?? 0
  const bytes = (options?.range?.end ?? whole) - start
  const stream = inner.get(key, options)
  if (fault.type === 'shorten') yield* take(stream, Math.max(0, bytes - (fault.missingBytes ?? 1)))
  else if (fault.type === 'flip') yield* flip(stream, start, fault.atByte ?? 0)
  else if (fault.type === 'fail') {
    if (fault.when === 'midway') yield* take(stream, Math.floor(bytes / 2))
    else yield* stream
    throw fault.error ?? unavailable('get', key)
  }
}

async function* flip(stream: ByteStream, start: number, atByte: number): ByteStream {
  let at = start
  for await (const chunk of stream) {
    const index = atByte - at
    at += chunk.length
    if (index < 0 || index >= chunk.length) {
      yield chunk
      continue
    }
    const flipped = chunk.slice()
    flipped[index]! ^= 0xff
    yield flipped
  }
}

/** Without `localPath`: that file has the right bytes. */
function changedSource(size: number, open: (start: number, end: number) => ByteStream): ByteSource {
  return { size, open: (range) => open(range?.start ?? 0, range?.end ?? size) }
}

/** What goes wrong on the way to the service it cannot know from digests of other bytes. */
function withoutDigests(options: PutOptions | undefined): PutOptions {
  return { ...options, digests: undefined }
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return untilAborted(new Promise<never>(() => undefined), signal)
}

function matches(pattern: string | RegExp | undefined, key: string | undefined): boolean {
  if (pattern === undefined) return true
  if (key === undefined) return false
  return typeof pattern === 'string' ? pattern === key : pattern.test(key)
}

function unavailable(operation: FaultyOperation, key?: string): StorageError {
  const what = key === undefined ? '' : ` "${key}"`
  return new StorageError('unavailable', `Cannot ${operation}${what}: a planned fault`, { operation, key })
}

function misplaced(operation: FaultyOperation, fault: Fault): TypeError {
  return new TypeError(`Cannot let ${operation} go wrong by "${fault.type}": that is for other operations`)
}
