import { ApiPart } from './api-part.ts'
import type { SignalOption } from './api-user.ts'
import type { Caller } from './caller.ts'

export interface SystemInfo {
  readonly apiVersion?: string
  readonly timezone?: string
  readonly maxKeys?: number
  readonly maxObjects?: number
  readonly maxImageSize?: number
  readonly viewableExtensions: string[]
  readonly editableExtensions: string[]
}

export interface SystemLimits {
  readonly maxKeys?: number
  readonly maxObjects?: number
  readonly folderDepthLimit?: number
  readonly folderContentChunkSize?: number
  readonly deviceChangesListLimit?: number
  readonly searchResultsLimit?: number
  readonly zipMaxFileSize?: number
  readonly zipMaxTotalSize?: number
  readonly maxImageSize?: number
}

export interface MimeType {
  readonly mimeType?: string
  readonly extension?: string
  readonly type?: string
}

/** The service itself; needs no session (facts: 3.6). */
export class SystemApi {
  readonly #part: ApiPart

  constructor(caller: Caller) {
    this.#part = new ApiPart(caller, 'system', 'none')
  }

  getInfo(options?: SignalOption): Promise<SystemInfo> {
    return this.#part.ask('get_info', {}, options, (answer) => {
      const within = answer.fields('system_info')
      const fields = within.names.length > 0 ? within : answer
      return {
        apiVersion: fields.someText('current_api_version'),
        timezone: fields.someText('timezone'),
        maxKeys: fields.count('max_keys'),
        maxObjects: fields.count('max_objects'),
        maxImageSize: fields.count('max_image_size'),
        viewableExtensions: fields.fields('viewable').texts('extensions'),
        editableExtensions: fields.fields('editable').texts('extensions'),
      }
    })
  }

  getLimits(options?: SignalOption): Promise<SystemLimits> {
    return this.#part.ask('get_limits', {}, options, (answer) => {
      const fields = answer.fields('limits')
      return {
        maxKeys: fields.count('max_keys'),
        maxObjects: fields.count('max_objects'),
        folderDepthLimit: fields.count('folder_depth_limit'),
        folderContentChunkSize: fields.count('folder_content_chunk_size'),
        deviceChangesListLimit: fields.count('device_changes_list_limit'),
        searchResultsLimit: fields.count('limit_search_results'),
        zipMaxFileSize: fields.count('zip_max_filesize'),
        zipMaxTotalSize: fields.count('zip_max_total_filesize'),
        maxImageSize: fields.count('max_image_size'),
      }
    })
  }

  /** Whether the parts of the service work; `undefined` for those that are not named. */
  getStatus(options?: SignalOption): Promise<{ database?: boolean; memcache?: boolean; redis?: boolean }> {
    return this.#part.ask('get_status', {}, options, (answer) => {
      const within = answer.fields('status')
      const fields = within.names.length > 0 ? within : answer
      return { database: fields.flag('database'), memcache: fields.flag('memcache'), redis: fields.flag('redis') }
    })
  }

  /** The newest version of the API, as text. */
  getVersion(options?: SignalOption): Promise<string | undefined> {
    return this.#part.ask('get_version', {}, options, (answer) => answer.someText('current_api_version'))
  }

  /** Extensions of files that the website shows. */
  getSupportedMedia(options?: SignalOption): Promise<string[]> {
    return this.#part.ask('get_supported_media', {}, options, (answer) => answer.fields('viewable').texts('extensions'))
  }

  /** Extensions of files that the website edits. */
  getEditableMedia(options?: SignalOption): Promise<string[]> {
    return this.#part.ask('get_editable_media', {}, options, (answer) => answer.fields('editable').texts('extensions'))
  }

  getMimeTypes(options?: SignalOption): Promise<MimeType[]> {
    return this.#part.ask('get_mime_types', {}, options, (answer) =>
      answer.list('mime_types').map((fields) => ({
        mimeType: fields.someText('mimetype'),
        extension: fields.someText('extension'),
        type: fields.someText('type'),
      })),
    )
  }
}
