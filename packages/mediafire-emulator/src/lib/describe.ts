import type { Fields } from './answer.ts'
import { centralTime, utcTime } from './clock.ts'
import type { Account, Folder, StoredFile } from './records.ts'
import { filesIn, foldersIn, type FolderPlace } from './tree.ts'
import type { World } from './world.ts'

/** Where links begin: at this emulator, or at one of the service's own names. */
export function linkBase(world: World, host: string): string {
  const { linkHosts, linkScheme } = world.settings
  const base = new URL(linkHosts === 'local' ? world.base() : `https://${host}`)
  if (linkScheme !== 'same') return `${linkScheme}://${base.host}`
  return base.origin
}

/** The two fields of a time; the newer one since the newer profiles. */
export function times(name: 'created' | 'delete_date' | 'date_created', ms: number): Fields {
  return { [name]: centralTime(ms), [`${name}_utc`]: utcTime(ms) }
}

const types: Readonly<Record<string, readonly [mimetype: string, filetype: string]>> = {
  txt: ['text/plain', 'text'],
  html: ['text/html', 'document'],
  pdf: ['application/pdf', 'document'],
  jpg: ['image/jpeg', 'image'],
  jpeg: ['image/jpeg', 'image'],
  png: ['image/png', 'image'],
  gif: ['image/gif', 'image'],
  mp3: ['audio/mpeg', 'audio'],
  mp4: ['video/mp4', 'video'],
  zip: ['application/zip', 'archive'],
  gz: ['application/gzip', 'archive'],
  tar: ['application/x-tar', 'archive'],
  csv: ['text/csv', 'spreadsheet'],
  json: ['application/json', 'data'],
}

/** The media type and the kind that a name's ending stands for. */
export function typeOf(name: string): readonly [mimetype: string, filetype: string] {
  const ending = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  return (Object.hasOwn(types, ending) ? types[ending] : undefined) ?? ['application/octet-stream', 'unknown']
}

export function pageLinks(world: World, file: StoredFile): Record<'view' | 'normal_download', string> {
  const base = linkBase(world, 'www.mediafire.com')
  const name = encodeURIComponent(file.name)
  return { view: `${base}/file_view/${file.key}/${name}`, normal_download: `${base}/file/${file.key}/${name}/file` }
}

const permissions = { value: '4', explicit: '0', read: '1', write: '1' } as const

/** A file as listings show it. */
export function fileItem(world: World, file: StoredFile): Fields {
  const [mimetype, filetype] = typeOf(file.name)
  return {
    quickkey: file.key,
    hash: file.shownHash ?? file.hash,
    filename: file.name,
    description: file.description,
    size: file.size,
    privacy: file.privacy,
    ...times('created', file.createdMs),
    ...(file.trashedMs === undefined ? {} : times('delete_date', file.trashedMs)),
    password_protected: 'no',
    mimetype,
    filetype,
    view: '0',
    edit: '0',
    revision: file.revision,
    flag: '1',
    permissions,
    downloads: file.downloads,
    views: '0',
    links: pageLinks(world, file),
  }
}

/** A file as `file/get_info` shows it. */
export function fileInfo(world: World, file: StoredFile, owner: Account | undefined): Fields {
  return {
    ...fileItem(world, file),
    ready: 'yes',
    owner_name: owner?.displayName ?? '',
    parent_folderkey: file.parent,
    ...(file.mtimeMs === undefined ? {} : { mtime: utcTime(file.mtimeMs) }),
  }
}

/** A folder as listings show it. */
export function folderItem(world: World, folder: Folder, details = false): Fields {
  return {
    folderkey: folder.key,
    name: folder.name,
    description: folder.description,
    tags: '',
    privacy: folder.privacy,
    ...times('created', folder.createdMs),
    ...(folder.trashedMs === undefined ? {} : times('delete_date', folder.trashedMs)),
    revision: folder.revision,
    flag: '1',
    permissions,
    file_count: filesIn(world, folder.owner, folder.key).length,
    folder_count: foldersIn(world, folder.owner, folder.key).length,
    dropbox_enabled: folder.filedropKey !== undefined,
    ...(details ? totals(world, folder.owner, folder.key) : {}),
  }
}

/** A folder as `folder/get_info` shows it. The root has fewer fields than the others. */
export function folderInfo(world: World, place: FolderPlace, owner: Account | undefined, details: boolean): Fields {
  const common = { owner_name: owner?.displayName ?? '', avatar: '' }
  if ('owner' in place) {
    return { ...folderItem(world, place, details), ...common, parent_folderkey: place.parent }
  }
  const ekey = owner?.ekey ?? ''
  return {
    folderkey: 'myfiles',
    name: 'myfiles',
    file_count: filesIn(world, ekey, 'myfiles').length,
    folder_count: foldersIn(world, ekey, 'myfiles').length,
    revision: owner?.rootRevision ?? 0,
    ...common,
    dropbox_enabled: 'no',
    flag: '2',
    ...(details ? totals(world, ekey, 'myfiles') : {}),
  }
}

function totals(world: World, owner: string, key: string): Fields {
  let size = 0
  let files = 0
  let folders = 0
  const visit = (at: string): void => {
    for (const file of filesIn(world, owner, at)) {
      files += 1
      size += file.size
    }
    for (const folder of foldersIn(world, owner, at)) {
      folders += 1
      visit(folder.key)
    }
  }
  visit(key)
  return { size, total_size: size, total_files: files, total_folders: folders }
}
