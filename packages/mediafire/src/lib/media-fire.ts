import type { ByteSource, ByteStream } from '@coalmine/bytes'
import { DeviceApi } from './api-device.ts'
import { FileApi } from './api-file.ts'
import { FolderApi } from './api-folder.ts'
import { SystemApi } from './api-system.ts'
import { UploadApi } from './api-upload.ts'
import { type SignalOption, UserApi } from './api-user.ts'
import { Caller, type CallAuth, type CallerOptions } from './caller.ts'
import { downloadFile, type DownloadOptions } from './download.ts'
import type { Fields } from './fields.ts'
import type { Params } from './form.ts'
import type { FileInfo } from './items.ts'
import { MediaFireError } from './media-fire-error.ts'
import { Paths } from './paths.ts'
import { Sharing } from './sharing.ts'
import { Trash } from './trash.ts'
import { uploadFile } from './upload.ts'
import type { UploadOptions, UploadResult } from './upload-job.ts'

export interface CallOptions {
  /** What the call needs: a session (the default), the token for uploads, or nothing. */
  readonly auth?: CallAuth
  /** Whether it may be done twice; by default what only asks (`get_…`, `search`, `check`, …) may. */
  readonly repeatable?: boolean
  readonly signal?: AbortSignal
}

export interface MediaFireOptions extends CallerOptions {
  /** How long what a folder holds is believed when paths are looked up, in milliseconds; 60 s. */
  readonly pathCacheMs?: number
}

/** The calls of the service, typed. */
export interface MediaFireApi {
  readonly user: UserApi
  readonly folder: FolderApi
  readonly file: FileApi
  readonly upload: UploadApi
  readonly device: DeviceApi
  readonly system: SystemApi
}

/** A client of MediaFire. Nothing happens before the first call; `close()` it. */
export class MediaFire {
  readonly api: MediaFireApi
  /** Finds what a path leads to. */
  readonly paths: Paths
  /** Deletes, and makes sure of it. */
  readonly trash: Trash
  /** Makes things public and private, and gives addresses of them. */
  readonly sharing: Sharing
  readonly #caller: Caller

  constructor(options: MediaFireOptions = {}) {
    this.#caller = new Caller(options)
    this.api = {
      user: new UserApi(this.#caller),
      folder: new FolderApi(this.#caller),
      file: new FileApi(this.#caller),
      upload: new UploadApi(this.#caller),
      device: new DeviceApi(this.#caller),
      system: new SystemApi(this.#caller),
    }
    const { engine } = this.#caller
    const { file, folder } = this.api
    const { pathCacheMs = 60_000 } = options
    if (!(pathCacheMs >= 0)) throw new RangeError(`Cannot believe a listing for ${pathCacheMs} ms`)
    this.paths = new Paths(folder, engine, pathCacheMs)
    this.#caller.onFoldersChanged = () => this.paths.forgetFolders()
    this.#caller.onFilesChanged = () => this.paths.forgetFiles()
    this.trash = new Trash(this.api, engine)
    this.sharing = new Sharing(file, folder, engine)
  }

  /**
   * Makes any call, for what has no method of its own.
   *
   * @param action - `folder/get_depth`
   * @returns the fields of its answer, to be read one by one.
   * @throws MediaFireError; TypeError when the action or a parameter cannot be sent.
   */
  call(action: string, params: Params = {}, options: CallOptions = {}): Promise<Fields> {
    const { auth = 'session', repeatable = onlyAsks(action), signal } = options
    return this.#caller.perform(auth, { action, params, repeatable, signal }, (fields) => fields)
  }

  /**
   * Stores a file: nothing is sent that the service has already, and size and SHA-256 of what it has stored are compared.
   *
   * The source is read once for its hash, unless that is given, and its parts again as they are sent. After a crash, the same
   * call goes on where the service's own list of units says.
   *
   * @throws MediaFireError `invalid` (the name), `exists`, `storage-full`, `too-large`, `stalled`, `mismatch`, `bad-source`, …;
   * the source's own errors as they are.
   */
  upload(name: string, source: ByteSource, options: UploadOptions = {}): Promise<UploadResult> {
    const { upload: api, file: files } = this.api
    return uploadFile({ api, files, engine: this.#caller.engine }, name, source, options)
  }

  /**
   * The bytes of a file. Nothing happens before the first pull; what breaks off goes on where it was. The hash of a whole
   * file is compared at its end: until then nothing is proven.
   *
   * @param target - A quick key, or a path such as `mf:/Folder/File`.
   * @throws MediaFireError `not-found`, `duplicates`, `bandwidth`, `mismatch`, `stalled`, …; RangeError when the range does
   * not lie within the file.
   */
  async *download(target: string, options: DownloadOptions = {}): ByteStream {
    const { signal } = options
    const info = target.startsWith('mf:')
      ? await this.#fileAt(target, { signal })
      : (options.info ?? (await this.api.file.getInfo(target, { signal })))
    yield* downloadFile({ files: this.api.file, engine: this.#caller.engine }, info.key, { ...options, info })
  }

  /** What the path leads to now: a listing that was kept may know a file that is gone, or what it was before. */
  async #fileAt(path: string, options: SignalOption): Promise<FileInfo> {
    for (let again = false; ; again = true) {
      const { key } = await this.paths.findFile(path, options)
      try {
        const info = await this.api.file.getInfo(key, options)
        if (info.deletedAt === undefined || again) return info
      } catch (error) {
        if (again || !(error instanceof MediaFireError) || error.code !== 'not-found') throw error
      }
      this.paths.forgetFolders()
      this.paths.forgetFiles()
    }
  }

  /** Ends what is under way, gives the token for uploads back, and lets go of the connections. */
  close(): Promise<void> {
    return this.#caller.close()
  }
}

/** Creates a client. @throws TypeError, RangeError when an option cannot be used. */
export function createMediaFire(options: MediaFireOptions = {}): MediaFire {
  return new MediaFire(options)
}

function onlyAsks(action: string): boolean {
  return /^\w+\/(?:get_(?!action_token)|fetch|search|check|poll|peek)/.test(action)
}
