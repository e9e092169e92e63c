import { displayPath, isBelow, joinPath, parentPath, type RawPath } from '@coalmine/bytes'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { address, latin1Of } from './address.ts'
import { Attributes, callsFor, type Ownership } from './attributes.ts'
import { dress } from './dress.ts'
import { type FileEffects, type FileFacts, nodeEffects } from './effects.ts'
import { codeOf, FileTreeError, isOutside, sentence } from './errors.ts'
import { isInside } from './file-reader.ts'
import { FileSinkOnDisk, refusedSink, type SinkHost } from './file-sink.ts'
import type { FolderStack } from './folder-stack.ts'
import { ownerNames, type Owners } from './owners.ts'
import { Reporter } from './reporter.ts'
import { openScratch, type ScratchFile } from './scratch-file.ts'
import { type FileSink, isFatal, type TreeWriter, type WriteEntry, type WriteProblem } from './write-entry.ts'
import { folderMode, openAboveTarget, type OpenFolder, openTarget } from './write-target.ts'

export interface TreeWriterOptions {
  readonly ownership: Ownership
  /** Whether what is there already is replaced; false. Folders are never replaced unless they are empty. */
  readonly overwrite?: boolean
  /** The real file system. */
  readonly effects?: FileEffects
  /** Those of this machine. */
  readonly owners?: Owners
  readonly onProblem: (problem: WriteProblem) => void
}

/**
 * Writes a tree into `target`, and nowhere else, whatever names and links come. The folder is made when the first entry
 * comes; what is above it must be there. An entry with the empty path is the target itself, which may become a file.
 *
 * @param target - A path of the caller's own choosing: a symlink to a folder is followed here, and only here.
 */
export function createTreeWriter(target: string | Buffer, options: TreeWriterOptions): TreeWriter {
  return new ConfinedWriter(latin1Of(target), options)
}

const fileMode = 0o600
const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** Where something is to be made: a folder that is held open, and a name in it. */
interface Spot {
  readonly folder: FolderStack
  readonly name: string
}

class ConfinedWriter implements TreeWriter {
  readonly #target: string
  readonly #effects: FileEffects
  readonly #overwrite: boolean
  readonly #reporter: Reporter
  readonly #attributes: Attributes
  readonly #host: SinkHost
  readonly #prefix = `.coalmine-${randomBytes(8).toString('hex')}-`
  #made = 0
  /** The target as a folder, once it is open. */
  #tree: OpenFolder | undefined
  /** The folder that holds the target, when the target is to be something else than a folder. */
  #above: (OpenFolder & { name: string }) | undefined
  /** The archive had something for the target itself that is no folder: a link there may be the archive's, and is not followed. */
  #isRootTaken = false
  /** Attributes that the folders of the current path get when they are left; by depth. */
  readonly #due: (WriteEntry | undefined)[] = []
  #sink: FileSink | undefined
  #closed = false

  constructor(target: string, options: TreeWriterOptions) {
    const { ownership, overwrite = false, effects = nodeEffects, owners = ownerNames(), onProblem } = options
    this.#target = target
    this.#effects = effects
    this.#overwrite = overwrite
    this.#reporter = new Reporter(onProblem)
    this.#attributes = new Attributes(ownership, owners, this.#reporter)
    this.#host = {
      effects,
      reporter: this.#reporter,
      attributes: this.#attributes,
      discard: (entry, folder, temporary) => this.#discard(entry, folder, temporary),
      release: () => {
        this.#sink = undefined
      },
    }
  }

  directory(entry: WriteEntry): void {
    this.#ready(entry)
    if (entry.path === '') {
      this.#open(entry)
      return
    }
    const spot = this.#locate(entry)
    if (spot !== undefined) this.#enter(spot.folder, spot.name, entry, entry)
  }

  file(entry: WriteEntry, content: Uint8Array): void {
    const sink = this.openFile(entry)
    if (content.length > 0) sink.write(content)
    sink.commit()
  }

  openFile(entry: WriteEntry): FileSink {
    this.#ready(entry)
    const spot = this.#vacate(entry)
    if (spot === undefined) return refusedSink
    const temporary = this.#temporaryName()
    const opened = this.#reporter.attempt(entry, 'create', () =>
      this.#effects.open(spot.folder.at(temporary), newFileFlags, fileMode),
    )
    if (opened === undefined) return refusedSink
    this.#sink = new FileSinkOnDisk(this.#host, entry, { ...spot, temporary, descriptor: opened.value })
    return this.#sink
  }

  symlink(entry: WriteEntry): void {
    this.#ready(entry)
    const { path, linkTarget = '' } = entry
    if (!/^[\x01-\xff]+$/.test(linkTarget)) {
      const reason = 'its link target is no path'
      this.#reporter.tell(path, 'name', new FileTreeError('unsafe-name', sentence('write', path, reason)))
      return
    }
    const linkTo = address(linkTarget)
    this.#make(entry, 'symlink', (folder, temporary) => this.#effects.symlink(linkTo, folder.at(temporary)))
  }

  fifo(entry: WriteEntry): void {
    this.#ready(entry)
    this.#make(entry, 'fifo', (folder, temporary) =>
      this.#effects.mkfifo(folder.here(), temporary, this.#nodeMode(entry)),
    )
  }

  device(entry: WriteEntry): void {
    this.#ready(entry)
    const { path, kind, devMajor = 0, devMinor = 0 } = entry
    if (![devMajor, devMinor].every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 32)) {
      const reason = `the system has no device ${devMajor}, ${devMinor}`
      this.#reporter.tell(path, 'create', new FileTreeError('EINVAL', sentence('create', path, reason)))
      return
    }
    const type = kind === 'block-device' ? 'b' : 'c'
    this.#make(entry, type === 'b' ? 'block-device' : 'character-device', (folder, temporary) =>
      this.#effects.mknod(folder.here(), temporary, this.#nodeMode(entry), type, devMajor, devMinor),
    )
  }

  scratch(path: RawPath): ScratchFile {
    if (this.#closed) throw new FileTreeError('closed', sentence('write', path, 'the writer was closed'), { path })
    const folder = path === '' ? this.#openedAbove() : this.#opened()
    return openScratch(this.#effects, folder, this.#temporaryName())
  }

  finish(): void {
    this.#ready()
    try {
      if (this.#tree === undefined) return
      const { stack } = this.#tree
      while (stack.depth > 0) this.#leave(stack)
      const entry = this.#due.pop()
      if (entry !== undefined) this.#attributes.apply(entry, callsFor(this.#effects, this.#tree.descriptor))
    } finally {
      this.close()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#sink?.abort()
    this.#closed = true
    for (const open of [this.#tree, this.#above]) {
      open?.stack.close()
      if (open !== undefined) this.#effects.close(open.descriptor)
    }
  }

  #ready(entry?: WriteEntry): void {
    const path = entry?.path ?? ('' as RawPath)
    if (this.#closed) throw new FileTreeError('closed', sentence('write', path, 'the writer was closed'), { path })
    if (this.#sink === undefined) return
    throw new FileTreeError('busy', sentence('write', path, 'another file is still being written'), { path })
  }

  /** The target as a folder; opened once. */
  #open(entry: WriteEntry): FolderStack {
    const tree = this.#opened()
    if (entry.path === '') {
      this.#widen(tree.descriptor, tree.before)
      this.#due[0] = entry
    }
    return tree.stack
  }

  #opened(): OpenFolder {
    if (this.#tree === undefined) {
      const how = { overwrite: this.#overwrite, follow: !this.#isRootTaken }
      this.#tree = openTarget(this.#effects, this.#target, how)
      this.#due[0] = undefined
    }
    return this.#tree
  }

  #openedAbove(): OpenFolder & { name: string } {
    this.#above ??= openAboveTarget(this.#effects, this.#target)
    return this.#above
  }

  /** The folder of an entry, opened, and its name there; `undefined` when that was not possible, and told. */
  #locate(entry: WriteEntry): Spot | undefined {
    const { path } = entry
    if (path === '') {
      const { stack, name } = this.#openedAbove()
      this.#isRootTaken = true
      return { folder: stack, name }
    }
    if (!isInside(path)) {
      const reason = 'the path is not safe: every part of it must be a plain name'
      this.#reporter.tell(path, 'name', new FileTreeError('unsafe-name', sentence('write', path, reason)))
      return undefined
    }
    const folder = this.#open(entry)
    const parent = parentPath(path)!
    while (!isBelow(parent, folder.path)) this.#leave(folder)
    if (folder.path !== parent) {
      const rest = folder.path === '' ? parent : parent.slice(folder.path.length + 1)
      for (const name of rest.split('/')) if (!this.#enter(folder, name, entry)) return undefined
    }
    return { folder, name: parent === '' ? path : path.slice(parent.length + 1) }
  }

  /** As locate; and nothing is in the way, or what is may be replaced. */
  #vacate(entry: WriteEntry): Spot | undefined {
    const spot = this.#locate(entry)
    if (spot === undefined) return undefined
    const { folder, name } = spot
    const looked = this.#reporter.attempt(entry, 'place', () => this.#effects.lstat(folder.at(name)))
    if (looked === undefined) return undefined
    const there = looked.value
    if (there === undefined) return spot
    if (!this.#overwrite) {
      this.#inTheWay(entry, there.kind === 'directory' ? 'a folder is there' : 'something is there already')
      return undefined
    }
    if (there.kind !== 'directory') return spot
    return this.#reporter.attempt(entry, 'place', () => this.#effects.rmdir(folder.at(name))) === undefined
      ? undefined
      : spot
  }

  /**
   * Goes into a folder, which is made when there is none.
   *
   * @param entry - What it is done for, and whose problem it is.
   * @param due - What the folder gets when it is left.
   */
  #enter(folder: FolderStack, name: string, entry: WriteEntry, due?: WriteEntry): boolean {
    const effects = this.#effects
    const looked = this.#reporter.attempt(entry, 'place', () => effects.lstat(folder.at(name)))
    if (looked === undefined) return false
    let there = looked.value
    if (there !== undefined && there.kind !== 'directory') {
      if (!this.#overwrite) {
        const path = displayPath(joinPath(folder.path, name as RawPath))
        this.#inTheWay(entry, due === undefined ? `"${path}" is no folder` : 'something else is there already')
        return false
      }
      if (this.#reporter.attempt(entry, 'place', () => effects.unlink(folder.at(name))) === undefined) return false
      there = undefined
    }
    const entered = this.#reporter.attempt(entry, 'create', () => {
      if (there === undefined) effects.mkdir(folder.at(name), folderMode)
      folder.enter(name)
    })
    if (entered === undefined) return false
    this.#due[folder.depth] = due
    if (due !== undefined) this.#widen(folder.descriptor(), there)
    return true
  }

  /** A folder that was there may forbid its owner to write; it gets its own mode when it is left. */
  #widen(descriptor: number, there: FileFacts | undefined): void {
    if (there === undefined || there.kind !== 'directory' || (there.mode & 0o700) === 0o700) return
    try {
      this.#effects.fchmod(descriptor, there.mode | 0o700)
    } catch (error) {
      // Not ours to change. What cannot be written in it for that is told then, one by one.
      if (isFatal(codeOf(error)) || !isOutside(error)) throw error
    }
  }

  #leave(folder: FolderStack): void {
    const entry = this.#due[folder.depth]
    this.#due.length = folder.depth
    try {
      if (entry !== undefined) {
        const opened = this.#reporter.attempt(entry, 'mode', () => folder.descriptor())
        if (opened !== undefined) this.#attributes.apply(entry, callsFor(this.#effects, opened.value))
      }
    } finally {
      folder.leave()
    }
  }

  /** Makes something that is no file: under a temporary name, which is changed when its attributes are set. */
  #make(entry: WriteEntry, kind: WriteEntry['kind'], create: (folder: FolderStack, temporary: string) => void): void {
    const spot = this.#vacate(entry)
    if (spot === undefined) return
    const { folder, name } = spot
    const temporary = this.#temporaryName()
    let done = false
    try {
      done =
        this.#reporter.attempt(entry, 'create', () => create(folder, temporary)) !== undefined &&
        this.#reporter.attempt(entry, 'create', () =>
          dress(this.#effects, this.#attributes, entry, { kind, folder, temporary }),
        ) !== undefined &&
        this.#reporter.attempt(entry, 'create', () => this.#effects.rename(folder.at(temporary), folder.at(name))) !==
          undefined
    } finally {
      if (!done) this.#discard(entry, folder, temporary)
    }
  }

  /** What a pipe or device is made with: nobody else's until it gets its own mode, where it can get that afterwards. */
  #nodeMode(entry: WriteEntry): number {
    return this.#effects.descriptors() === undefined ? entry.mode & 0o777 : fileMode
  }

  #discard(entry: WriteEntry, folder: FolderStack, temporary: string): void {
    try {
      this.#effects.unlink(folder.at(temporary))
    } catch (error) {
      if (!isOutside(error)) throw error
      // It may not have come into being. Anything else stays behind under its temporary name.
      if (codeOf(error) === 'ENOENT') return
      this.#reporter.tellAfterwards(entry.path, 'create', error, `remove "${temporary}", left over from`)
    }
  }

  #temporaryName(): string {
    this.#made += 1
    return `${this.#prefix}${this.#made.toString(36)}`
  }

  #inTheWay(entry: WriteEntry, reason: string): void {
    this.#reporter.tell(entry.path, 'place', new FileTreeError('EEXIST', sentence('write', entry.path, reason)))
  }
}
