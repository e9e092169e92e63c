import { createHash } from 'node:crypto'
import type { ByteRange, ByteStream } from '@coalmine/bytes'
import { readPage, retryAfter } from './answers.ts'
import type { FileApi } from './api-file.ts'
import type { SignalOption } from './api-user.ts'
import { secureUrl } from './download-url.ts'
import type { Engine } from './engine.ts'
import { headerOf, httpError, type HttpStream, openHttp } from './http.ts'
import type { FileInfo } from './items.ts'
import { MediaFireError, quoted } from './media-fire-error.ts'
import { doing } from './names.ts'
import { Watch } from './waiting.ts'

export interface DownloadOptions extends SignalOption {
  /** Which bytes; all by default. A part cannot be compared with the file's hash. */
  readonly range?: ByteRange
  /** What is known of the file already: it is not asked for then. */
  readonly info?: FileInfo
  /** Bytes so far. */
  readonly onProgress?: (bytes: number) => void
}

const mostRedirects = 5

/**
 * The bytes of a file. Nothing happens before the first pull. What breaks off goes on at the byte that was reached, with a
 * new link where the old one has expired.
 *
 * The hash of a whole file is compared at its end: until then nothing is proven.
 *
 * @throws MediaFireError `not-found`, `expired-link`, `bandwidth`, `mismatch`, `stalled`, …; RangeError when the range does not lie within the file.
 */
export async function* downloadFile(
  { files, engine }: { files: FileApi; engine: Engine },
  key: string,
  options: DownloadOptions,
): ByteStream {
  const { signal, range, onProgress } = options
  const info = options.info ?? (await files.getInfo(key, { signal }))
  const attempted = doing('download', info.name === '' ? key : info.name)
  const { size } = info
  if (size === undefined) throw new MediaFireError('malformed', 'MediaFire does not tell its size', { attempted })
  if (info.ready === false) {
    throw new MediaFireError('busy', 'MediaFire has not put the file together yet', { attempted })
  }
  const start = range?.start ?? 0
  const end = range?.end ?? size
  if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size)) {
    throw new RangeError(`Cannot ${attempted} from byte ${start} to ${end}: it has ${size}`)
  }
  const expected = info.sha256 ?? info.md5
  const isWhole = start === 0 && end === size
  const hash = isWhole && expected !== undefined ? createHash(info.sha256 === undefined ? 'md5' : 'sha256') : undefined
  const job: Job = { files, engine, key, attempted, size, signal, isProven: hash !== undefined }
  let at = start
  for (let failures = 0; at < end;) {
    const before = at
    try {
      for await (const chunk of pull(job, at, end)) {
        at += chunk.length
        hash?.update(chunk)
        yield chunk
        onProgress?.(at - start)
      }
      if (at < end) throw new MediaFireError('unreachable', `it broke off after ${at} of ${size} bytes`, { attempted })
    } catch (error) {
      failures = at > before ? 1 : failures + 1
      await pauseAfter(error, failures, job)
    }
  }
  if (hash !== undefined && hash.digest('hex') !== expected) {
    const state = 'other bytes have come than the hash of the file says'
    throw new MediaFireError('mismatch', state, { attempted, keys: [key] })
  }
}

interface Job {
  readonly files: FileApi
  readonly engine: Engine
  readonly key: string
  readonly attempted: string
  readonly size: number
  readonly signal?: AbortSignal
  /** A hash is compared at the end. */
  readonly isProven: boolean
}

const triedAgain = new Set(['unreachable', 'timeout', 'stalled', 'server', 'rate-limited', 'expired-link', 'malformed'])

/** Returns when it is time for another try; throws the error when there is none. */
async function pauseAfter(error: unknown, failures: number, { engine, signal }: Job): Promise<void> {
  if (!(error instanceof MediaFireError) || signal?.aborted === true) throw error
  // What the calls say was tried again by them.
  if (!triedAgain.has(error.code) || error.retry === 'never' || error.apiCode !== undefined) throw error
  const askedMs = error.retryAfterMs ?? 0
  if (failures >= engine.tries || askedMs > engine.maxRetryAfterMs) throw error
  const ownMs = Math.min(1000 * 2 ** (failures - 1), 60_000) * (0.75 + engine.random() / 2)
  const delayMs = Math.max(askedMs, Math.round(ownMs))
  engine.onEvent({ type: 'retry', action: 'download', failures, delayMs, error })
  await engine.sleep(delayMs, signal)
}

/** The bytes from `at` to `end` by a link of its own, as far as they come. */
async function* pull(job: Job, at: number, end: number): ByteStream {
  const { engine, attempted, size, signal } = job
  engine.requireOpen(attempted)
  const seconds = Math.round(engine.stallMs / 100) / 10
  const stalled = () => new MediaFireError('stalled', `nothing has moved for ${seconds} s`, { attempted })
  const url = await directUrl(job)
  const watch = new Watch({ idleMs: engine.stallMs, signal, late: stalled })
  const onClose = (): void => watch.abort(engine.closedSignal.reason as Error)
  engine.closedSignal.addEventListener('abort', onClose, { once: true })
  let stream: HttpStream | undefined
  try {
    const isWhole = at === 0 && end === size
    stream = await follow(job, url, isWhole ? {} : { range: `bytes=${at}-${end - 1}` }, watch)
    let skip = await bytesBefore(job, stream, at, end)
    let left = end - at
    for await (const chunk of stream.body) {
      const skipped = Math.min(skip, chunk.length)
      skip -= skipped
      const piece = chunk.subarray(skipped, skipped + left)
      left -= piece.length
      // Whoever takes the bytes may take their time.
      watch.pause()
      if (piece.length > 0) yield piece
      watch.touch()
      if (left === 0) return
    }
  } catch (error) {
    throw httpError(error, { attempted, signal: watch.signal, url }, 'the download broke off')
  } finally {
    engine.closedSignal.removeEventListener('abort', onClose)
    watch.stop()
    stream?.body.destroy()
  }
}

/** A link without a session of its own: it is good for whoever has it, so it is never shown. */
async function directUrl({ files, engine, key, attempted, signal }: Job): Promise<URL> {
  const { links } = await files.getLinks(key, { types: ['direct_download'], signal })
  const [link] = links
  if (link?.directDownload !== undefined) return secureUrl(link.directDownload, engine.origin, attempted)
  const why = link?.directDownloadError
  const state = `MediaFire gives no direct link${why === undefined ? '' : ` (${quoted(engine.secrets.conceal(why))})`}`
  throw new MediaFireError(/bandwidth/i.test(why ?? '') ? 'bandwidth' : 'denied', state, { attempted, keys: [key] })
}

async function follow(job: Job, first: URL, headers: Record<string, string>, watch: Watch): Promise<HttpStream> {
  const { engine, attempted } = job
  let url = first
  for (let hops = 0; ; hops++) {
    const stream = await openHttp(engine.dispatcher, {
      method: 'GET',
      url,
      // Nothing of the session: a link may lead anywhere.
      headers: { 'user-agent': '@coalmine/mediafire', 'accept-encoding': 'identity', ...headers },
      signal: watch.signal,
      attempted,
    })
    const location = headerOf(stream.headers, 'location')
    if (stream.status < 300 || stream.status >= 400 || location === undefined) return stream
    stream.body.destroy()
    if (hops === mostRedirects) {
      throw new MediaFireError('redirected', `the link leads on and on, ${hops + 1} times`, { attempted })
    }
    url = secureUrl(location, engine.origin, attempted, url)
  }
}

/** How many bytes of the answer come before the wanted ones. @throws MediaFireError when it is not the file. */
async function bytesBefore(job: Job, stream: HttpStream, at: number, end: number): Promise<number> {
  const { engine, attempted, size } = job
  const { status, headers } = stream
  const facts = { attempted, httpStatus: status, retryAfterMs: retryAfter(headers, engine.now()) }
  const length = headerOf(headers, 'content-length')
  const expected = String(status === 206 ? end - at : size)
  const isPage = /^text\/html\b/i.test(headerOf(headers, 'content-type') ?? '') && length !== expected
  const isOther = isPage || status === 403
  const known = isOther ? await pageError(job, stream) : undefined
  if (known !== undefined) throw known
  if (status === 429)
    throw new MediaFireError('rate-limited', 'too many downloads in a short time (HTTP status 429)', facts)
  if (status >= 500)
    throw new MediaFireError('server', `the server does not do its work (HTTP status ${status})`, facts)
  // The file was there a moment ago, when its link was asked for.
  if (status === 404 || status === 410 || isOther) {
    const state = `the link is not good any more (HTTP status ${status})`
    throw new MediaFireError('expired-link', state, { ...facts, retry: 'now' })
  }
  if (status !== 200 && status !== 206) {
    throw new MediaFireError('refused', `the server refuses (HTTP status ${status})`, facts)
  }
  const told =
    status === 206 ? /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headerOf(headers, 'content-range') ?? '') : undefined
  // What is shorter may be cut: the next answer tells the whole length, and the hash tells the rest.
  const fitsWhole = length === undefined || length === String(size) || (job.isProven && Number(length) < size)
  const fits =
    told === undefined
      ? fitsWhole
      : told !== null && Number(told[1]) === at && (told[3] === '*' || Number(told[3]) === size)
  if (!fits) {
    const state = `the server has another file of other length than ${size} bytes`
    throw new MediaFireError('mismatch', state, { ...facts, retry: 'later' })
  }
  return status === 206 ? 0 : at
}

/** What a page in place of the file says, if that is known: a challenge, a captcha. */
async function pageError(job: Job, stream: HttpStream): Promise<MediaFireError | undefined> {
  const { attempted, engine } = job
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream.body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= 65_536) break
  }
  const answer = { status: stream.status, headers: stream.headers, body: Buffer.concat(chunks) }
  return readPage(answer, { attempted, secrets: engine.secrets, nowMs: engine.now() })
}
