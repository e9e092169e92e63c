import type { Edit } from './edit.ts'
import type { StoredFile, Upload } from './records.ts'
import { fileNamed, freeName } from './tree.ts'
import type { World } from './world.ts'

/** Older content of a file that is kept. */
const maxVersions = 20

/** New content for a file, with the content so far among its versions. */
export function keepVersion({ clock }: World, file: StoredFile, content: { hash: string; size: number }): StoredFile {
  const { revision, hash, size, shownHash: _, ...rest } = file
  const old = { revision, hash, size, dateMs: clock.now() }
  const versions = [...file.versions, old].slice(-maxVersions)
  return { ...rest, revision, hash: content.hash, size: content.size, versions }
}

/** What a name that is taken does to an upload. */
export type Stored = { file: StoredFile } | { taken: StoredFile }

type Wanted = Pick<Upload, 'owner' | 'folder' | 'name' | 'size' | 'hash' | 'onDuplicate' | 'target' | 'mtimeMs'>

/** Makes a file of content that is in the store. @returns `taken` when the name is, and it is not to be replaced. */
export function storeFile(world: World, edit: Edit, wanted: Wanted): Stored {
  const { owner, folder, name, size, hash, mtimeMs } = wanted
  const time = mtimeMs === undefined ? {} : { mtimeMs }
  const target = wanted.target === undefined ? undefined : world.state.file.get(wanted.target)
  if (target !== undefined && target.owner === owner) {
    return { file: edit.file({ ...keepVersion(world, target, { hash, size }), ...time }) }
  }
  const known = fileNamed(world, owner, folder, name)
  if (known !== undefined && wanted.onDuplicate === 'skip') return { taken: known }
  if (known !== undefined && wanted.onDuplicate === 'replace') {
    if (world.settings.replaceKeepsKey) {
      return { file: edit.file({ ...keepVersion(world, known, { hash, size }), ...time }) }
    }
    edit.dropFile(known)
  }
  const isTaken = (each: string): boolean => fileNamed(world, owner, folder, each) !== undefined
  const file = edit.file({
    key: world.keys.quick(world.settings.numericKeys),
    owner,
    name: known !== undefined && wanted.onDuplicate === 'keep' ? freeName(name, isTaken) : name,
    parent: folder,
    size,
    hash,
    privacy: privacyIn(world, folder),
    description: '',
    createdMs: world.clock.now(),
    ...time,
    revision: 0,
    downloads: 0,
    versions: [],
  })
  return { file }
}

/** A new file is as public as its folder; those in the root are private. */
function privacyIn({ state }: World, folder: string): 'public' | 'private' {
  return state.folder.get(folder)?.privacy ?? 'private'
}
