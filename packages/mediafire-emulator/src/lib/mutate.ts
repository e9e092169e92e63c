import { ApiFailure, type Fields } from './answer.ts'
import type { Edit } from './edit.ts'
import type { Folder, Job, StoredFile } from './records.ts'
import { below, fileNamed, folderNamed, freeName, isFile } from './tree.ts'
import { accountOf, type Call, type World } from './world.ts'

/** The account's revision, under the name that a call's version has for it. A true number. */
export function revisionField(call: Call): Fields {
  const { deviceRevision } = accountOf(call)
  return call.version >= 1.3 ? { new_device_revision: deviceRevision } : { device_revision: deviceRevision }
}

export function trashFile(world: World, edit: Edit, file: StoredFile): void {
  edit.file({ ...file, parent: 'trash', trashedMs: world.clock.now() })
}

export function trashFolder(world: World, edit: Edit, folder: Folder): void {
  edit.folder({ ...folder, parent: 'trash', trashedMs: world.clock.now() })
}

export function purgeFolder(world: World, edit: Edit, folder: Folder): void {
  for (const item of [...below(world, folder)]) {
    if (isFile(item)) edit.dropFile(item)
    else edit.dropFolder(item)
  }
  edit.dropFolder(folder)
}

export function emptyTrash(world: World, edit: Edit, owner: string): void {
  const { state } = world
  for (const key of state.filesIn(owner, 'trash')) edit.dropFile(state.file.get(key)!)
  for (const key of state.foldersIn(owner, 'trash')) purgeFolder(world, edit, state.folder.get(key)!)
}

/** Copies a file's head; a name that is taken, there or by what is `underway`, is numbered. */
export function copyFile(
  world: World,
  edit: Edit,
  file: StoredFile,
  { into, owner, underway }: { into: string; owner: string; underway?: ReadonlySet<string> },
): StoredFile {
  const isTaken = (name: string): boolean =>
    underway?.has(name) === true || fileNamed(world, owner, into, name) !== undefined
  const { trashedMs: _, ...rest } = file
  return edit.file({
    ...rest,
    key: world.keys.quick(world.settings.numericKeys),
    owner,
    parent: into,
    name: isTaken(file.name) ? freeName(file.name, isTaken) : file.name,
    createdMs: world.clock.now(),
    downloads: 0,
    versions: [],
  })
}

export function copyFolder(world: World, edit: Edit, folder: Folder, into: string): Folder {
  const { state } = world
  const isTaken = (name: string): boolean => folderNamed(world, folder.owner, into, name) !== undefined
  const { trashedMs: _, filedropKey: _key, ...rest } = folder
  const copy = edit.folder({
    ...rest,
    key: world.keys.folder(),
    parent: into,
    name: isTaken(folder.name) ? freeName(folder.name, isTaken) : folder.name,
    createdMs: world.clock.now(),
  })
  for (const key of state.filesIn(folder.owner, folder.key)) {
    copyFile(world, edit, state.file.get(key)!, { into: copy.key, owner: folder.owner })
  }
  for (const key of state.foldersIn(folder.owner, folder.key)) copyFolder(world, edit, state.folder.get(key)!, copy.key)
  return copy
}

/** Puts work off, when the settings say that it takes a while. @returns Whether it did. */
export function removeLater(
  world: World,
  owner: string,
  action: Job['action'],
  folders: readonly { key: string }[],
): boolean {
  const { asyncMs } = world.settings
  if (asyncMs === 0) return false
  const id = world.keys.text(10)
  const dueMs = world.clock.now() + asyncMs
  world.state.commit([['job', id, { id, owner, dueMs, action, keys: folders.map(({ key }) => key) }]])
  return true
}

/** Whether work goes on in the background for an account. */
export function isBusy({ state }: World, owner: string): boolean {
  for (const job of state.job.values()) if (job.owner === owner) return true
  return false
}

/** Calls that change something have to wait for it. @throws ApiFailure 208. */
export function needQuiet(world: World, owner: string): void {
  if (isBusy(world, owner)) throw new ApiFailure(208)
}
