import { joinPath, type RawPath } from '@coalmine/bytes'
import { constants } from 'node:fs'
import { type Address, address, addressBelow } from './address.ts'
import type { FileEffects } from './effects.ts'
import { FileTreeError, sentence } from './errors.ts'

/** Opens real folders only: a symlink in the place of one is ELOOP or ENOTDIR, a pipe does not block. */
export const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export type FolderPort = Pick<FileEffects, 'descriptors' | 'open' | 'close' | 'fstat'>

interface Frame {
  readonly path: RawPath
  readonly name: string
  descriptor: number | undefined
  /** Known once the descriptor had to be given up. */
  identity: { device: bigint; inode: bigint } | undefined
}

/**
 * The folders from a root down to the current one, each held open.
 *
 * Where descriptors can be used as paths (Linux), names are looked up in the held folder, so nobody who replaces a folder
 * by a symlink can lead us elsewhere, and a path may be longer than the system's limit. Elsewhere names are looked up by
 * their whole path; then only the last component is certain not to be followed.
 *
 * At most `window` descriptors are held. A folder further up that is needed again is opened anew from the root, and
 * must be the same one.
 */
export class FolderStack {
  readonly #port: FolderPort
  readonly #prefix: string | undefined
  readonly #base: string
  readonly #window: number
  readonly #flags: number
  readonly #frames: Frame[]

  /**
   * @param root - Its path with one char per byte, and its descriptor, which stays the caller's.
   * @param options.followLinks - Whether a link to a folder is entered as that folder.
   */
  constructor(
    port: FolderPort,
    root: { path: string; descriptor: number },
    options: { window?: number; followLinks?: boolean } = {},
  ) {
    const { window = 128, followLinks = false } = options
    this.#flags = followLinks ? folderFlags & ~constants.O_NOFOLLOW : folderFlags
    this.#port = port
    this.#prefix = port.descriptors()
    this.#base = root.path.endsWith('/') ? root.path : `${root.path}/`
    this.#window = window
    this.#frames = [{ path: '' as RawPath, name: '', descriptor: root.descriptor, identity: undefined }]
  }

  /** Of the current folder, relative to the root. */
  get path(): RawPath {
    return this.#top.path
  }

  /** 0 in the root. */
  get depth(): number {
    return this.#frames.length - 1
  }

  /** Of the current folder. @throws FileTreeError `changed`, or a system error, when it had to be opened again. */
  descriptor(): number {
    return this.#top.descriptor ?? this.#reopen()
  }

  /** Where the current folder is. */
  here(): Address {
    return this.#prefix === undefined ? address(this.#base + this.path) : `${this.#prefix}${this.descriptor()}`
  }

  /** Where a name in the current folder is. @throws as {@link FolderStack.descriptor}. */
  at(name: string): Address {
    const descriptor = this.descriptor()
    if (this.#prefix === undefined) return address(this.#base + joinPath(this.path, name as RawPath))
    return addressBelow(`${this.#prefix}${descriptor}/`, name)
  }

  /** Where something that is held open is, whatever its name is by now; `undefined` where there are no such addresses. */
  addressOf(descriptor: number): Address | undefined {
    return this.#prefix === undefined ? undefined : `${this.#prefix}${descriptor}`
  }

  /** Goes down. @throws the system's error when there is no (real) folder of that name. */
  enter(name: string): void {
    const descriptor = this.#port.open(this.at(name), this.#flags)
    this.#frames.push({ path: joinPath(this.path, name as RawPath), name, descriptor, identity: undefined })
    const far = this.depth - this.#window
    if (far > 0) this.#giveUp(this.#frames[far]!)
  }

  /** Goes up; not above the root. */
  leave(): void {
    if (this.depth === 0) return
    const frame = this.#frames.pop()!
    if (frame.descriptor !== undefined) this.#port.close(frame.descriptor)
  }

  /** Goes to a folder, over the nearest common one. @throws as {@link FolderStack.enter}, staying as near as it came. */
  goTo(path: RawPath): void {
    while (!(this.path === '' || this.path === path || path.startsWith(`${this.path}/`))) this.leave()
    if (this.path === path) return
    const rest = this.path === '' ? path : path.slice(this.path.length + 1)
    for (const name of rest.split('/')) this.enter(name)
  }

  /** Lets go of all but the root. */
  close(): void {
    while (this.depth > 0) this.leave()
  }

  get #top(): Frame {
    return this.#frames[this.#frames.length - 1]!
  }

  #giveUp(frame: Frame): void {
    if (frame.descriptor === undefined) return
    if (frame.identity === undefined) {
      const { device, inode } = this.#port.fstat(frame.descriptor)
      frame.identity = { device, inode }
    }
    this.#port.close(frame.descriptor)
    frame.descriptor = undefined
  }

  #reopen(): number {
    const last = this.depth
    for (let i = 1; i <= last; i++) {
      const frame = this.#frames[i]!
      if (frame.descriptor === undefined) {
        const parent = this.#frames[i - 1]!
        const place =
          this.#prefix === undefined ? this.#base + frame.path : `${this.#prefix}${parent.descriptor!}/${frame.name}`
        frame.descriptor = this.#port.open(address(place), this.#flags)
        this.#compare(frame)
      }
      // Only a stepping stone, unless it lies within the window.
      const parent = this.#frames[i - 1]!
      if (i - 1 > 0 && i - 1 <= last - this.#window) this.#giveUp(parent)
    }
    return this.#top.descriptor!
  }

  #compare(frame: Frame): void {
    const { device, inode } = this.#port.fstat(frame.descriptor!)
    if (frame.identity === undefined || (frame.identity.device === device && frame.identity.inode === inode)) return
    this.#port.close(frame.descriptor!)
    frame.descriptor = undefined
    const reason = 'another folder is in its place now'
    throw new FileTreeError('changed', sentence('go back to', frame.path, reason), { path: frame.path })
  }
}
