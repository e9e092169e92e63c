import type { ByteStream } from '@coalmine/bytes'
import { allChanged, allCopied, allMoved, copied, type Copied, moved, type Moved, privacyOf } from './api-folder.ts'
import { ApiPart, fineIf } from './api-part.ts'
import type { SignalOption } from './api-user.ts'
import type { Caller } from './caller.ts'
import type { Fields } from './fields.ts'
import type { Params } from './form.ts'
import { type Changed, changed, type FileInfo, fileInfo, fileLinks, type FileLinks } from './items.ts'
import { keyGroups, requireKey, rootKey } from './keys.ts'
import { doing, requireName } from './names.ts'

/** A file by its quick key, or by a path of names below the root as the service itself reads it. */
export type FilePlace = string | { readonly path: string }

export type LinkType =
  | 'view'
  | 'edit'
  | 'normal_download'
  | 'direct_download'
  | 'one_time_download'
  | 'watch'
  | 'listen'
  | 'streaming'
  | 'read'

export interface LinksOfFile extends FileLinks {
  readonly key?: string
  /** Why there is no direct link: no bandwidth left, not the owner, … */
  readonly directDownloadError?: string
  readonly editError?: string
  readonly streamingError?: string
}

export interface Links {
  readonly links: LinksOfFile[]
  /** Megabytes that may still be downloaded by direct links today. */
  readonly directDownloadFreeBandwidth?: number
  readonly oneTimeRequestCount?: number
  readonly oneTimeRequestMaxCount?: number
}

export interface FileUpdate {
  readonly name?: string
  readonly description?: string
  readonly tags?: string
  readonly mtime?: Date
  readonly isPrivate?: boolean
  /** Empties the file. */
  readonly truncate?: boolean
}

export interface FileVersion {
  readonly revision?: number
  readonly date?: Date
  readonly isHead?: boolean
}

export interface OneTimeOptions extends SignalOption {
  /** How long it is good; 30 days by default. */
  readonly minutes?: number
  readonly emailNotification?: boolean
  readonly bindIp?: string
  readonly burnAfterUse?: boolean
  readonly successCallbackUrl?: string
  readonly errorCallbackUrl?: string
}

export interface OneTimeKey {
  readonly token?: string
  readonly links: {
    readonly download?: string
    readonly view?: string
    readonly watch?: string
    readonly listen?: string
  }
  readonly requestCount?: number
  readonly requestMaxCount?: number
}

/** Files (facts: 3.4). Where several keys are given they are sent in as many calls as it takes. */
export class FileApi {
  readonly #caller: Caller
  readonly #part: ApiPart

  constructor(caller: Caller) {
    this.#caller = caller
    this.#part = new ApiPart(caller, 'file')
  }

  /** @throws MediaFireError `not-found` */
  getInfo(file: FilePlace, options: SignalOption = {}): Promise<FileInfo> {
    return this.#part.ask('get_info', place(file), options, (answer) => {
      const [info] = answer.list('file_info', 'file_infos')
      return fileInfo(info ?? answer.fields('file_info'))
    })
  }

  /** Those that exist, and the keys of those that do not. */
  async getInfos(
    keys: readonly string[],
    options: SignalOption = {},
  ): Promise<{ files: FileInfo[]; missing: string[] }> {
    const files: FileInfo[] = []
    for (const group of keyGroups(keys)) {
      const decode = (answer: Fields) => answer.list('file_infos', 'file_info').map((fields) => fileInfo(fields))
      // One key that is not known is an error, one among several is left out.
      files.push(...(await this.#part.ask('get_info', { quick_key: group }, options, decode).catch(fineIf([110], []))))
    }
    const found = new Set(files.map(({ key }) => key))
    return { files, missing: keys.filter((key) => !found.has(key)) }
  }

  /** Addresses, of the wanted kinds or all, in the order of the keys. */
  async getLinks(
    keys: string | readonly string[],
    options: SignalOption & { types?: readonly LinkType[] } = {},
  ): Promise<Links> {
    const { types } = options
    const links: LinksOfFile[] = []
    let last: Omit<Links, 'links'> = {}
    for (const group of keyGroups(keys)) {
      const page = await this.#part.ask('get_links', { quick_key: group, link_type: types }, options, linksOf)
      links.push(...page.links)
      last = page
    }
    return { ...last, links }
  }

  /** The copies' keys. Not tried again once it may have been done. */
  copy(keys: string | readonly string[], toKey = rootKey, options: SignalOption = {}): Promise<Copied> {
    return this.#part
      .inGroups('copy', { keys, as: 'quick_key' }, { folder_key: requireKey(toKey) }, options, copied)
      .then(allCopied)
  }

  move(keys: string | readonly string[], toKey: string, options: SignalOption = {}): Promise<Moved> {
    return this.#part
      .inGroups('move', { keys, as: 'quick_key' }, { folder_key: requireKey(toKey) }, options, moved)
      .then(allMoved)
  }

  /** To the trash; what is deleted already is fine. The client's `delete()` also makes sure of it. */
  delete(keys: string | readonly string[], options: SignalOption = {}): Promise<Changed> {
    return this.#part.inGroups('delete', { keys, as: 'quick_key' }, {}, options, changed).then(allChanged)
  }

  /** For good; also what is in the trash. */
  purge(keys: string | readonly string[], options: SignalOption = {}): Promise<Changed> {
    return this.#part.inGroups('purge', { keys, as: 'quick_key' }, {}, options, changed).then(allChanged)
  }

  /** A new name must keep the extension, else MediaFire refuses it. */
  async update(file: FilePlace, changes: FileUpdate, options: SignalOption = {}): Promise<Changed> {
    if (changes.name !== undefined) requireName(changes.name, doing('rename the file to', changes.name))
    const params = {
      ...place(file),
      filename: changes.name,
      description: changes.description,
      tags: changes.tags,
      mtime: changes.mtime,
      privacy: privacyOf(changes.isPrivate),
      truncate: changes.truncate,
    }
    return this.#part.ask('update', params, options, changed).catch(fineIf([238], { asynchronous: false }))
  }

  /** Puts the content of one file into another; the first one is gone then. Not tried again once it may have been done. */
  replace(fromKey: string, toKey: string, options: SignalOption = {}): Promise<Changed> {
    const params = { from_quickkey: requireKey(fromKey), to_quickkey: requireKey(toKey) }
    return this.#part.once('update_file', params, options, changed)
  }

  /** Makes an empty text file; its name ends with `.txt`. */
  createText(
    name: string,
    options: SignalOption & { parentKey?: string; mtime?: Date } = {},
  ): Promise<FileInfo & Changed> {
    const { parentKey = rootKey, mtime } = options
    const params = { filename: name, parent_key: requireKey(parentKey), type: 'text', mtime }
    return this.#part.once('create', params, options, (answer) => {
      const [info] = answer.list('fileinfo', 'file_info')
      return { ...fileInfo(info ?? answer.fields('fileinfo'), parentKey), ...changed(answer) }
    })
  }

  /** Makes an earlier version the present one. */
  restoreVersion(key: string, revision: number, options: SignalOption = {}): Promise<Changed> {
    return this.#part.once('restore', { quick_key: requireKey(key), revision }, options, changed)
  }

  /** They appear some minutes after the file was changed. */
  getVersions(key: string, options: SignalOption = {}): Promise<FileVersion[]> {
    return this.#part.ask('get_versions', { quick_key: requireKey(key) }, options, (answer) =>
      answer.list('file_versions').map((fields) => ({
        revision: fields.count('revision'),
        date: fields.date('date'),
        isHead: fields.flag('head'),
      })),
    )
  }

  /** Quick keys. */
  recentlyModified(options: SignalOption & { count?: number } = {}): Promise<string[]> {
    return this.#part.ask('recently_modified', { number_of_files: options.count }, options, (a) => a.texts('quickkeys'))
  }

  /** A link that works once. Not tried again once it may have been made: they are counted. */
  createOneTimeKey(key: string, options: OneTimeOptions = {}): Promise<OneTimeKey> {
    return this.#part.once(
      'one_time_key',
      { quick_key: requireKey(key), ...oneTimeParams(options) },
      options,
      oneTimeKeyOf,
    )
  }

  configureOneTimeKey(token: string, options: OneTimeOptions = {}): Promise<OneTimeKey> {
    return this.#part.ask('configure_one_time_key', { token, ...oneTimeParams(options) }, options, oneTimeKeyOf)
  }

  /** What a ZIP of these files and folders would be; fields as the service has them. */
  zipInfo(keys: readonly string[], options: SignalOption = {}): Promise<Fields> {
    return this.#part.ask('zip', { keys: [...keys].map(requireKey), meta_only: true }, options, (answer) => answer)
  }

  /**
   * A ZIP of files and folders, as the service makes it: at most 300 MiB each and 2 GiB in all. What breaks off is an error
   * and begins again with the next call; there is no hash to compare.
   */
  zip(keys: readonly string[], options: SignalOption & { confirmDownload?: boolean } = {}): ByteStream {
    const params = { keys: [...keys].map(requireKey), confirm_download: options.confirmDownload }
    const attempted = `get a ZIP of ${keys.length === 1 ? `"${keys[0]!}"` : `${keys.length} items`}`
    return this.#caller.stream({ action: 'file/zip', params, attempted, signal: options.signal })
  }
}

function linksOf(answer: Fields): Links {
  return {
    links: answer.list('links').map((fields) => ({
      key: fields.someText('quickkey', 'quick_key'),
      ...fileLinks(fields),
      directDownloadError: fields.someText('direct_download_error_message', 'direct_download_error'),
      editError: fields.someText('edit_error_message'),
      streamingError: fields.someText('streaming_error'),
    })),
    directDownloadFreeBandwidth: answer.number('direct_download_free_bandwidth'),
    oneTimeRequestCount: answer.count('one_time_key_request_count', 'one_time_download_request_count'),
    oneTimeRequestMaxCount: answer.count('one_time_key_request_max_count'),
  }
}

function oneTimeParams(options: OneTimeOptions): Params {
  return {
    duration: options.minutes,
    email_notification: options.emailNotification,
    bind_ip: options.bindIp,
    burn_after_use: options.burnAfterUse,
    success_callback_url: options.successCallbackUrl,
    error_callback_url: options.errorCallbackUrl,
  }
}

function oneTimeKeyOf(answer: Fields): OneTimeKey {
  const links = answer.fields('links')
  return {
    token: answer.someText('token'),
    links: {
      download: links.someText('download') ?? answer.someText('one_time_download'),
      view: links.someText('view'),
      watch: links.someText('watch'),
      listen: links.someText('listen'),
    },
    requestCount: answer.count('one_time_key_request_count'),
    requestMaxCount: answer.count('one_time_key_request_max_count'),
  }
}

function place(file: FilePlace): Params {
  return typeof file === 'string' ? { quick_key: requireKey(file) } : { file_path: file.path }
}
