import { createEdit } from './edit.ts'
import { emptyTrash, purgeFolder, trashFolder } from './mutate.ts'
import type { Job, Upload } from './records.ts'
import { settleMsOf } from './settings.ts'
import { storeFile } from './store-file.ts'
import type { World } from './world.ts'

/** How many finished uploads are remembered, so that they can be polled. */
const maxDone = 2000

/**
 * Does what has become due: uploads whose content is whole become files, and jobs of the background are done. Called
 * before each call, so that time passes in between only.
 */
export function settle(world: World): void {
  const now = world.clock.now()
  for (const job of [...world.state.job.values()]) if (job.dueMs <= now) runJob(world, job)
  const wait = settleMsOf(world.settings)
  let done = 0
  for (const upload of [...world.state.upload.values()]) {
    if (upload.status === 'stored' && (upload.storedMs ?? 0) + wait <= now) finish(world, upload)
    if (upload.status === 'done' || upload.status === 'failed') done++
    if (upload.status === 'open' && upload.createdMs + world.settings.uploadRetentionMs < now) {
      world.state.commit([['upload', upload.key, null]])
      void world.blobs.dropPart(upload.key)
    }
  }
  if (done > maxDone) forget(world, done - maxDone / 2)
}

function forget({ state }: World, many: number): void {
  let room = many
  const old = [...state.upload.values()].filter(({ status }) => status === 'done' || status === 'failed')
  state.commit(old.filter(() => room-- > 0).map(({ key }) => ['upload', key, null]))
}

function finish(world: World, upload: Upload): void {
  const edit = createEdit(world, upload.owner)
  const gone = upload.folder !== 'myfiles' && !world.state.folder.has(upload.folder)
  if (gone) {
    edit.also(['upload', upload.key, { ...upload, status: 'failed', fileError: '14' }])
  } else {
    const stored = storeFile(world, edit, upload)
    const end: Upload =
      'file' in stored
        ? { ...upload, status: 'done', quickKey: stored.file.key, name: stored.file.name }
        : { ...upload, status: 'failed', fileError: '13' }
    edit.also(['upload', upload.key, end])
  }
  edit.commit()
}

function runJob(world: World, job: Job): void {
  const edit = createEdit(world, job.owner)
  if (job.action === 'empty-trash') emptyTrash(world, edit, job.owner)
  for (const key of job.keys) {
    const folder = world.state.folder.get(key)
    if (folder === undefined) continue
    if (job.action === 'delete-folder') trashFolder(world, edit, folder)
    else purgeFolder(world, edit, folder)
  }
  edit.also(['job', job.id, null])
  edit.commit()
}

/** Puts the units of an upload together, once, beside whatever else goes on. */
export function assemble(world: World, key: string): Promise<void> {
  const running = world.assembling.get(key)
  if (running !== undefined) return running
  const work = assembleNow(world, key).finally(() => world.assembling.delete(key))
  world.assembling.set(key, work)
  return work
}

async function assembleNow(world: World, key: string): Promise<void> {
  const { state, blobs, clock } = world
  // What cannot be read is an upload that failed; the disk's reason is of no use to the uploader.
  const size = state.upload.get(key)?.size ?? 0
  const hash = await blobs.hashPart(key, size).catch(() => '')
  const upload = state.upload.get(key)
  if (upload === undefined || upload.status !== 'assembling') return
  if (hash === upload.hash) {
    blobs.keepPart(key, hash)
    state.commit([
      ['blob', hash, { hash, size: upload.size }],
      ['upload', key, { ...upload, status: 'stored', storedMs: clock.now() }],
    ])
  } else {
    state.commit([['upload', key, { ...upload, status: 'failed', fileError: hash === '' ? '8' : '7' }]])
    await blobs.dropPart(key)
  }
}
