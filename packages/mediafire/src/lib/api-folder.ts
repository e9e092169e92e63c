import { ApiPart, fineIf } from './api-part.ts'
import type { SignalOption } from './api-user.ts'
import type { Caller } from './caller.ts'
import type { Fields } from './fields.ts'
import type { Params } from './form.ts'
import { type Changed, changed, type FileInfo, fileInfo, type FolderInfo, folderInfo } from './items.ts'
import { keyGroups, requireKey, rootKey } from './keys.ts'
import { MediaFireError } from './media-fire-error.ts'
import { doing, requireName } from './names.ts'

/** A folder by its key, or by a path of names below the root as the service itself reads it. */
export type FolderPlace = string | { readonly path: string }

export interface ListingOptions extends SignalOption {
  readonly orderBy?: 'name' | 'created' | 'size' | 'downloads'
  readonly descending?: boolean
  readonly filter?: string
  readonly details?: boolean | 'shallow'
  /** Entries per call, 100 to 1000; 1000. */
  readonly chunkSize?: number
}

export interface SearchResult {
  readonly file?: FileInfo
  readonly folder?: FolderInfo
  readonly relevancy?: number
  readonly parentName?: string
}

export interface FolderUpdate {
  readonly name?: string
  readonly description?: string
  readonly isPrivate?: boolean
  /** The privacy also of all below. */
  readonly recursive?: boolean
  readonly mtime?: Date
}

export interface Copied extends Changed {
  readonly newKeys: string[]
  readonly skippedCount?: number
}

export interface Moved extends Changed {
  /** Under which names they lie there now, where the service says so. */
  readonly newNames: string[]
}

// A folder that changes all the time is listed anew that often.
const mostPasses = 5

/** Folders (facts: 3.3). Where several keys are given they are sent in as many calls as it takes. */
export class FolderApi {
  readonly #caller: Caller
  readonly #part: ApiPart

  constructor(caller: Caller) {
    this.#caller = caller
    this.#part = new ApiPart(caller, 'folder')
  }

  /** @throws MediaFireError `not-found` */
  getInfo(
    folder: FolderPlace = rootKey,
    options: SignalOption & { details?: boolean | 'shallow' } = {},
  ): Promise<FolderInfo> {
    const params = { ...place(folder), details: options.details }
    return this.#part.ask('get_info', params, options, (answer) => folderInfo(infoOf(answer)))
  }

  /** Those that exist. */
  async getInfos(keys: readonly string[], options: SignalOption = {}): Promise<FolderInfo[]> {
    const infos: FolderInfo[] = []
    for (const group of keyGroups(keys)) {
      const decode = (answer: Fields) => answer.list('folder_infos', 'folder_info').map((fields) => folderInfo(fields))
      infos.push(...(await this.#part.ask('get_info', { folder_key: group }, options, decode)))
    }
    return infos
  }

  /** The files in a folder, each once, in as many calls as it takes. Changes meanwhile make it begin again. */
  files(folder: FolderPlace = rootKey, options: ListingOptions = {}): AsyncIterable<FileInfo> {
    const key = typeof folder === 'string' ? folder : undefined
    return this.#listing(folder, 'files', options, (fields) => fileInfo(fields, key))
  }

  /** The folders in a folder, each once. */
  folders(folder: FolderPlace = rootKey, options: ListingOptions = {}): AsyncIterable<FolderInfo> {
    const key = typeof folder === 'string' ? folder : undefined
    return this.#listing(folder, 'folders', options, (fields) => folderInfo(fields, key))
  }

  async *#listing<T extends { readonly key: string }>(
    folder: FolderPlace,
    type: 'files' | 'folders',
    options: ListingOptions,
    decode: (fields: Fields) => T,
  ): AsyncIterable<T> {
    const { chunkSize = 1000, orderBy, descending, filter, details } = options
    if (!(Number.isSafeInteger(chunkSize) && chunkSize >= 100 && chunkSize <= 1000)) {
      throw new RangeError(`Cannot list ${chunkSize} at a time: it takes 100 to 1000`)
    }
    const order = descending === undefined ? undefined : descending ? 'desc' : 'asc'
    const params = { ...place(folder), content_type: type, order_by: orderBy, order_direction: order, filter, details }
    const shown = new Set<string>()
    for (let pass = 1; ; pass++) {
      let revision: string | undefined
      let moved = false
      const inThisPass = new Set<string>()
      for (let chunk = 1; ; chunk++) {
        const page = await this.#part.ask(
          'get_content',
          { ...params, chunk, chunk_size: chunkSize },
          options,
          (answer) => {
            const content = answer.fields('folder_content')
            const items = content.list(type).map(decode)
            const size = content.count('chunk_size') ?? chunkSize
            // Some servers end their list too early by this field, others never: a full page has another one after it,
            // an empty one has none.
            const more = items.length > 0 && (content.flag('more_chunks') === true || items.length >= size)
            return { items, more, revision: content.someText('revision') }
          },
        )
        revision ??= page.revision
        moved ||= page.revision !== revision
        for (const item of page.items) {
          if (shown.has(item.key)) continue
          shown.add(item.key)
          yield item
        }
        const before = inThisPass.size
        for (const { key } of page.items) inThisPass.add(key)
        // A page without anything new is the end, whatever else it says.
        if (!page.more || inThisPass.size === before) break
      }
      // What moved from a later page to an earlier one meanwhile was not seen.
      if (!moved) return
      if (pass >= mostPasses) {
        const attempted = `list the ${type} of ${typeof folder === 'string' ? `"${folder}"` : `"${folder.path}"`}`
        throw new MediaFireError('busy', `the folder changed while it was read, ${pass} times`, { attempted })
      }
    }
  }

  /**
   * Makes a folder, or finds the one of that name when `onDuplicate` is `skip` (the default).
   *
   * @param onDuplicate - `keep` makes one under another name.
   */
  async create(
    name: string,
    options: SignalOption & { parent?: FolderPlace; onDuplicate?: 'skip' | 'keep'; mtime?: Date } = {},
  ): Promise<FolderInfo & Changed> {
    const { parent = rootKey, onDuplicate = 'skip', mtime } = options
    requireName(name, doing('make the folder', name))
    const params = {
      foldername: name,
      ...(typeof parent === 'string' ? { parent_key: requireKey(parent) } : { parent_path: parent.path }),
      action_on_duplicate: onDuplicate,
      mtime,
    }
    const call = { action: 'folder/create', params, repeatable: onDuplicate === 'skip', signal: options.signal }
    return this.#caller.perform('session', call, (fields) => {
      const parentKey = typeof parent === 'string' ? parent : undefined
      return { ...folderInfo(fields, parentKey), name: fields.someText('name') ?? name, ...changed(fields) }
    })
  }

  /** The copies' keys. Not tried again once it may have been done. */
  async copy(keys: string | readonly string[], toKey: string, options: SignalOption = {}): Promise<Copied> {
    return this.#part
      .inGroups('copy', { keys, as: 'folder_key_src' }, { folder_key_dst: requireKey(toKey) }, options, copied)
      .then(allCopied)
  }

  async move(keys: string | readonly string[], toKey: string, options: SignalOption = {}): Promise<Moved> {
    return this.#part
      .inGroups('move', { keys, as: 'folder_key_src' }, { folder_key_dst: requireKey(toKey) }, options, moved)
      .then(allMoved)
  }

  /** To the trash; what is deleted already is fine. The client's `delete()` also makes sure of it. */
  delete(keys: string | readonly string[], options: SignalOption = {}): Promise<Changed> {
    return this.#part.inGroups('delete', { keys, as: 'folder_key' }, {}, options, changed).then(allChanged)
  }

  /** For good; also what is in the trash. */
  purge(keys: string | readonly string[], options: SignalOption = {}): Promise<Changed> {
    return this.#part.inGroups('purge', { keys, as: 'folder_key' }, {}, options, changed).then(allChanged)
  }

  async update(folder: FolderPlace, changes: FolderUpdate, options: SignalOption = {}): Promise<Changed> {
    if (changes.name !== undefined) requireName(changes.name, doing('rename the folder to', changes.name))
    const params = {
      ...place(folder),
      foldername: changes.name,
      description: changes.description,
      privacy: privacyOf(changes.isPrivate),
      privacy_recursive: changes.recursive,
      mtime: changes.mtime,
    }
    return this.#part.ask('update', params, options, changed).catch(fineIf([238], { asynchronous: false }))
  }

  search(
    text: string,
    options: SignalOption & { folderKey?: string; everywhere?: boolean; filter?: string; details?: boolean } = {},
  ): Promise<{ count?: number; results: SearchResult[] }> {
    const { folderKey, everywhere, filter, details } = options
    const params = { search_text: text, folder_key: folderKey, search_all: everywhere, filter, details }
    return this.#part.ask('search', params, options, (answer) => ({
      count: answer.count('results_count'),
      results: answer.list('results').map((fields) => ({
        ...(fields.someText('type') === 'folder' ? { folder: folderInfo(fields) } : { file: fileInfo(fields) }),
        relevancy: fields.number('relevancy'),
        parentName: fields.someText('parent_name'),
      })),
    }))
  }

  /** The folders above, from the folder itself up to the root. */
  getDepth(
    key: string,
    options: SignalOption = {},
  ): Promise<{ depth?: number; chain: { key: string; name: string }[] }> {
    return this.#part.ask('get_depth', { folder_key: requireKey(key) }, options, (answer) => {
      const fields = answer.fields('folder_depth')
      const chain = fields.list('chain_folders').map((folder) => {
        return { key: folder.requiredText('folderkey', 'folder_key'), name: folder.text('name') ?? '' }
      })
      return { depth: fields.count('depth'), chain }
    })
  }

  /** What lies beside a folder. */
  getSiblings(
    key: string,
    options: SignalOption & { type?: 'files' | 'folders' | 'all'; start?: number; limit?: number } = {},
  ): Promise<(FileInfo | FolderInfo)[]> {
    const { type, start, limit } = options
    const params = { folder_key: requireKey(key), content_filter: type, start, limit }
    return this.#part.ask('get_siblings', params, options, (answer) =>
      answer
        .list('siblings')
        .map((fields) => (fields.raw('quickkey') === undefined ? folderInfo(fields) : fileInfo(fields))),
    )
  }

  /** Lets strangers upload into the folder, or no longer; what comes back is the service's own. */
  configureFiledrop(key: string, settings: Params, options: SignalOption = {}): Promise<Fields> {
    return this.#part.ask(
      'configure_filedrop',
      { ...settings, folder_key: requireKey(key) },
      options,
      (answer) => answer,
    )
  }
}

export function copied(fields: Fields): Copied {
  const newKeys = fields.texts('new_quickkeys', 'new_folderkeys')
  return { newKeys, skippedCount: fields.count('skipped_count'), ...changed(fields) }
}

export function moved(fields: Fields): Moved {
  return { newNames: fields.texts('new_names'), ...changed(fields) }
}

export function allChanged(all: readonly Changed[]): Changed {
  const asynchronous = all.some((one) => one.asynchronous)
  return { deviceRevision: all.at(-1)?.deviceRevision, asynchronous }
}

export function allCopied(all: readonly Copied[]): Copied {
  const skippedCount = all.reduce((sum, one) => sum + (one.skippedCount ?? 0), 0)
  return { newKeys: all.flatMap(({ newKeys }) => newKeys), skippedCount, ...allChanged(all) }
}

export function allMoved(all: readonly Moved[]): Moved {
  return { newNames: all.flatMap(({ newNames }) => newNames), ...allChanged(all) }
}

export function privacyOf(isPrivate: boolean | undefined): string | undefined {
  return isPrivate === undefined ? undefined : isPrivate ? 'private' : 'public'
}

function place(folder: FolderPlace): Params {
  return typeof folder === 'string' ? { folder_key: requireKey(folder) } : { folder_path: folder.path }
}

function infoOf(answer: Fields): Fields {
  const [info] = answer.list('folder_info', 'folder_infos')
  return info ?? answer.fields('folder_info')
}
