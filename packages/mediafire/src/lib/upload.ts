import type { ByteSource } from '@coalmine/bytes'
import type { FileApi } from './api-file.ts'
import type { CheckResult, UploadApi } from './api-upload.ts'
import { type Digests, digestSource } from './digest.ts'
import type { Engine } from './engine.ts'
import type { FileInfo } from './items.ts'
import { requireKey, rootKey } from './keys.ts'
import { MediaFireError } from './media-fire-error.ts'
import { doing, requireName } from './names.ts'
import { pollUpload } from './poll-upload.ts'
import { sendUnits } from './send-units.ts'
import { simpleContent } from './upload-content.ts'
import {
  requestOf,
  storeOf,
  type UploadJob,
  type UploadOptions,
  type UploadProgress,
  type UploadResult,
} from './upload-job.ts'
import { forgottenCodes } from './upload-errors.ts'
import { unitSizeFor } from './units.ts'

/** Up to here a file goes in one call. */
const mostSimpleBytes = 4_194_304

// The service loses an upload now and then; a source that changes all the time would never end.
const mostRounds = 6

/** What to do with an upload in one of its rounds. */
type Round = UploadResult | 'again'

/** Uploads are kept apart where the service could not tell them apart: it knows them by folder and hash. */
const underWay = new WeakMap<Engine, Map<string, Promise<unknown>>>()

export async function uploadFile(
  apis: { api: UploadApi; files: FileApi; engine: Engine },
  name: string,
  source: ByteSource,
  options: UploadOptions,
): Promise<UploadResult> {
  const attempted = doing('upload', name)
  const { folderKey = rootKey, parallel = 3, signal, onProgress } = options
  requireName(name, attempted)
  requireKey(folderKey)
  if (!(Number.isSafeInteger(parallel) && parallel >= 1))
    throw new RangeError(`Cannot send ${parallel} units at a time`)
  if (options.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(options.sha256)) {
    throw new TypeError(`Cannot ${attempted}: "${options.sha256}" is no SHA-256 in lower case`)
  }
  signal?.throwIfAborted()
  const report = (phase: UploadProgress['phase'], bytes: number): void =>
    onProgress?.({ phase, bytes, total: source.size })
  let digests: Digests | undefined
  if (options.sha256 === undefined) {
    const onRead = (bytes: number): void => report('hashing', bytes)
    digests = await digestSource(source, unitSizeFor(source.size), { attempted, signal, onRead })
  }
  const sha256 = options.sha256 ?? digests!.sha256
  const sent = { bytes: 0, units: 0 }
  const job: UploadJob = { ...apis, source, name, attempted, options, folderKey, sha256, digests, sent, report }
  // One after the other: what has the same name, else one of them may be checked while the other one is put together.
  return alone(apis.engine, `name ${folderKey} ${name}`, () =>
    alone(apis.engine, `hash ${folderKey} ${sha256} ${source.size}`, () => uploadJob(job)),
  )
}

async function alone<T>(engine: Engine, id: string, run: () => Promise<T>): Promise<T> {
  const running = underWay.get(engine) ?? new Map<string, Promise<unknown>>()
  underWay.set(engine, running)
  const mine = (running.get(id) ?? Promise.resolve()).then(run)
  // Those who wait do so for the end, whatever it is; its error belongs to the other caller.
  const ended = mine.then(
    () => undefined,
    () => undefined,
  )
  running.set(id, ended)
  try {
    return await mine
  } finally {
    if (running.get(id) === ended) running.delete(id)
  }
}

async function uploadJob(job: UploadJob): Promise<UploadResult> {
  const { engine, options, attempted } = job
  for (let round = 1; ; round++) {
    options.signal?.throwIfAborted()
    const check = await job.api.check({ ...requestOf(job), signal: options.signal })
    const result = await uploadRound(job, check, round)
    if (result !== 'again') return result
    if (round === mostRounds) {
      const state = `MediaFire has lost what was sent, ${round} times`
      throw new MediaFireError('server', state, { attempted })
    }
    await engine.sleep(500 * 2 ** round * (0.75 + engine.random() / 2), options.signal)
  }
}

async function uploadRound(job: UploadJob, check: CheckResult, round: number): Promise<Round> {
  const { source, options, attempted, sent } = job
  const { onDuplicate = 'refuse' } = options
  const present = await presentFile(job, check)
  if (present !== undefined) {
    const isOurs = sent.bytes > 0 || sent.units > 0
    return finish(job, isOurs ? 'uploaded' : 'unchanged', present)
  }
  if (check.fileExists && onDuplicate === 'skip') {
    const { duplicateKey: key = '' } = check
    return { ...resultOf(job, 'skipped', { key, name: job.name }), sentBytes: sent.bytes, sentUnits: sent.units }
  }
  if (check.fileExists && onDuplicate === 'refuse') {
    const keys = check.duplicateKey === undefined ? [] : [check.duplicateKey]
    throw new MediaFireError('exists', 'the folder has a file of that name with other bytes', { attempted, keys })
  }
  if (check.storageLimitExceeded === true) {
    throw new MediaFireError('storage-full', 'the storage of the account is full', { attempted })
  }
  if (check.availableSpace !== undefined && check.availableSpace < source.size) {
    const state = `the account has ${Math.max(0, check.availableSpace)} bytes left, and the file has ${source.size}`
    throw new MediaFireError('storage-full', state, { attempted })
  }
  if (check.hashExists) {
    const made = await instantly(job)
    if (made !== undefined) return made
  }
  const key = await send(job, check, round)
  return key === undefined ? 'again' : assembled(job, key)
}

/** The file of that name in the folder, when it has our bytes: asked of the file itself, the check alone may mean another one. */
async function presentFile(job: UploadJob, check: CheckResult): Promise<{ key: string; name: string } | undefined> {
  const { files, options, sha256, source, sent } = job
  const { duplicateKey } = check
  if (!check.fileExists || check.differentHash === true || duplicateKey === undefined) return undefined
  // One more is wanted, unless it is the one that we have just made.
  if (options.onDuplicate === 'keep' && sent.units === 0) return undefined
  const info = await files.getInfo(duplicateKey, { signal: options.signal })
  return info.sha256 === sha256 && info.size === source.size ? { key: info.key, name: info.name } : undefined
}

/** Without sending a byte; `undefined` when that does not work, for whatever reason (facts: 4.4). */
async function instantly(job: UploadJob): Promise<UploadResult | undefined> {
  const { api, options } = job
  try {
    const { quickKey, filename } = await api.instant({ ...storeOf(job), signal: options.signal })
    return await verify(job, 'instant', { key: quickKey, name: filename })
  } catch (error) {
    // The usual way tells the same if it stands in its way too.
    if (error instanceof MediaFireError && fallsBack.has(error.code)) return undefined
    throw error
  }
}

const fallsBack = new Set([
  'refused',
  'invalid',
  'not-found',
  'server',
  'deprecated',
  'unknown-method',
  'mismatch',
  'malformed',
])

/** Sends what the service lacks. Returns the key to poll; `undefined` when a new check must come first. */
async function send(job: UploadJob, check: CheckResult, round: number): Promise<string | undefined> {
  const { source, options, report, sent } = job
  const { resumable } = check
  const untouched = resumable === undefined || resumable.missing.length === resumable.unitCount
  const simple = source.size <= mostSimpleBytes && untouched && options.onDuplicate !== 'keep' && round === 1
  try {
    // Of an empty file all units are always there, also when nobody has sent it.
    if (source.size > 0 && resumable !== undefined) {
      if (resumable.allUnitsReady && resumable.uploadKey !== undefined) return resumable.uploadKey
      if (!simple) return await sendUnits(job, resumable)
    }
    const onSent = (bytes: number): void => {
      sent.bytes = bytes
      report('sending', bytes)
    }
    const content = simpleContent(source, job, onSent)
    return await job.api.simple({ ...storeOf(job), content, signal: options.signal })
  } catch (error) {
    if (error instanceof MediaFireError && error.uploadCode !== undefined && forgottenCodes.has(error.uploadCode)) {
      return undefined
    }
    throw error
  }
}

async function assembled(job: UploadJob, key: string): Promise<Round> {
  const polled = await pollUpload(job, key)
  if (polled === 'lost') return 'again'
  const { quickKey, filename, size, hash } = polled
  return verify(job, 'uploaded', { key: quickKey, name: filename, size, sha256: hash })
}

/** Compares size and hash with what was meant, as far as they were told; what was not is asked for. */
async function verify(
  job: UploadJob,
  outcome: UploadResult['outcome'],
  told: { key: string; name?: string; size?: number; sha256?: string },
): Promise<UploadResult> {
  const { options, source, attempted } = job
  const { key } = told
  let { name, size, sha256 } = told
  if (sha256 === undefined || size === undefined || (name === undefined && options.onDuplicate === 'keep')) {
    const info = await storedInfo(job, key)
    name = info.name
    size = info.size
    sha256 = info.sha256 ?? ''
  }
  const facts = { attempted, keys: [key] }
  if (size !== source.size) {
    throw new MediaFireError('mismatch', `${size ?? 'an unknown number of'} of ${source.size} bytes are stored`, facts)
  }
  if (sha256 !== job.sha256) {
    const state = sha256 === '' ? 'MediaFire does not tell the SHA-256 of what it has stored' : 'other bytes are stored'
    throw new MediaFireError('mismatch', state, facts)
  }
  if (name !== undefined && name !== job.name && options.onDuplicate !== 'keep') {
    throw new MediaFireError('mismatch', `it is stored under another name, "${name}"`, facts)
  }
  return finish(job, outcome, { key, name: name ?? job.name })
}

/** What the service says of a new file, which may not be known, or not be known whole, everywhere at once. */
async function storedInfo({ files, engine, options }: UploadJob, key: string): Promise<FileInfo> {
  const { signal } = options
  for (let pauseMs = 500; ; pauseMs *= 2) {
    const isLast = pauseMs > 16_000
    const info = await files.getInfo(key, { signal }).catch((error: unknown) => {
      if (error instanceof MediaFireError && error.code === 'not-found' && !isLast) return undefined
      throw error
    })
    if (info !== undefined && (info.sha256 !== undefined || isLast)) return info
    await engine.sleep(pauseMs, signal)
  }
}

function finish(job: UploadJob, outcome: UploadResult['outcome'], file: { key: string; name: string }): UploadResult {
  job.report('verified', job.source.size)
  return resultOf(job, outcome, file)
}

function resultOf(job: UploadJob, outcome: UploadResult['outcome'], file: { key: string; name: string }): UploadResult {
  const { source, sha256, sent } = job
  return { outcome, ...file, size: source.size, sha256, sentBytes: sent.bytes, sentUnits: sent.units }
}
