import { createHash } from 'node:crypto'
import { ApiFailure, type Fields, meaningOf } from '../answer.ts'
import { times, fileInfo, linkBase, pageLinks, fileItem } from '../describe.ts'
import { createEdit } from '../edit.ts'
import { wholeOr } from '../listing.ts'
import { copyFile, revisionField, trashFile } from '../mutate.ts'
import type { StoredFile } from '../records.ts'
import { timeParam } from '../time-param.ts'
import {
  checkName,
  fileByKey,
  fileKeysOf,
  fileNamed,
  folderByKey,
  folderOf,
  freeName,
  isTrashed,
  ownFile,
  ownFolder,
} from '../tree.ts'
import { accountOf, type Call, type Methods } from '../world.ts'
import { keepVersion } from '../store-file.ts'
import { privacyOf } from './folder.ts'

/** The calls of `file/`. */
export const fileCalls: Methods = {
  get_info: { access: 'public', run: getInfo },
  get_links: { access: 'public', run: getLinks },
  copy: { access: 'session', run: copy },
  move: { access: 'session', run: move },
  delete: { access: 'session', run: remove },
  purge: { access: 'session', run: purge },
  update: { access: 'session', run: update },
  update_file: { access: 'session', run: updateFile },
  create: { access: 'session', run: create },
  restore: { access: 'session', run: restore },
  get_versions: { access: 'session', run: getVersions },
  recently_modified: { access: 'session', run: recentlyModified },
  one_time_key: { access: 'session', run: oneTimeKey },
  one_time_download: { access: 'session', run: oneTimeKey },
  configure_one_time_key: { access: 'session', run: configureOneTimeKey },
  configure_one_time_download: { access: 'session', run: configureOneTimeKey },
}

const emptyHash = createHash('sha256').digest('hex')

function getInfo(call: Call): Fields {
  const info = (file: StoredFile): Fields => fileInfo(call.world, file, call.world.state.account.get(file.owner))
  const keys = fileKeysOf(call)
  if (keys.length === 1) return { file_info: info(fileByKey(call, keys[0]!)) }
  const found: Fields[] = []
  const skipped: string[] = []
  for (const key of keys) {
    if (call.world.state.file.has(key)) found.push(info(fileByKey(call, key)))
    else skipped.push(key)
  }
  return { file_infos: found, ...(skipped.length > 0 ? { skipped } : {}) }
}

const linkTypes = [
  'view',
  'edit',
  'normal_download',
  'direct_download',
  'one_time_download',
  'watch',
  'listen',
  'streaming',
  'read',
]

function getLinks(call: Call): Fields {
  const { world, params } = call
  const wanted = params.list('link_type')
  const chosen = wanted.length === 0 ? linkTypes : wanted
  const links = fileKeysOf(call).map((key) => {
    const file = fileByKey(call, key)
    const pages = pageLinks(world, file)
    const link: Record<string, string | undefined | Fields> = { quickkey: file.key }
    for (const type of chosen) {
      if (type === 'view' || type === 'normal_download') link[type] = pages[type]
      else if (type === 'edit') link['edit_error_message'] = 'This file cannot be edited'
      else if (type === 'streaming') link['streaming_error'] = 'This file cannot be streamed'
      else if (type === 'direct_download') Object.assign(link, directLink(call, file))
      else if (type === 'one_time_download') link['one_time'] = { download: linkTo(call, file, true) }
    }
    return link
  })
  return {
    links,
    direct_download_free_bandwidth: world.settings.bandwidthMb,
    one_time_key_request_count: '0',
    one_time_key_request_max_count: '10',
  }
}

function directLink(call: Call, file: StoredFile): Fields {
  if (call.account?.ekey !== file.owner) {
    return { direct_download_error: '2', direct_download_error_message: 'Only the owner gets direct links' }
  }
  if (call.world.settings.bandwidthMb === 0) {
    return { direct_download_error: '1', direct_download_error_message: 'Not enough bandwidth' }
  }
  return { direct_download: linkTo(call, file, false) }
}

function linkTo({ world }: Call, file: StoredFile, once: boolean, lifetimeMs = world.settings.linkLifetimeMs): string {
  const { token } = world.links.open(file.key, world.clock.now() + lifetimeMs, once)
  return downloadUrl(world, token, file)
}

function downloadUrl(world: Call['world'], token: string, file: StoredFile): string {
  const base = linkBase(world, `download${1 + (Number.parseInt(file.hash.slice(0, 4), 16) % 3000)}.mediafire.com`)
  const folder = world.settings.linkHosts === 'local' ? '/download' : ''
  return `${base}${folder}/${token}/${file.key}/${encodeURIComponent(file.name)}`
}

function copy(call: Call): Fields {
  const { ekey } = accountOf(call)
  const into = folderOf(call, 'folder_key', 'folder_path')
  if ('owner' in into) ownFolder(call, into.key)
  const edit = createEdit(call.world, ekey)
  const underway = new Set<string>()
  const keys = fileKeysOf(call).map((key) => {
    const made = copyFile(call.world, edit, fileByKey(call, key), { into: into.key, owner: ekey, underway })
    underway.add(made.name)
    return made.key
  })
  edit.commit()
  return { new_quickkeys: keys, skipped_count: '0', other_count: '0', ...revisionField(call) }
}

function move(call: Call): Fields {
  const { world } = call
  const { ekey } = accountOf(call)
  const into = folderByKey(call, call.params.get('folder_key'))
  if ('owner' in into) ownFolder(call, into.key)
  const edit = createEdit(world, ekey)
  const names: string[] = []
  for (const key of fileKeysOf(call)) {
    const file = ownFile(call, key)
    const isTaken = (name: string): boolean =>
      names.includes(name) || (file.parent !== into.key && fileNamed(world, ekey, into.key, name) !== undefined)
    const name = isTaken(file.name) ? freeName(file.name, isTaken) : file.name
    names.push(name)
    const { trashedMs: _, ...rest } = file
    edit.file({ ...rest, name, parent: into.key })
  }
  edit.commit()
  return { asynchronous: 'no', new_names: names, ...revisionField(call) }
}

function remove(call: Call): Fields {
  const files = fileKeysOf(call).map((key) => ownFile(call, key))
  const edit = createEdit(call.world, accountOf(call).ekey)
  for (const file of files) {
    if (isTrashed(call.world, file)) throw new ApiFailure(210)
    trashFile(call.world, edit, file)
  }
  edit.commit()
  return revisionField(call)
}

function purge(call: Call): Fields {
  const edit = createEdit(call.world, accountOf(call).ekey)
  for (const file of new Set(fileKeysOf(call).map((key) => ownFile(call, key)))) edit.dropFile(file)
  edit.commit()
  return revisionField(call)
}

const endingOf = (name: string): string => /\.[^.]*$/.exec(name)?.[0].toLowerCase() ?? ''

function update(call: Call): Fields {
  const { world, params } = call
  const [key = ''] = fileKeysOf(call)
  const file = ownFile(call, key)
  if (isTrashed(world, file)) throw new ApiFailure(211)
  const name = checkName(params.get('filename') ?? file.name, 118)
  if (endingOf(name) !== endingOf(file.name)) throw new ApiFailure(106)
  const taken = name === file.name ? undefined : fileNamed(world, file.owner, file.parent, name)
  if (taken !== undefined && taken.key !== file.key) throw new ApiFailure(143)
  const mtimeMs = timeParam(params, 'mtime')
  const privacy = privacyOf(params.get('privacy')) ?? file.privacy
  const edit = createEdit(world, file.owner)
  let next: StoredFile = { ...file, name, privacy, description: params.get('description') ?? file.description }
  if (mtimeMs !== undefined) next = { ...next, mtimeMs }
  if (params.get('truncate') === 'yes') {
    world.blobs.keepEmpty(emptyHash)
    edit.also(['blob', emptyHash, { hash: emptyHash, size: 0 }])
    next = keepVersion(world, { ...next }, { hash: emptyHash, size: 0 })
  }
  edit.file(next)
  edit.commit()
  return revisionField(call)
}

function updateFile(call: Call): Fields {
  const { world, params } = call
  const from = ownFile(call, params.need('from_quickkey', 111))
  const to = ownFile(call, params.need('to_quickkey', 111))
  if (from.key === to.key) throw new ApiFailure(129)
  const edit = createEdit(world, to.owner)
  edit.file(keepVersion(world, to, from))
  edit.dropFile(from)
  edit.commit()
  return revisionField(call)
}

function create(call: Call): Fields {
  const { world, params } = call
  const { ekey } = accountOf(call)
  const extension = params.get('file_extension')
  const name = checkName(params.get('filename') ?? `untitled.${extension ?? 'txt'}`, 118)
  if (endingOf(name) === '') throw new ApiFailure(263)
  if (endingOf(name) !== '.txt') throw new ApiFailure(262)
  const parent = folderOf(call, 'parent_key', 'parent_path')
  if ('owner' in parent) ownFolder(call, parent.key)
  const isTaken = (each: string): boolean => fileNamed(world, ekey, parent.key, each) !== undefined
  const mtimeMs = timeParam(params, 'mtime')
  const edit = createEdit(world, ekey)
  world.blobs.keepEmpty(emptyHash)
  edit.also(['blob', emptyHash, { hash: emptyHash, size: 0 }])
  const file = edit.file({
    key: world.keys.quick(world.settings.numericKeys),
    owner: ekey,
    name: isTaken(name) ? freeName(name, isTaken) : name,
    parent: parent.key,
    size: 0,
    hash: emptyHash,
    privacy: 'private',
    description: '',
    createdMs: world.clock.now(),
    ...(mtimeMs === undefined ? {} : { mtimeMs }),
    revision: 0,
    downloads: 0,
    versions: [],
  })
  edit.commit()
  return { fileinfo: fileItem(world, file), ...revisionField(call) }
}

function restore(call: Call): Fields {
  const file = ownFile(call, call.params.need('quick_key', 111))
  const version = file.versions.find((each) => String(each.revision) === call.params.get('revision'))
  if (version === undefined) throw new ApiFailure(223)
  const edit = createEdit(call.world, file.owner)
  edit.file(keepVersion(call.world, file, version))
  edit.commit()
  return { asynchronous: 'no', ...revisionField(call) }
}

function getVersions(call: Call): Fields {
  const file = ownFile(call, call.params.need('quick_key', 111))
  const head = { revision: file.revision, date: times('created', file.createdMs)['created'], head: 'yes' }
  const older = file.versions.map(({ revision, dateMs }) => ({
    revision,
    date: times('created', dateMs)['created'],
    head: 'no',
  }))
  return { file_versions: [head, ...older.reverse()] }
}

function recentlyModified(call: Call): Fields {
  const { ekey } = accountOf(call)
  const count = Math.min(Math.max(wholeOr(call.params.get('number_of_files'), 10), 1), 500)
  const mine = [...call.world.state.file.values()].filter((file) => file.owner === ekey && !isTrashed(call.world, file))
  const newest = mine.sort((a, b) => b.revision - a.revision).slice(0, count)
  return { quickkeys: newest.map((file) => file.key) }
}

const oneTimeOptions = ['email_notification', 'success_callback_url', 'error_callback_url', 'bind_ip', 'burn_after_use']

function oneTimeKey(call: Call): Fields {
  const { world, params } = call
  const counts = { one_time_key_request_count: '1', one_time_key_request_max_count: '10' }
  if (params.get('get_counts_only') === 'yes') return counts
  const file = ownFile(call, params.need('quick_key', 111))
  const minutes = wholeOr(params.get('duration'), 43_200)
  if (minutes < 1) throw new ApiFailure(129, meaningOf(129))
  const options = Object.fromEntries(oneTimeOptions.map((name) => [name, params.get(name) ?? '']))
  const expiresMs = world.clock.now() + minutes * 60_000
  const { token } = world.links.open(file.key, expiresMs, params.get('burn_after_use') !== 'no', options)
  return { ...counts, token, links: { download: downloadUrl(world, token, file) } }
}

function configureOneTimeKey(call: Call): Fields {
  const token = call.params.need('token')
  const options = Object.fromEntries(oneTimeOptions.map((name) => [name, call.params.get(name) ?? '']))
  if (!call.world.links.change(token, options)) throw new ApiFailure(129)
  return { one_time_key_request_count: '1' }
}
