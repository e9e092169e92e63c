import type { IncomingMessage } from 'node:http'
import type { Fields } from './answer.ts'
import { boundaryOf, MultipartError, readParts } from './multipart.ts'
import type { Received } from './blobs.ts'
import type { Upload } from './records.ts'
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

/** Content as it arrives, raw or as the first file of a form in parts. */
export async function withBody<T>(
  request: IncomingMessage,
  use: (body: AsyncIterable<Uint8Array>, filename: string | undefined) => Promise<T>,
): Promise<T> {
  const boundary = boundaryOf(request.headers['content-type'] ?? '')
  if (boundary === undefined) return use(request, undefined)
  let result: { value: T } | undefined
  try {
    for await (const part of readParts(request, boundary)) {
      if (part.filename === undefined && part.name !== 'file') continue
      if (result === undefined) result = { value: await use(part.body, part.filename) }
    }
  } catch (error) {
    if (error instanceof MultipartError) throw new UploadRefusal(-43)
    throw error
  }
  if (result === undefined) throw new UploadRefusal(-44)
  return result.value
}

/** `upload/simple`: the whole content in one request. */
export async function receiveSimple(call: Call): Promise<Fields> {
  const { world, headers } = call
  const target = targetOf(call)
  const wishes = wishesOf(call)
  const saidSize = textOf(headers['x-filesize'])
  const expected = saidSize === undefined ? undefined : sizeParam(saidSize)
  if (expected !== undefined) needRoom(call, target.owner, expected)
  const saidHash = textOf(headers['x-filehash'])
  const hash = saidHash === undefined ? undefined : hashParam(saidHash)
  const limit = Math.min(world.settings.maxUploadSize, expected ?? Infinity)
  const { received, name } = await withBody(call.body, async (body, filename) => ({
    name: headerName(call) ?? filename,
    received: await world.blobs.receive(body, limit),
  }))
  try {
    call.log.bodyBytes = received.size
    return store(call, { target, wishes, name: needName(name), received, expected, hash })
  } catch (error) {
    await received.discard()
    throw error
  }
}

function store(
  call: Call,
  sent: {
    target: ReturnType<typeof targetOf>
    wishes: ReturnType<typeof wishesOf>
    name: string
    received: Received
    expected: number | undefined
    hash: string | undefined
  },
): Fields {
  const { world } = call
  const { target, wishes, name, received, expected, hash } = sent
  if (expected !== undefined && (received.tooLong || received.size !== expected)) throw new UploadRefusal(-51)
  if (received.tooLong) throw new UploadRefusal(-881)
  if (hash !== undefined && hash !== received.hash) throw new UploadRefusal(-90)
  needRoom(call, target.owner, received.size)
  const now = world.clock.now()
  const upload: Upload = {
    ...wishes,
    key: target.filedrop ? world.keys.hex(32) : world.keys.upload(),
    owner: target.owner,
    folder: target.folder,
    name,
    size: received.size,
    hash: received.hash,
    unitSize: 0,
    units: 0,
    words: [],
    status: 'stored',
    simple: true,
    createdMs: now,
    storedMs: now,
    result: '0',
    fileError: '',
  }
  received.keep()
  world.state.commit([
    ['blob', upload.hash, { hash: upload.hash, size: upload.size }],
    ['upload', upload.key, upload],
  ])
  return { doupload: { result: '0', key: upload.key }, server: 'live' }
}

export function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined
}
