import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Fields } from './answer.ts'
import { writeBody } from './blobs.ts'
import { textOf, withBody } from './receive-simple.ts'
import type { Upload } from './records.ts'
import { assemble } from './settle.ts'
import { hasAllUnits, hasUnit, leadingBytes, unitBytes, withUnit } from './units.ts'
import {
  hashParam,
  headerName,
  needName,
  needRoom,
  sizeParam,
  targetOf,
  UploadRefusal,
  wishesOf,
} from './upload-target.ts'
import type { Call } from './world.ts'

/** `upload/resumable`: one unit of a file. Units come in any order and beside each other. */
export async function receiveUnit(call: Call, describe: (upload: Upload) => Fields): Promise<Fields> {
  const { world, headers, log } = call
  const upload = uploadOf(call)
  const unit = sizeParam(textOf(headers['x-unit-id']))
  const expected = unit < upload.units ? unitBytes(upload.size, upload.unitSize, unit) : -1
  const said = textOf(headers['x-unit-size'])
  log.note = `unit ${unit}`
  if (sizeParam(said, expected) !== expected) throw new UploadRefusal(-303)
  const unitHash = hashParam(textOf(headers['x-unit-hash']))

  // The same unit twice at a time would write over each other's bytes.
  const place = `${upload.key}/${unit}`
  while (world.receiving.has(place)) await world.receiving.get(place)?.catch(() => undefined)
  const receiving = withBody(call.body, (body) => writeUnit(call, upload, { unit, expected, body }))
  world.receiving.set(place, receiving)
  const { size, hash, tooLong } = await receiving.finally(() => world.receiving.delete(place))

  log.bodyBytes = size
  if (tooLong || size !== expected) throw new UploadRefusal(-303)
  if (hash !== unitHash) throw new UploadRefusal(-304)
  const last = call.faults.some((fault) => fault.kind === 'lose-unit') ? upload : confirm(call, upload.key, unit)
  return { doupload: { result: '0', key: upload.key }, ...describe(last) }
}

/** @throws UploadRefusal −302 when no check was made before. */
function uploadOf(call: Call): Upload {
  const { state } = call.world
  const hash = hashParam(textOf(call.headers['x-filehash']))
  const size = sizeParam(textOf(call.headers['x-filesize']))
  const target = targetOf(call)
  const key = call.params.get('key')
  const known = key === undefined ? undefined : state.upload.get(key)
  const upload = known ?? state.uploadOf(target.owner, target.folder, hash, size)
  const fits = upload?.owner === target.owner && upload.hash === hash && upload.size === size && !upload.simple
  if (upload === undefined || !fits || upload.status === 'failed') throw new UploadRefusal(-302)
  needRoom(call, target.owner, upload.status === 'done' ? 0 : size)
  if (upload.status !== 'open') return upload
  // The name and the wishes of the transfer win over those of the check.
  const name = headerName(call)
  const next = { ...upload, ...wishesOf(call), name: name === undefined ? upload.name : needName(name) }
  const same = next.name === upload.name && next.onDuplicate === upload.onDuplicate && next.target === upload.target
  if (!same || next.mtimeMs !== upload.mtimeMs) state.commit([['upload', upload.key, next]])
  return next
}

async function writeUnit(
  { world }: Call,
  upload: Upload,
  { unit, expected, body }: { unit: number; expected: number; body: AsyncIterable<Uint8Array> },
): Promise<{ size: number; hash: string; tooLong: boolean }> {
  const now = world.state.upload.get(upload.key)
  // What is there already is left alone, and only looked at.
  if (now === undefined || now.status !== 'open' || hasUnit(now.words, unit)) {
    return writeBody(undefined, 0, body, expected)
  }
  const file = await open(world.blobs.partOf(upload.key), partFlags, 0o600)
  try {
    return await writeBody(file, unit * upload.unitSize, body, expected)
  } finally {
    await file.close()
  }
}

const partFlags = constants.O_WRONLY | constants.O_CREAT

/** Notes that a unit is there. With the last one the file is put together. */
function confirm({ world }: Call, key: string, unit: number): Upload {
  const upload = world.state.upload.get(key)
  if (upload === undefined) throw new UploadRefusal(-302)
  if (upload.status !== 'open' || hasUnit(upload.words, unit)) return upload
  const words = withUnit(upload.words, unit)
  const isWhole = hasAllUnits(words, upload.units)
  const next: Upload = { ...upload, words, status: isWhole ? 'assembling' : 'open' }
  world.state.commit([['upload', key, next]])
  if (isWhole) void assemble(world, key)
  else world.blobs.followPart(key, leadingBytes(words, next.size, next.unitSize))
  return next
}
