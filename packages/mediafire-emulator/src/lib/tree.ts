import { ApiFailure } from './answer.ts'
import type { Edit } from './edit.ts'
import type { Account, Folder, StoredFile } from './records.ts'
import { accountOf, type Call, type World } from './world.ts'

/** The root of an account has no record of its own. */
export type FolderPlace = { key: 'myfiles' } | Folder

const root: FolderPlace = { key: 'myfiles' }
const depthLimit = 130

/** Whether an item, or a folder around it, is in the trash. */
export function isTrashed({ state }: World, item: { parent: string }): boolean {
  for (let parent = item.parent, depth = 0; depth < 1000; depth++) {
    if (parent === 'trash') return true
    const folder = state.folder.get(parent)
    if (folder === undefined) return false
    parent = folder.parent
  }
  return true
}

/** How deep below the root a folder is. */
export function depthOf({ state }: World, key: string): number {
  let depth = 0
  for (let at = state.folder.get(key); at !== undefined && depth < 1000; at = state.folder.get(at.parent)) depth++
  return depth
}

export function needDepth(world: World, parent: string, more = 1): void {
  if (depthOf(world, parent) + more > depthLimit) throw new ApiFailure(167)
}

/** The folders directly in a folder, those too new to be seen left out. */
export function foldersIn(world: World, owner: string, parent: string): Folder[] {
  return [...world.state.foldersIn(owner, parent)]
    .map((key) => world.state.folder.get(key))
    .filter((each) => each !== undefined)
    .filter((each) => isSeen(world, each))
}

export function filesIn(world: World, owner: string, parent: string): StoredFile[] {
  return [...world.state.filesIn(owner, parent)]
    .map((key) => world.state.file.get(key))
    .filter((each) => each !== undefined)
    .filter((each) => isSeen(world, each))
}

function isSeen({ settings, clock }: World, item: { createdMs: number }): boolean {
  return settings.listLagMs === 0 || item.createdMs + settings.listLagMs <= clock.now()
}

/** Whether two names are the same to the service. */
function sameName({ settings }: World, one: string, other: string): boolean {
  return one === other || (settings.foldCase && one.toLowerCase() === other.toLowerCase())
}

/** What has a name in a folder already, too new to be seen or not. */
export function fileNamed(world: World, owner: string, parent: string, name: string): StoredFile | undefined {
  for (const key of world.state.named('file', owner, parent, name)) {
    const file = world.state.file.get(key)
    if (file !== undefined && sameName(world, file.name, name)) return file
  }
  return undefined
}

export function folderNamed(world: World, owner: string, parent: string, name: string): Folder | undefined {
  for (const key of world.state.named('folder', owner, parent, name)) {
    const folder = world.state.folder.get(key)
    if (folder !== undefined && sameName(world, folder.name, name)) return folder
  }
  return undefined
}

/** `a(1).txt` for a name that is taken. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  const dot = name.lastIndexOf('.')
  const stem = dot > 0 ? name.slice(0, dot) : name
  const extension = dot > 0 ? name.slice(dot) : ''
  for (let n = 1; ; n++) {
    const other = `${stem}(${n})${extension}`
    if (!isTaken(other)) return other
  }
}

/** Refuses what cannot be a name. @param code - 118 for files, 185 for folders. */
export function checkName(name: string, code: 118 | 185): string {
  const bad = name.length > 255 || name === '.' || name === '..' || /[\u0000-\u001F\u007F/\\:*?"<>|]/.test(name)
  if (bad || name.trim() === '') throw new ApiFailure(code)
  return name
}

const components = (path: string): string[] => path.split('/').filter((each) => each !== '')

/** Follows a path from a folder. */
function folderByPath(world: World, owner: string, path: string, from = 'myfiles'): FolderPlace | undefined {
  let at: FolderPlace = world.state.folder.get(from) ?? root
  for (const name of components(path)) {
    const next: Folder | undefined = foldersIn(world, owner, at.key).find((each) => sameName(world, each.name, name))
    if (next === undefined) return undefined
    at = next
  }
  return at
}

/** Makes the folders of a path where they are missing. */
export function makePath(world: World, edit: Edit, owner: string, path: string, from: string): FolderPlace {
  let at: FolderPlace = edit.get('folder', from) ?? root
  for (const name of components(path)) {
    const known: Folder | undefined = folderNamed(world, owner, at.key, name)
    if (known === undefined) needDepth(world, at.key)
    at = known ?? edit.folder(newFolder(world, owner, checkName(name, 185), at.key))
  }
  return at
}

export function newFolder(world: World, owner: string, name: string, parent: string): Folder {
  const createdMs = world.clock.now()
  const key = world.keys.folder()
  return { key, owner, name, parent, privacy: 'public', description: '', createdMs, revision: 0 }
}

/**
 * The folder that a call is about: by key, by path, or the root.
 *
 * @throws ApiFailure 112, 114 or 259.
 */
export function folderOf(call: Call, keyName = 'folder_key', pathName = 'folder_path'): FolderPlace {
  const key = call.params.get(keyName)
  const path = call.params.get(pathName)
  if (key === undefined && path !== undefined) {
    const found = folderByPath(call.world, accountOf(call).ekey, path)
    if (found === undefined) throw new ApiFailure(259)
    return found
  }
  return folderByKey(call, key)
}

/** @throws ApiFailure 112 or 114. */
export function folderByKey(call: Call, key: string | undefined): FolderPlace {
  if (key === undefined || key === 'myfiles') {
    // The root belongs to somebody: without a token there is none.
    if (call.account === undefined) throw new ApiFailure(104)
    return root
  }
  const folder = call.world.state.folder.get(key)
  if (folder === undefined) throw new ApiFailure(112)
  if (folder.owner !== call.account?.ekey && folder.privacy !== 'public') throw new ApiFailure(114)
  return folder
}

/** A folder of the caller's own, and not the root. */
export function ownFolder(call: Call, key: string): Folder {
  const folder = call.world.state.folder.get(key)
  if (folder === undefined) throw new ApiFailure(112)
  if (folder.owner !== call.account?.ekey) throw new ApiFailure(114)
  return folder
}

/** @throws ApiFailure 110 or 114. */
export function fileByKey(call: Call, key: string): StoredFile {
  const { state, settings, clock } = call.world
  const file = state.file.get(key)
  if (file === undefined || file.createdMs + settings.infoLagMs > clock.now()) throw new ApiFailure(110)
  if (file.owner !== call.account?.ekey && file.privacy !== 'public') throw new ApiFailure(114)
  return file
}

export function ownFile(call: Call, key: string): StoredFile {
  const file = call.world.state.file.get(key)
  if (file === undefined) throw new ApiFailure(110)
  if (file.owner !== call.account?.ekey) throw new ApiFailure(114)
  return file
}

/** The files that a call is about: a list of keys or one path. @throws ApiFailure 111, 129 or 260. */
export function fileKeysOf(call: Call): readonly string[] {
  const keys = call.params.list('quick_key')
  if (keys.length > 500) throw new ApiFailure(129, 'More than 500 keys')
  const path = call.params.get('file_path')
  if (keys.length > 0 || path === undefined) {
    if (keys.length === 0) throw new ApiFailure(111)
    return keys
  }
  return [fileByPath(call.world, accountOf(call), path).key]
}

function fileByPath(world: World, account: Account, path: string): StoredFile {
  const names = components(path)
  const name = names.pop() ?? ''
  const folder = folderByPath(world, account.ekey, names.join('/'))
  const found = folder && filesIn(world, account.ekey, folder.key).find((each) => sameName(world, each.name, name))
  if (found === undefined) throw new ApiFailure(260)
  return found
}

/** The folders that a call is about: a list of keys or one path. */
export function folderKeysOf(call: Call, keyName = 'folder_key', pathName = 'folder_path'): readonly string[] {
  const keys = call.params.list(keyName)
  if (keys.length > 500) throw new ApiFailure(129, 'More than 500 keys')
  if (keys.length > 0) return keys
  if (call.params.get(pathName) === undefined) throw new ApiFailure(113)
  return [folderOf(call, keyName, pathName).key]
}

/** Every folder and file below a folder, the folder itself not. */
export function* below(world: World, folder: Folder): Generator<Folder | StoredFile> {
  for (const key of world.state.filesIn(folder.owner, folder.key)) {
    const file = world.state.file.get(key)
    if (file !== undefined) yield file
  }
  for (const key of world.state.foldersIn(folder.owner, folder.key)) {
    const inner = world.state.folder.get(key)
    if (inner === undefined) continue
    yield inner
    yield* below(world, inner)
  }
}

export function isFile(item: Folder | StoredFile): item is StoredFile {
  return 'hash' in item
}
