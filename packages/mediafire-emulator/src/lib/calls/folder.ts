import { ApiFailure, type Fields } from '../answer.ts'
import { folderInfo, folderItem, fileItem } from '../describe.ts'
import { createEdit } from '../edit.ts'
import { contentType, pageFields, pageOf, wholeOr } from '../listing.ts'
import { copyFolder, removeLater, revisionField, trashFolder, purgeFolder } from '../mutate.ts'
import type { Folder, StoredFile } from '../records.ts'
import {
  below,
  checkName,
  depthOf,
  filesIn,
  folderByKey,
  folderKeysOf,
  folderNamed,
  folderOf,
  foldersIn,
  freeName,
  isFile,
  isTrashed,
  needDepth,
  newFolder,
  ownFolder,
} from '../tree.ts'
import { accountOf, type Call, type Methods } from '../world.ts'
import { timeParam } from '../time-param.ts'

/** The calls of `folder/`. */
export const folderCalls: Methods = {
  get_info: { access: 'public', run: getInfo },
  get_content: { access: 'public', run: getContent },
  create: { access: 'session', run: create },
  copy: { access: 'session', run: copy },
  move: { access: 'session', run: move },
  delete: { access: 'session', run: (call) => remove(call, 'delete-folder') },
  purge: { access: 'session', run: (call) => remove(call, 'purge-folder') },
  update: { access: 'session', run: update },
  configure_filedrop: { access: 'session', run: configureFiledrop },
  search: { access: 'session', run: search },
  get_depth: { access: 'session', run: getDepth },
  get_siblings: { access: 'session', run: getSiblings },
  get_revision: { access: 'session', run: getRevision },
}

function getInfo(call: Call): Fields {
  const details = call.params.get('details') === 'yes'
  const info = (place: ReturnType<typeof folderOf>): Fields =>
    folderInfo(call.world, place, ownerOf(call, place), details)
  const keys = call.params.list('folder_key')
  if (keys.length > 1) {
    if (keys.length > 500) throw new ApiFailure(129, 'More than 500 keys')
    return { folder_infos: keys.map((key) => info(folderByKey(call, key))) }
  }
  return { folder_info: info(folderOf(call)) }
}

function ownerOf(call: Call, place: ReturnType<typeof folderOf>) {
  return 'owner' in place ? call.world.state.account.get(place.owner) : call.account
}

function getContent(call: Call): Fields {
  const place = folderOf(call)
  const owner = ownerOf(call, place)
  const ekey = owner?.ekey ?? ''
  const kind = contentType(call)
  const filter = call.params.get('filter')
  const all = kind === 'files' ? filesIn(call.world, ekey, place.key) : foldersIn(call.world, ekey, place.key)
  const wanted = filter === undefined ? all : all.filter((each) => each.name.includes(filter))
  const page = pageOf<Folder | StoredFile>(call, wanted)
  const revision = 'owner' in place ? place.revision : (owner?.rootRevision ?? 0)
  return {
    asynchronous: 'no',
    folder_content: { ...pageFields(call, page, kind), folderkey: place.key, revision },
  }
}

function create(call: Call): Fields {
  const { world, params } = call
  const { ekey } = accountOf(call)
  const name = checkName(params.need('foldername', 117), 185)
  const parent = folderOf(call, 'parent_key', 'parent_path')
  if ('owner' in parent) {
    ownFolder(call, parent.key)
    if (isTrashed(world, { parent: parent.key })) throw new ApiFailure(211)
  }
  const old = call.version < 1.3 && params.get('allow_duplicate_name') === 'yes'
  const action = old ? 'keep' : (params.get('action_on_duplicate') ?? 'skip')
  const known = folderNamed(world, ekey, parent.key, name)
  if (known !== undefined && action !== 'keep') return { ...created(call, known), ...revisionField(call) }
  needDepth(world, parent.key)
  const isTaken = (each: string): boolean => folderNamed(world, ekey, parent.key, each) !== undefined
  const edit = createEdit(world, ekey)
  const fresh = newFolder(world, ekey, known === undefined ? name : freeName(name, isTaken), parent.key)
  const mtimeMs = timeParam(params, 'mtime')
  const folder = edit.folder(mtimeMs === undefined ? fresh : { ...fresh, mtimeMs })
  edit.commit()
  return { ...created(call, folder), ...revisionField(call) }
}

function created(call: Call, folder: Folder): Fields {
  const item = folderItem(call.world, folder)
  return { ...item, folder_key: folder.key, upload_key: folder.key, parent_folderkey: folder.parent }
}

function copy(call: Call): Fields {
  const { world } = call
  const into = folderOf(call, 'folder_key_dst', 'path_dst')
  if ('owner' in into) ownFolder(call, into.key)
  const edit = createEdit(world, accountOf(call).ekey)
  const folders = folderKeysOf(call, 'folder_key_src', 'path_src').map((key) => ownFolder(call, key))
  for (const folder of folders) if (isInside(call, into.key, folder)) throw new ApiFailure(115)
  const count = folders.reduce((sum, folder) => sum + [...below(world, folder)].length, 0)
  if (count > 6000) throw new ApiFailure(207)
  const keys = folders.map((folder) => copyFolder(world, edit, folder, into.key).key)
  edit.commit()
  return { asynchronous: 'no', new_folderkeys: keys, skipped_count: '0', other_count: '0', ...revisionField(call) }
}

function isInside({ world }: Call, key: string, folder: Folder): boolean {
  for (let at = world.state.folder.get(key); at !== undefined; at = world.state.folder.get(at.parent)) {
    if (at.key === folder.key) return true
  }
  return false
}

function move(call: Call): Fields {
  const { world } = call
  const { ekey } = accountOf(call)
  const into = folderOf(call, 'folder_key_dst', 'path_dst')
  if ('owner' in into) ownFolder(call, into.key)
  const edit = createEdit(world, ekey)
  const names: string[] = []
  const folders = folderKeysOf(call, 'folder_key_src', 'path_src').map((key) => ownFolder(call, key))
  for (const folder of folders) {
    if (isInside(call, into.key, folder)) throw new ApiFailure(115)
    needDepth(world, into.key)
    const taken = new Set(names)
    const isTaken = (name: string): boolean =>
      taken.has(name) || (folder.parent !== into.key && folderNamed(world, ekey, into.key, name) !== undefined)
    const name = isTaken(folder.name) ? freeName(folder.name, isTaken) : folder.name
    names.push(name)
    const { trashedMs: _, ...kept } = folder
    edit.folder({ ...kept, name, parent: into.key })
  }
  edit.commit()
  return { asynchronous: 'no', new_names: names, ...revisionField(call) }
}

function remove(call: Call, action: 'delete-folder' | 'purge-folder'): Fields {
  const { world } = call
  const { ekey } = accountOf(call)
  const folders = folderKeysOf(call).map((key) => ownFolder(call, key))
  for (const folder of folders) {
    if (action === 'delete-folder' && isTrashed(world, folder)) throw new ApiFailure(209)
    let files = 0
    for (const item of below(world, folder)) if (isFile(item) && ++files > 1000) throw new ApiFailure(242)
  }
  if (removeLater(world, ekey, action, folders)) return { asynchronous: 'yes', ...revisionField(call) }
  const edit = createEdit(world, ekey)
  for (const folder of folders) {
    if (action === 'delete-folder') trashFolder(world, edit, folder)
    else purgeFolder(world, edit, folder)
  }
  edit.commit()
  return { asynchronous: 'no', ...revisionField(call) }
}

function update(call: Call): Fields {
  const { world, params } = call
  const [key = ''] = folderKeysOf(call)
  const folder = ownFolder(call, key)
  if (isTrashed(world, folder)) throw new ApiFailure(211)
  const name = checkName(params.get('foldername') ?? folder.name, 185)
  const taken = name !== folder.name && folderNamed(world, folder.owner, folder.parent, name)
  if (taken !== undefined && taken !== false && taken.key !== folder.key) throw new ApiFailure(144)
  const privacy = privacyOf(params.get('privacy')) ?? folder.privacy
  const mtimeMs = timeParam(params, 'mtime')
  const edit = createEdit(world, folder.owner)
  const description = params.get('description') ?? folder.description
  edit.folder({ ...folder, name, description, privacy, ...(mtimeMs === undefined ? {} : { mtimeMs }) })
  if (params.get('privacy_recursive') === 'yes') {
    for (const item of below(world, folder)) {
      if (isFile(item)) edit.file({ ...item, privacy })
      else edit.folder({ ...item, privacy })
    }
  }
  edit.commit()
  return { asynchronous: 'no', ...revisionField(call) }
}

export function privacyOf(text: string | undefined): 'public' | 'private' | undefined {
  if (text === undefined || text === 'public' || text === 'private') return text
  throw new ApiFailure(129)
}

function configureFiledrop(call: Call): Fields {
  const [key = ''] = folderKeysOf(call)
  const folder = ownFolder(call, key)
  const { filedropKey: known, ...rest } = folder
  const filedropKey = known ?? call.world.keys.folder()
  const edit = createEdit(call.world, folder.owner)
  const enable = call.params.get('enable') !== 'no'
  edit.folder(enable ? { ...rest, filedropKey } : rest)
  edit.commit()
  return { ...(enable ? { filedrop_key: filedropKey } : {}), ...revisionField(call) }
}

function search(call: Call): Fields {
  const { world, params } = call
  const { ekey } = accountOf(call)
  const text = params.need('search_text').toLowerCase()
  const place = folderOf(call)
  const results: Fields[] = []
  const visit = (parent: string, parentName: string): void => {
    const where = { parent_name: parentName, parent_folderkey: parent, relevancy: '1' }
    for (const file of filesIn(world, ekey, parent)) {
      if (file.name.toLowerCase().includes(text)) results.push({ type: 'file', ...fileItem(world, file), ...where })
    }
    for (const folder of foldersIn(world, ekey, parent)) {
      if (folder.name.toLowerCase().includes(text)) {
        results.push({ type: 'folder', ...folderItem(world, folder), ...where })
      }
      if (params.get('search_all') !== 'no') visit(folder.key, folder.name)
    }
  }
  visit(place.key, 'name' in place ? place.name : 'myfiles')
  return { results_count: Math.min(results.length, 100), results: results.slice(0, 100) }
}

function getDepth(call: Call): Fields {
  const { state } = call.world
  const place = folderOf(call)
  const chain: Fields[] = []
  for (let at = state.folder.get(place.key); at !== undefined; at = state.folder.get(at.parent)) {
    chain.push({ folderkey: at.key, name: at.name })
  }
  chain.push({ folderkey: 'myfiles', name: 'myfiles' })
  return { folder_depth: { depth: depthOf(call.world, place.key), chain_folders: chain } }
}

function getSiblings(call: Call): Fields {
  const [key = ''] = folderKeysOf(call)
  const folder = ownFolder(call, key)
  const start = Math.max(wholeOr(call.params.get('start'), 0), 0)
  const limit = Math.min(Math.max(wholeOr(call.params.get('limit'), 100), 0), 1000)
  const others = foldersIn(call.world, folder.owner, folder.parent)
  const siblings = others.filter((each) => each.key !== folder.key).slice(start, start + limit)
  return { siblings: siblings.map((each) => folderItem(call.world, each)) }
}

function getRevision(call: Call): Fields {
  const place = folderOf(call)
  const revision = 'owner' in place ? place.revision : accountOf(call).rootRevision
  return { revision, epoch: Math.floor(call.world.clock.now() / 1000) }
}
