import { ApiFailure, type Fields } from '../answer.ts'
import { createEdit } from '../edit.ts'
import { linkBase, times } from '../describe.ts'
import { revisionField } from '../mutate.ts'
import { receiveSimple } from '../receive-simple.ts'
import { receiveUnit } from '../receive-unit.ts'
import type { Upload } from '../records.ts'
import { assemble, settle } from '../settle.ts'
import { settleMsOf } from '../settings.ts'
import { storeFile } from '../store-file.ts'
import { fileNamed } from '../tree.ts'
import { emptyWords, hasAllUnits, unitCount, unitSizeOf } from '../units.ts'
import { hashParam, limitOf, needName, needRoom, sizeParam, type Target, targetOf, wishesOf } from '../upload-target.ts'
import { accountOf, type Call, type Methods, type World } from '../world.ts'

const deprecated = (): never => {
  throw new ApiFailure(126, undefined, { deprecated: 'yes' })
}

/** The calls of `upload/`. */
export const uploadCalls: Methods = {
  check: { access: 'upload', run: check },
  instant: { access: 'upload', run: instant },
  simple: { access: 'upload', run: receiveSimple },
  update: { access: 'upload', run: receiveSimple },
  resumable: { access: 'upload', run: (call) => receiveUnit(call, resumableFields) },
  poll_upload: { access: 'public', run: poll },
  get_options: { access: 'session', run: () => ({ options: { disable_instant: 'no', action_on_duplicate: 'skip' } }) },
  pre_upload: { access: 'public', run: deprecated },
  upload: { access: 'public', run: deprecated },
}

/** Nothing at all is known to the service since empty files are allowed. */
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

function isKnown({ state, settings }: World, hash: string, size: number): boolean {
  if (hash === emptyHash && size === 0 && settings.profile !== 'legacy') return true
  return state.blob.get(hash)?.size === size
}

function check(call: Call): Fields {
  const { world, params } = call
  const { state, settings } = world
  const name = needName(params.get('filename'))
  const size = sizeParam(params.get('size'), 0)
  const resumable = params.get('resumable') === 'yes'
  const hashText = params.get('hash')
  const hash = hashText === undefined && !resumable ? '' : hashParam(hashText)
  const target = targetOf(call)
  const known = isKnown(world, hash, size)
  const namesake = fileNamed(world, target.owner, target.folder, name)
  const account = state.account.get(target.owner) ?? accountOf(call)
  const used = state.usedBytes(target.owner)
  return {
    hash_exists: known,
    ...(known
      ? {
          in_account: state.holds(target.owner, hash),
          in_folder: state.holds(target.owner, hash, target.folder),
        }
      : {}),
    file_exists: namesake !== undefined,
    ...(namesake === undefined ? {} : { different_hash: namesake.hash !== hash, duplicate_quickkey: namesake.key }),
    ...(target.byPath ? { folder_key: target.folder } : {}),
    ...(resumable ? resumableFields(trackUpload(call, target, { name, size, hash })) : {}),
    available_space: Math.max(0, limitOf(account) - used),
    used_storage_size: used,
    storage_limit: limitOf(account),
    storage_limit_exceeded: used + (known ? 0 : size) > limitOf(account),
    ...(settings.profile === 'modern' ? { upload_url: uploadUrls(world) } : {}),
  }
}

function uploadUrls(world: World): Fields {
  const base = `${linkBase(world, 'www.mediafire.com')}/api/upload`
  const url = { simple: `${base}/simple.php`, resumable: `${base}/resumable.php` }
  return { ...url, simple_fallback: url.simple, resumable_fallback: url.resumable }
}

/** The upload that a check is about: one that goes on, one that is finished and still good, or a new one. */
function trackUpload(call: Call, target: Target, wanted: Pick<Upload, 'name' | 'size' | 'hash'>): Upload {
  const { world } = call
  const known = world.state.uploadOf(target.owner, target.folder, wanted.hash, wanted.size)
  if (known !== undefined && isGood(world, known, wanted.name)) {
    if (known.name === wanted.name || known.status !== 'open') return known
    const renamed = { ...known, name: wanted.name }
    world.state.commit([['upload', known.key, renamed]])
    return renamed
  }
  const unitSize = unitSizeOf(wanted.size)
  const units = unitCount(wanted.size, unitSize)
  const upload: Upload = {
    ...wanted,
    ...wishesOf(call),
    key: target.filedrop ? world.keys.hex(32) : world.keys.upload(),
    owner: target.owner,
    folder: target.folder,
    unitSize,
    units,
    words: emptyWords(units),
    status: 'open',
    simple: false,
    createdMs: world.clock.now(),
    result: '0',
    fileError: '',
  }
  world.state.commit([['upload', upload.key, upload]])
  return upload
}

/** Whether a known upload still stands for what is asked: a finished one only while its file is what it made. */
function isGood({ state }: World, upload: Upload, name: string): boolean {
  if (upload.status === 'open') return true
  if (upload.status === 'failed') return false
  if (upload.status !== 'done') return upload.name === name
  const file = state.file.get(upload.quickKey ?? '')
  return file !== undefined && file.hash === upload.hash && file.name === name && file.parent === upload.folder
}

/** What is there of an upload. */
function resumableFields(upload: Upload): Fields {
  return {
    resumable_upload: {
      all_units_ready: hasAllUnits(upload.words, upload.units),
      number_of_units: upload.units,
      unit_size: upload.unitSize,
      bitmap: { count: upload.words.length, words: upload.words },
      upload_key: upload.key,
    },
  }
}

function instant(call: Call): Fields {
  const { world, params } = call
  const name = needName(params.get('filename'))
  const size = sizeParam(params.get('size'))
  const hash = hashParam(params.get('hash'))
  const target = targetOf(call)
  if (!isKnown(world, hash, size)) throw new ApiFailure(129, 'The hash is not known')
  needRoom(call, target.owner, size)
  const edit = createEdit(world, target.owner)
  if (size === 0 && !world.state.blob.has(hash)) {
    world.blobs.keepEmpty(hash)
    edit.also(['blob', hash, { hash, size }])
  }
  const stored = storeFile(world, edit, { ...target, ...wishesOf(call), name, size, hash })
  if ('taken' in stored) {
    throw new ApiFailure(143, undefined, { duplicate_quickkey: stored.taken.key })
  }
  const revision = edit.commit()
  const { file } = stored
  return {
    quickkey: file.key,
    filename: file.name,
    new_device_revision: revision,
    ...(world.settings.profile === 'legacy'
      ? {
          device_revision: String(revision),
          newrevision: { revision: String(file.revision), epoch: Math.floor(world.clock.now() / 1000) },
        }
      : {}),
    ...(call.account === undefined ? {} : call.version >= 1.3 ? {} : revisionField(call)),
  }
}

const stages = [
  ['4', 'Upload completed'],
  ['5', 'Waiting for verification'],
  ['6', 'Verifying File'],
  ['11', 'Finished verification'],
  ['18', 'Waiting for assembly'],
  ['19', 'Assembling file'],
] as const

async function poll(call: Call): Promise<Fields> {
  const { world } = call
  const key = call.params.need('key')
  const first = world.state.upload.get(key)
  if (first === undefined) return { doupload: { result: key.length === 11 ? '-80' : '-20' } }
  if (world.settings.profile === 'instant') {
    await world.assembling.get(key)
    settle(world)
  } else if (first.status === 'assembling') void assemble(world, key)
  const upload = world.state.upload.get(key)
  if (upload === undefined) return { doupload: { result: '-80' } }
  const fault = call.faults.find((each) => each.kind === 'poll')
  const fields = { ...pollFields(world, upload) }
  if (fault?.status !== undefined) Object.assign(fields, { status: fault.status, quickkey: undefined })
  if (fault?.result !== undefined) fields['result'] = fault.result
  if (fault?.fileError !== undefined) fields['fileerror'] = fault.fileError
  return { doupload: fields }
}

function pollFields(world: World, upload: Upload): Record<string, Fields[string]> {
  const { profile } = world.settings
  const [status, description] = stageOf(world, upload)
  const common = { result: upload.result, status, description }
  const file = upload.status === 'done' ? world.state.file.get(upload.quickKey ?? '') : undefined
  const ended =
    upload.status === 'done'
      ? {
          quickkey: upload.quickKey,
          hash: upload.hash,
          size: upload.size,
          ...times('created', file?.createdMs ?? upload.createdMs),
          revision: file?.revision ?? 0,
        }
      : undefined
  if (profile === 'modern') {
    return { ...common, ...(upload.fileError === '' ? {} : { fileerror: upload.fileError }), ...ended }
  }
  return {
    ...common,
    fileerror: upload.fileError,
    quickkey: '',
    hash: '',
    filename: upload.name,
    size: upload.size,
    created: '',
    created_utc: '',
    revision: '',
    ...ended,
  }
}

function stageOf(world: World, upload: Upload): readonly [status: string, description: string] {
  if (upload.status === 'open') return ['17', 'Upload in progress']
  if (upload.status === 'done' || upload.status === 'failed') return ['99', 'No more requests for this key']
  if (upload.status === 'assembling') return ['18', 'Waiting for assembly']
  const wait = settleMsOf(world.settings)
  const since = world.clock.now() - (upload.storedMs ?? 0)
  const index = wait <= 0 ? 0 : Math.floor((since / wait) * stages.length)
  return stages[Math.min(Math.max(index, 0), stages.length - 1)] ?? stages[0]
}
