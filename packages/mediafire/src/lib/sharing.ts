import type { FileApi, OneTimeKey, OneTimeOptions } from './api-file.ts'
import type { FolderApi } from './api-folder.ts'
import type { SignalOption } from './api-user.ts'
import { secureUrl } from './download-url.ts'
import type { Engine } from './engine.ts'
import { requireKey } from './keys.ts'
import { MediaFireError, quoted } from './media-fire-error.ts'

/** Addresses that others can open, always with https:. */
export class Sharing {
  readonly #files: FileApi
  readonly #folders: FolderApi
  readonly #engine: Engine

  constructor(files: FileApi, folders: FolderApi, engine: Engine) {
    this.#files = files
    this.#folders = folders
    this.#engine = engine
  }

  /** Makes a file public, makes sure of it, and returns the address of its page. */
  async publishFile(key: string, options: SignalOption = {}): Promise<string> {
    const attempted = `publish the file "${key}"`
    await this.#setFile(key, false, attempted, options)
    const { links } = await this.#files.getLinks(key, { ...options, types: ['normal_download', 'view'] })
    const link = links[0]?.normalDownload ?? links[0]?.view
    if (link === undefined) throw new MediaFireError('malformed', 'MediaFire gives no link', { attempted, keys: [key] })
    return this.#secure(link, attempted)
  }

  /** Makes a folder public, with all below it if that is said, and returns the address of its page. */
  async publishFolder(key: string, options: SignalOption & { recursive?: boolean } = {}): Promise<string> {
    await this.#setFolder(key, false, `publish the folder "${key}"`, options)
    return new URL(`/folder/${key}`, this.#engine.origin).href
  }

  /** Makes a file private, and makes sure of it. */
  unpublishFile(key: string, options: SignalOption = {}): Promise<void> {
    return this.#setFile(key, true, `make the file "${key}" private`, options)
  }

  /** Makes a folder private, with all below it if that is said, and makes sure of it. */
  unpublishFolder(key: string, options: SignalOption & { recursive?: boolean } = {}): Promise<void> {
    return this.#setFolder(key, true, `make the folder "${key}" private`, options)
  }

  /** An address of the file's bytes, good for a while for whoever has it. @throws MediaFireError `bandwidth`, `denied` */
  async direct(key: string, options: SignalOption = {}): Promise<string> {
    const attempted = `get a direct link to the file "${requireKey(key)}"`
    const { links } = await this.#files.getLinks(key, { ...options, types: ['direct_download'] })
    const [link] = links
    if (link?.directDownload !== undefined) return this.#secure(link.directDownload, attempted)
    const why = link?.directDownloadError
    const state = why === undefined ? 'MediaFire gives none' : `MediaFire gives none (${quoted(why)})`
    throw new MediaFireError(/bandwidth/i.test(why ?? '') ? 'bandwidth' : 'denied', state, { attempted, keys: [key] })
  }

  /** Addresses that work once. They are counted, ten a day for accounts without a subscription. */
  async oneTime(key: string, options: OneTimeOptions = {}): Promise<OneTimeKey> {
    const attempted = `get a one-time link to the file "${requireKey(key)}"`
    const made = await this.#files.createOneTimeKey(key, options)
    const secure = (link: string | undefined) => (link === undefined ? undefined : this.#secure(link, attempted))
    const { download, view, watch, listen } = made.links
    const links = { download: secure(download), view: secure(view), watch: secure(watch), listen: secure(listen) }
    return { ...made, links }
  }

  async #setFile(key: string, isPrivate: boolean, attempted: string, options: SignalOption): Promise<void> {
    await this.#files.update(requireKey(key), { isPrivate }, options)
    this.#requirePrivacy((await this.#files.getInfo(key, options)).isPrivate, isPrivate, key, attempted)
  }

  async #setFolder(
    key: string,
    isPrivate: boolean,
    attempted: string,
    options: SignalOption & { recursive?: boolean },
  ): Promise<void> {
    const { recursive, signal } = options
    await this.#folders.update(requireKey(key), { isPrivate, recursive }, { signal })
    this.#requirePrivacy((await this.#folders.getInfo(key, { signal })).isPrivate, isPrivate, key, attempted)
  }

  #requirePrivacy(is: boolean | undefined, wanted: boolean, key: string, attempted: string): void {
    if (is === wanted) return
    const state =
      is === undefined ? 'MediaFire does not tell whether it is' : `it is ${is ? 'private' : 'public'} all the same`
    throw new MediaFireError('refused', state, { attempted, keys: [key] })
  }

  #secure(link: string, attempted: string): string {
    return secureUrl(link, this.#engine.origin, attempted).href
  }
}
