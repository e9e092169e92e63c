import { ApiFailure, type Fields } from '../answer.ts'
import { contentType, pageFields, pageOf, wholeOr } from '../listing.ts'
import { createEdit } from '../edit.ts'
import { emptyTrash, isBusy, removeLater, revisionField } from '../mutate.ts'
import type { Folder, StoredFile } from '../records.ts'
import { accountOf, type Call, type Methods } from '../world.ts'
import { times } from '../describe.ts'

/** The calls of `device/`: the change feed and the trash. */
export const deviceCalls: Methods = {
  get_status: { access: 'session', run: getStatus },
  get_changes: { access: 'session', run: getChanges },
  get_trash: { access: 'session', run: getTrash },
  empty_trash: { access: 'session', run: empty },
  get_updates: { access: 'session', run: getUpdates },
  get_patch: {
    access: 'session',
    run: () => {
      throw new ApiFailure(222)
    },
  },
}

/** A call of the change feed covers the revisions up to the next multiple of this. */
const block = 500

function getStatus(call: Call): Fields {
  const account = accountOf(call)
  return {
    device_revision: account.deviceRevision,
    async_jobs_in_progress: isBusy(call.world, account.ekey),
  }
}

function getChanges(call: Call): Fields {
  const { state } = call.world
  const { ekey, deviceRevision } = accountOf(call)
  const from = wholeOr(call.params.need('revision'), -1)
  if (from < 0) throw new ApiFailure(223)
  const end = (Math.floor(from / block) + 1) * block
  const within = (item: { owner: string; revision: number }): boolean =>
    item.owner === ekey && item.revision > from && item.revision <= end
  const change = (
    item: { key: string; parent: string; revision: number },
    name: string,
    createdMs?: number,
  ): Fields => ({
    [name]: item.key,
    parent_folderkey: item.parent,
    revision: item.revision,
    ...(createdMs === undefined ? {} : times('created', createdMs)),
  })
  const byRevision = (a: { revision: number }, b: { revision: number }): number => a.revision - b.revision
  const files = [...state.file.values()].filter(within).sort(byRevision)
  const folders = [...state.folder.values()].filter(within).sort(byRevision)
  const gone = [...state.gone.values()].filter(within).sort(byRevision)
  const trash = [...files, ...folders].some((item) => item.parent === 'trash')
  return {
    device_revision: deviceRevision,
    changes_list_block: end,
    updated: {
      files: files.map((item) => change(item, 'quickkey', item.createdMs)),
      folders: [
        ...folders.map((item) => change(item, 'folderkey', item.createdMs)),
        ...(trash
          ? [{ folderkey: 'trash', parent_folderkey: '', revision: String(Math.min(deviceRevision, end)) }]
          : []),
      ],
    },
    deleted: {
      files: gone.filter((item) => item.kind === 'file').map((item) => change(item, 'quickkey')),
      folders: gone.filter((item) => item.kind === 'folder').map((item) => change(item, 'folderkey')),
    },
  }
}

function getTrash(call: Call): Fields {
  const { world } = call
  const { ekey, deviceRevision } = accountOf(call)
  const fileKeys = world.state.filesIn(ekey, 'trash')
  const folderKeys = world.state.foldersIn(ekey, 'trash')
  const kind = contentType(call)
  const all: readonly (Folder | StoredFile)[] =
    kind === 'files'
      ? [...fileKeys].map((key) => world.state.file.get(key)!)
      : [...folderKeys].map((key) => world.state.folder.get(key)!)
  return {
    name: 'trash',
    revision: deviceRevision,
    folderkey: 'trash',
    folder_count: folderKeys.size,
    file_count: fileKeys.size,
    ...pageFields(call, pageOf(call, all), kind),
  }
}

function empty(call: Call): Fields {
  const { ekey } = accountOf(call)
  if (removeLater(call.world, ekey, 'empty-trash', [])) return { asynchronous: 'yes', ...revisionField(call) }
  const edit = createEdit(call.world, ekey)
  emptyTrash(call.world, edit, ekey)
  edit.commit()
  return { asynchronous: 'no', ...revisionField(call) }
}

function getUpdates(call: Call): Fields {
  const file = call.world.state.file.get(call.params.need('quick_key', 111))
  if (file === undefined || file.owner !== accountOf(call).ekey) throw new ApiFailure(110)
  const chain = [...file.versions, { revision: file.revision, hash: file.hash, dateMs: file.createdMs }]
  const updates = chain.slice(1).map((to, index) => ({
    source_revision: chain[index]!.revision,
    source_hash: chain[index]!.hash,
    target_revision: to.revision,
    target_hash: to.hash,
    timestamp: times('created', to.dateMs)['created'],
  }))
  return { current_revision: file.revision, updates }
}
