import { ApiPart } from './api-part.ts'
import type { SignalOption } from './api-user.ts'
import type { Caller } from './caller.ts'
import type { Fields } from './fields.ts'
import { type Changed, changed, type FileInfo, fileInfo, type FolderInfo, folderInfo } from './items.ts'
import { requireKey, trashKey } from './keys.ts'
import { MediaFireError } from './media-fire-error.ts'

export interface ChangedItem {
  readonly kind: 'file' | 'folder'
  readonly key: string
  /** `trash` when it was moved there. */
  readonly parentKey?: string
  readonly revision?: number
  readonly created?: Date
}

export interface Changes {
  /** Of the account, now. */
  readonly deviceRevision: number
  /** Everything up to here is known: what to ask from the next time. */
  readonly upTo: number
  /** New and changed, each once, with its highest revision. */
  readonly updated: ChangedItem[]
  /** Purged things may be missing here: the service does not report all of them. */
  readonly deleted: ChangedItem[]
}

export interface PatchUpdate {
  readonly sourceRevision?: number
  readonly targetRevision?: number
  readonly sourceHash?: string
  readonly targetHash?: string
}

/** The account as a whole: its revision, what changed, the trash (facts: 3.5). */
export class DeviceApi {
  readonly #caller: Caller
  readonly #part: ApiPart

  constructor(caller: Caller) {
    this.#caller = caller
    this.#part = new ApiPart(caller, 'device')
  }

  getStatus(options: SignalOption = {}): Promise<{ deviceRevision?: number; jobsInProgress: boolean }> {
    return this.#part.ask('get_status', {}, options, (answer) => ({
      deviceRevision: answer.count('device_revision', 'new_device_revision'),
      jobsInProgress: answer.flag('async_jobs_in_progress') ?? false,
    }))
  }

  /** Waits until the service has no more jobs of the account under way. @throws MediaFireError `busy` after `timeoutMs`, 2 minutes. */
  async waitForJobs(options: SignalOption & { timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs = 120_000, signal } = options
    const { engine } = this.#caller
    const startMs = engine.now()
    for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 2, 5000)) {
      if (!(await this.getStatus({ signal })).jobsInProgress) return
      if (engine.now() - startMs >= timeoutMs) {
        const attempted = 'wait for the jobs of the account'
        throw new MediaFireError('busy', `they still run after ${Math.round(timeoutMs / 1000)} s`, { attempted })
      }
      await engine.sleep(pauseMs, signal)
    }
  }

  /** What changed after a revision, in as many calls as it takes: each reports up to the end of a block of 500 revisions. */
  async changes(since: number, options: SignalOption = {}): Promise<Changes> {
    if (!(Number.isSafeInteger(since) && since >= 0)) throw new RangeError(`Cannot ask for changes since ${since}`)
    const updated = new Map<string, ChangedItem>()
    const deleted = new Map<string, ChangedItem>()
    for (let from = since; ;) {
      const page = await this.#part.ask('get_changes', { revision: from }, options, (answer) => ({
        deviceRevision: answer.requiredCount('device_revision'),
        block: answer.count('changes_list_block'),
        updated: changedItems(answer.fields('updated')),
        deleted: changedItems(answer.fields('deleted')),
      }))
      for (const item of page.updated) keepNewest(updated, item)
      for (const item of page.deleted) keepNewest(deleted, item)
      const { deviceRevision } = page
      const end = page.block ?? (Math.floor(from / 500) + 1) * 500
      if (end >= deviceRevision) {
        return { deviceRevision, upTo: deviceRevision, updated: [...updated.values()], deleted: [...deleted.values()] }
      }
      if (end <= from) {
        const state = `the service says the same block, ${end}, again and again`
        throw new MediaFireError('malformed', state, { attempted: `list the changes since revision ${since}` })
      }
      from = end
    }
  }

  /** The files in the trash. */
  trashedFiles(options: SignalOption = {}): AsyncIterable<FileInfo> {
    return this.#trash('files', options, (fields) => fileInfo(fields, trashKey))
  }

  /** The folders in the trash. */
  trashedFolders(options: SignalOption = {}): AsyncIterable<FolderInfo> {
    return this.#trash('folders', options, (fields) => folderInfo(fields, trashKey))
  }

  async *#trash<T extends { readonly key: string }>(
    type: 'files' | 'folders',
    options: SignalOption,
    decode: (fields: Fields) => T,
  ): AsyncIterable<T> {
    const shown = new Set<string>()
    for (let chunk = 1; ; chunk++) {
      const page = await this.#part.ask('get_trash', { content_type: type, chunk }, options, (answer) => {
        const items = answer.list(type).map(decode)
        const size = answer.count('chunk_size') ?? 100
        return { items, more: answer.flag('more_chunks') === true || items.length >= size }
      })
      const fresh = page.items.filter(({ key }) => !shown.has(key))
      for (const item of fresh) {
        shown.add(item.key)
        yield item
      }
      // A page without anything new is the end, whatever else it says.
      if (!page.more || fresh.length === 0) return
    }
  }

  /** Purges all that is in the trash. */
  emptyTrash(options: SignalOption = {}): Promise<Changed> {
    return this.#part.ask('empty_trash', {}, options, changed)
  }

  /** From which revisions of a file there are patches. */
  getUpdates(
    key: string,
    options: SignalOption & { revision?: number; targetRevision?: number } = {},
  ): Promise<{ currentRevision?: number; updates: PatchUpdate[] }> {
    const params = { quick_key: requireKey(key), revision: options.revision, target_revision: options.targetRevision }
    return this.#part.ask('get_updates', params, options, (answer) => ({
      currentRevision: answer.count('current_revision'),
      updates: answer.list('updates').map((fields) => ({
        sourceRevision: fields.count('source_revision'),
        targetRevision: fields.count('target_revision'),
        sourceHash: fields.someText('source_hash'),
        targetHash: fields.someText('target_hash'),
      })),
    }))
  }

  getPatch(
    key: string,
    revisions: { source: number; target: number },
    options: SignalOption = {},
  ): Promise<{ link?: string; hash?: string }> {
    const params = { quick_key: requireKey(key), source_revision: revisions.source, target_revision: revisions.target }
    return this.#part.ask('get_patch', params, options, (answer) => ({
      link: answer.someText('patch_link'),
      hash: answer.someText('patch_hash'),
    }))
  }
}

function changedItems(fields: Fields): ChangedItem[] {
  const read = (kind: 'file' | 'folder') => (one: Fields) => ({
    kind,
    key: kind === 'file' ? one.requiredText('quickkey', 'quick_key') : one.requiredText('folderkey', 'folder_key'),
    parentKey: one.someText('parent_folderkey'),
    revision: one.count('revision'),
    created: one.date('created'),
  })
  // The trash itself is reported as a folder that changes.
  const folders = fields.list('folders').map(read('folder'))
  return [...fields.list('files').map(read('file')), ...folders.filter(({ key }) => key !== trashKey)]
}

function keepNewest(items: Map<string, ChangedItem>, item: ChangedItem): void {
  const id = `${item.kind} ${item.key}`
  const known = items.get(id)
  if (known === undefined || (item.revision ?? 0) >= (known.revision ?? 0)) items.set(id, item)
}
