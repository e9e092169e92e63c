import type { SignalOption } from './api-user.ts'
import type { Caller } from './caller.ts'
import type { CallContent } from './engine.ts'
import type { Fields } from './fields.ts'
import type { Params } from './form.ts'
import { requireKey } from './keys.ts'
import type { MediaFireError } from './media-fire-error.ts'
import { readResumable, type Resumable } from './units.ts'
import { uploadError } from './upload-errors.ts'

/** Where an upload goes: a folder by its key, the root by default, or a filedrop, which needs no session. */
export interface UploadPlace {
  readonly folderKey?: string
  readonly filedropKey?: string
}

export interface CheckRequest extends SignalOption, UploadPlace {
  readonly filename: string
  readonly size: number
  /** SHA-256, 64 hexadecimal digits. */
  readonly hash: string
  /** For the sentence of an error. */
  readonly attempted?: string
}

export interface CheckResult {
  /** Somebody has stored these bytes before. */
  readonly hashExists: boolean
  readonly inAccount?: boolean
  readonly inFolder?: boolean
  /** The folder has a file of that name. */
  readonly fileExists: boolean
  /** It has other bytes. */
  readonly differentHash?: boolean
  readonly duplicateKey?: string
  readonly folderKey?: string
  readonly availableSpace?: number
  readonly usedStorage?: number
  readonly storageLimit?: number
  readonly storageLimitExceeded?: boolean
  readonly resumable?: Resumable
}

export interface StoreRequest extends CheckRequest {
  readonly onDuplicate?: 'skip' | 'keep' | 'replace'
  readonly mtime?: Date
}

export interface UnitRequest extends StoreRequest {
  readonly unit: number
  readonly unitSize: number
  readonly unitHash: string
  readonly content: CallContent
}

export interface PollResult {
  readonly status?: number
  readonly description?: string
  /** Not 0 when the file could not be stored. */
  readonly fileError: number
  readonly quickKey?: string
  readonly filename?: string
  readonly size?: number
  readonly hash?: string
  readonly created?: Date
}

export interface WebUpload {
  readonly uploadKey?: string
  readonly active?: boolean
  readonly quickKey?: string
  readonly filename?: string
  /** 99 when it is there (facts: 4.13). */
  readonly statusCode?: number
  readonly status?: string
  readonly errorStatus?: string
  readonly url?: string
  readonly size?: number
  readonly percentage?: number
}

/** The steps of an upload, for those who want to walk them themselves; `upload()` of the client does all of it. */
export class UploadApi {
  readonly #caller: Caller

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** What the service has already. */
  check(request: CheckRequest): Promise<CheckResult> {
    const { filename, size, hash } = request
    const params = { filename, size, hash, resumable: true, ...placeOf(request) }
    return this.#perform('check', params, request, undefined, (fields) => {
      const resumable = fields.fields('resumable_upload')
      return {
        hashExists: fields.flag('hash_exists') ?? false,
        inAccount: fields.flag('in_account'),
        inFolder: fields.flag('in_folder'),
        fileExists: fields.flag('file_exists') ?? false,
        differentHash: fields.flag('different_hash'),
        duplicateKey: fields.someText('duplicate_quickkey'),
        folderKey: fields.someText('folder_key', 'folderkey'),
        availableSpace: fields.number('available_space'),
        usedStorage: fields.count('used_storage_size'),
        storageLimit: fields.count('storage_limit'),
        storageLimitExceeded: fields.flag('storage_limit_exceeded'),
        resumable: resumable.names.length === 0 ? undefined : readResumable(resumable, size),
      }
    })
  }

  /** Makes a file of bytes that the service has already. */
  instant(request: StoreRequest): Promise<{ quickKey: string; filename?: string; deviceRevision?: number }> {
    const { filename, size, hash } = request
    return this.#perform(
      'instant',
      { filename, size, hash, ...storeParams(request) },
      request,
      undefined,
      (fields) => ({
        quickKey: fields.requiredText('quickkey', 'quick_key'),
        filename: fields.someText('filename'),
        deviceRevision: fields.count('new_device_revision', 'device_revision'),
      }),
    )
  }

  /** Sends a whole file in one call. Returns the key to poll. */
  simple(request: StoreRequest & { content: CallContent }): Promise<string> {
    return this.#perform('simple', storeParams(request), request, request.content, (fields) =>
      fields.fields('doupload').requiredText('key'),
    )
  }

  /** Sends one unit. */
  unit(request: UnitRequest): Promise<{ key?: string; resumable?: Resumable }> {
    return this.#perform('resumable', storeParams(request), request, request.content, (fields) => {
      const resumable = fields.fields('resumable_upload')
      return {
        key: fields.fields('doupload').someText('key'),
        resumable: resumable.names.length === 0 ? undefined : readResumable(resumable, request.size),
      }
    })
  }

  /** How far the service is with what was sent. */
  poll(key: string, options: SignalOption & { attempted?: string; isFiledrop?: boolean } = {}): Promise<PollResult> {
    const { attempted, signal, isFiledrop } = options
    const place = isFiledrop === true ? { filedropKey: 'x' } : {}
    return this.#perform(
      'poll_upload',
      { key: requireKey(key) },
      { attempted, signal, ...place },
      undefined,
      (fields) => {
        const doupload = fields.fields('doupload')
        return {
          status: doupload.number('status'),
          description: doupload.someText('description'),
          fileError: doupload.number('fileerror') ?? 0,
          quickKey: doupload.someText('quickkey', 'quick_key'),
          filename: doupload.someText('filename'),
          size: doupload.count('size'),
          hash: doupload.someText('hash')?.toLowerCase(),
          created: doupload.date('created'),
        }
      },
    )
  }

  /** Lets the service fetch a file from an address. Returns the key to ask with. */
  addWebUpload(
    upload: { url: string; filename: string; folderKey?: string },
    options: SignalOption = {},
  ): Promise<string> {
    const params = { url: upload.url, filename: upload.filename, folder_key: upload.folderKey }
    const call = { action: 'upload/add_web_upload', params, signal: options.signal }
    return this.#caller.perform('session', call, (fields) => fields.requiredText('upload_key', 'uploadkey'))
  }

  /** Those under way, or all. */
  getWebUploads(options: SignalOption & { uploadKey?: string; all?: boolean } = {}): Promise<WebUpload[]> {
    const params = { upload_key: options.uploadKey, all_web_uploads: options.all }
    const call = { action: 'upload/get_web_uploads', params, repeatable: true, signal: options.signal }
    return this.#caller.perform('session', call, (answer) =>
      answer.list('web_uploads').map((fields) => ({
        uploadKey: fields.someText('uploadkey', 'upload_key'),
        active: fields.flag('active'),
        quickKey: fields.someText('quickkey'),
        filename: fields.someText('filename'),
        statusCode: fields.number('status_code'),
        status: fields.someText('status'),
        errorStatus: fields.someText('error_status'),
        url: fields.someText('url'),
        size: fields.number('size'),
        percentage: fields.number('percentage'),
      })),
    )
  }

  #perform<T>(
    method: string,
    params: Params,
    request: SignalOption & UploadPlace & { attempted?: string },
    content: CallContent | undefined,
    decode: (fields: Fields) => T,
  ): Promise<T> {
    const { attempted = `call "upload/${method}"`, signal, filedropKey } = request
    // Units and checks do no harm when they come twice, and a second file finds the first one, unless both are to be kept.
    const repeatable = method === 'resumable' || params['action_on_duplicate'] !== 'keep'
    const call = { action: `upload/${method}`, params, attempted, repeatable, content, signal }
    const refine = (fields: Fields, error: MediaFireError | undefined): MediaFireError | undefined => {
      if (error !== undefined && error.apiCode !== 169) return undefined
      const result = fields.fields('doupload').number('result') ?? 0
      return result === 0 ? undefined : uploadError(result, attempted)
    }
    return this.#caller.perform(filedropKey === undefined ? 'upload' : 'none', { ...call, refine }, decode)
  }
}

function placeOf({ folderKey, filedropKey }: UploadPlace): Params {
  if (filedropKey !== undefined) return { filedrop_key: requireKey(filedropKey) }
  return { folder_key: folderKey === undefined ? undefined : requireKey(folderKey) }
}

function storeParams(request: StoreRequest): Params {
  return { ...placeOf(request), action_on_duplicate: request.onDuplicate, mtime: request.mtime }
}
