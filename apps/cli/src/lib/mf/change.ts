import type { RawPath } from '@coalmine/bytes'
import { MediaFireError } from '@coalmine/mediafire'
import { jsonLine } from '../json.ts'
import type { MfContext } from './client.ts'
import {
  ensurePrivateFolder,
  findIfThere,
  findItem,
  type Item,
  listFolder,
  parsePlace,
  type Place,
  rootKey,
  shownPath,
  shownPlace,
} from './remote.ts'

/** `mf mkdir PATH…` */
export async function mkdir(operands: readonly RawPath[], context: MfContext): Promise<void> {
  for (const place of operands.map(parsePlace)) {
    const path = shownPlace(place)
    if (place.kind === 'key') refuse(`make the folder "${path}"`, 'invalid', 'a new folder has no key yet')
    const { client, signal } = context
    const there = await findIfThere(client, { ...place, asFolder: false }, signal)
    if (there?.kind === 'file') refuse(`make the folder "${path}"`, 'exists', 'there is a file of that name')
    const { key, made } = await ensurePrivateFolder(client, place.names, signal)
    tell(context, { outcome: made ? 'made' : 'unchanged', kind: 'folder', path, key })
  }
}

/** `mf rm PATH…`: all of them are looked for before the first one is deleted. */
export async function rm(operands: readonly RawPath[], context: MfContext): Promise<void> {
  const { client, settings, signal } = context
  const purge = settings.flag('purge')
  const items: { item: Item; path: string }[] = []
  for (const place of operands.map(parsePlace)) {
    const path = shownPlace(place)
    const item = await findItem(client, place, signal)
    const attempted = `delete "${path}"`
    if (item.key === rootKey) refuse(attempted, 'invalid', 'it is the root of the account')
    if (item.kind === 'folder' && !settings.flag('recursive')) {
      refuse(attempted, 'invalid', 'it is a folder; --recursive deletes it with all that is in it')
    }
    items.push({ item, path })
  }
  for (const { item, path } of items) {
    const { key, kind } = item
    if (kind === 'file')
      await (purge ? client.trash.purgeFiles(key, { signal }) : client.trash.deleteFiles(key, { signal }))
    else await (purge ? client.trash.purgeFolders(key, { signal }) : client.trash.deleteFolders(key, { signal }))
    tell(context, { outcome: purge ? 'deleted' : 'in the trash', kind, path, key })
  }
}

/** `mf publish|unpublish PATH…` */
export async function publish(operands: readonly RawPath[], context: MfContext, makesPublic: boolean): Promise<void> {
  const { client, settings, signal } = context
  const recursive = settings.flag('recursive')
  const { sharing } = client
  for (const place of operands.map(parsePlace)) {
    const path = shownPlace(place)
    const { kind, key } = await findItem(client, place, signal)
    const attempted = `${makesPublic ? 'publish' : 'make private'} "${path}"`
    if (key === rootKey) refuse(attempted, 'invalid', 'the root of the account has no privacy of its own')
    if (kind === 'file' && recursive) refuse(attempted, 'invalid', '--recursive is for folders, and it is a file')
    let address: string | undefined
    if (kind === 'file') {
      if (makesPublic) address = await sharing.publishFile(key, { signal })
      else await sharing.unpublishFile(key, { signal })
    } else if (makesPublic) address = await sharing.publishFolder(key, { recursive, signal })
    else await sharing.unpublishFolder(key, { recursive, signal })
    tell(context, { outcome: makesPublic ? 'public' : 'private', kind, path, key, ...(address && { address }) })
  }
}

/** Where something is to be: the folder, and its name there. */
interface Target {
  readonly folderKey: string
  readonly name: string
  readonly path: string
}

/** `mf mv PATH… TARGET`, `mf cp PATH… TARGET` */
export async function moveOrCopy(
  operands: readonly RawPath[],
  context: MfContext,
  verb: 'move' | 'copy',
): Promise<void> {
  const { client, signal } = context
  const to = parsePlace(operands.at(-1)!)
  const sources = operands.slice(0, -1).map(parsePlace)
  const folder = await findIfThere(client, to, signal)
  const jobs: { item: Item; from: string; target: Target }[] = []
  for (const place of sources) {
    const from = shownPlace(place)
    const item = await findItem(client, place, signal)
    const attempted = `${verb} "${from}"`
    if (item.key === rootKey) refuse(attempted, 'invalid', 'it is the root of the account')
    const target = await targetOf(item, to, { folder, single: sources.length === 1, context, attempted })
    await requireOutside(item, target, { context, attempted })
    jobs.push({ item, from, target })
  }
  for (const { item, from, target } of jobs) {
    const attempted = `${verb} "${from}" to "${target.path}"`
    const key = await (verb === 'move' ? move : copy)(item, target, context, attempted)
    const outcome = verb === 'move' ? 'moved' : 'copied'
    tell(context, { outcome, kind: item.kind, path: from, to: target.path, key })
  }
}

async function targetOf(
  item: Item,
  to: Place,
  { folder, single, context, attempted }: { folder?: Item; single: boolean; context: MfContext; attempted: string },
): Promise<Target> {
  const { client, signal } = context
  if (folder?.kind === 'folder') {
    return {
      folderKey: folder.key,
      name: item.name,
      path: `${shownPlace(to).replace(/\/$/, '')}/${shownPath([item.name]).slice(1)}`,
    }
  }
  if (folder !== undefined) refuse(attempted, 'exists', `"${shownPlace(to)}" is there already`)
  if (to.kind === 'key' || !single || to.asFolder) {
    refuse(attempted, 'not-found', `there is no folder "${shownPlace(to)}"; "mf mkdir" makes one`)
  }
  const parent = { kind: 'path', names: to.names.slice(0, -1), asFolder: true } as const
  const { key } = await findItem(client, parent, signal)
  return { folderKey: key, name: to.names.at(-1)!, path: shownPlace(to) }
}

/** A folder in itself would be lost. */
async function requireOutside(
  item: Item,
  { folderKey }: Target,
  { context, attempted }: { context: MfContext; attempted: string },
): Promise<void> {
  if (item.kind === 'file' || folderKey === rootKey) return
  const { chain } = await context.client.api.folder.getDepth(folderKey, { signal: context.signal })
  if (item.key !== folderKey && !chain.some(({ key }) => key === item.key)) return
  refuse(attempted, 'invalid', 'a folder cannot be put into itself')
}

/** Names of a folder, each with the keys of what has it. */
async function namesIn(key: string, { client, signal }: MfContext): Promise<Map<string, string[]>> {
  const { files, folders } = await listFolder(client, key, signal)
  const names = new Map<string, string[]>()
  for (const one of [...files, ...folders]) names.set(one.name, [...(names.get(one.name) ?? []), one.key])
  return names
}

async function move(item: Item, target: Target, context: MfContext, attempted: string): Promise<string> {
  const { client, signal } = context
  const api = item.kind === 'file' ? client.api.file : client.api.folder
  const parentKey = await parentOf(item, context)
  const there = await namesIn(target.folderKey, context)
  const isHere = parentKey === target.folderKey
  const others = (there.get(target.name) ?? []).filter((key) => key !== item.key)
  if (others.length > 0) refuse(attempted, 'exists', 'there is something of that name', others)
  if (isHere && item.name === target.name) return item.key
  const rename = () => api.update(item.key, { name: target.name }, { signal })
  if (!isHere && item.name !== target.name && there.has(item.name)) {
    // Under its old name it would meet another one there: it gets its new name before it goes.
    if ((await namesIn(parentKey, context)).has(target.name)) {
      refuse(attempted, 'exists', 'on the way it would meet something of its name; move it under another name first')
    }
    await rename()
    await api.move(item.key, target.folderKey, { signal })
  } else {
    if (!isHere) await api.move(item.key, target.folderKey, { signal })
    if (item.name !== target.name) await rename()
  }
  await client.api.device.waitForJobs({ signal })
  await requireThere(item.key, target, context, attempted)
  return item.key
}

async function copy(item: Item, target: Target, context: MfContext, attempted: string): Promise<string> {
  const { client, signal } = context
  const there = await namesIn(target.folderKey, context)
  const others = there.get(target.name) ?? []
  if (others.length > 0) refuse(attempted, 'exists', 'there is something of that name', others)
  const api = item.kind === 'file' ? client.api.file : client.api.folder
  const { newKeys } = await api.copy(item.key, target.folderKey, { signal })
  await client.api.device.waitForJobs({ signal })
  // Some answers leave the key out: then it is what was not there before.
  const before = new Set([...there.values()].flat())
  const fresh = [...(await namesIn(target.folderKey, context))].flatMap(([, keys]) =>
    keys.filter((key) => !before.has(key)),
  )
  const key = newKeys[0] ?? (fresh.length === 1 ? fresh[0] : undefined)
  if (key === undefined) refuse(attempted, 'malformed', 'MediaFire does not tell which one is the copy', fresh)
  const { name } = await (item.kind === 'file' ? client.api.file : client.api.folder).getInfo(key, { signal })
  if (name !== target.name) await api.update(key, { name: target.name }, { signal })
  await requireThere(key, target, context, attempted)
  if (item.kind === 'file') {
    const made = await client.api.file.getInfo(key, { signal })
    const { size, sha256 } = item.info
    if (made.size !== size || made.sha256 !== sha256) refuse(attempted, 'mismatch', 'the copy has other bytes', [key])
  }
  return key
}

async function parentOf(item: Item, { client, signal }: MfContext): Promise<string> {
  const known = item.info?.parentKey
  if (known !== undefined) return known
  const api = item.kind === 'file' ? client.api.file : client.api.folder
  return (await api.getInfo(item.key, { signal })).parentKey ?? rootKey
}

/** What the service says it has done is looked at. */
async function requireThere(key: string, target: Target, context: MfContext, attempted: string): Promise<void> {
  const keys = (await namesIn(target.folderKey, context)).get(target.name) ?? []
  if (keys.includes(key)) return
  refuse(attempted, 'refused', 'MediaFire says that it was done, and it is not there', [key])
}

function refuse(
  attempted: string,
  code: 'exists' | 'invalid' | 'not-found' | 'refused' | 'malformed' | 'mismatch',
  state: string,
  keys: readonly string[] = [],
): never {
  throw new MediaFireError(code, state, { attempted, keys, retry: 'never' })
}

function tell({ settings, log }: MfContext, told: Readonly<Record<string, string>>): void {
  if (settings.flag('json')) return log.data(jsonLine(told))
  const { outcome, path, to, address } = told
  log.notice([outcome, ` ${path}`, ...(to ? [`to ${to}`] : []), ...(address ? [address] : [])].join(' '))
}
