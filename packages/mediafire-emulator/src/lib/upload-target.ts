import { ApiFailure } from './answer.ts'
import { createEdit } from './edit.ts'
import type { Account, Upload } from './records.ts'
import { timeParam } from './time-param.ts'
import { checkName, isTrashed, makePath } from './tree.ts'
import { accountOf, type Call } from './world.ts'

/** Where an upload goes. */
export interface Target {
  owner: string
  folder: string
  /** Uploads into a filedrop have other keys, and cannot be polled. */
  filedrop: boolean
  /** Whether a path was followed to get there. */
  byPath: boolean
}

/** What an upload is refused with: an error of the API, with a result of its own. */
export class UploadRefusal extends ApiFailure {
  constructor(result: number, code = 169) {
    super(code, undefined, { doupload: { result } })
  }
}

/**
 * The folder that a call names, by whichever of the many names; folders of a path are made where they are missing.
 *
 * @throws UploadRefusal −14 for no such folder, −204 for somebody else's, −206 in the trash, −1 for no such filedrop.
 */
export function targetOf(call: Call): Target {
  const { world, params } = call
  const drop = params.get('filedrop_key')
  if (drop !== undefined) {
    for (const folder of world.state.folder.values()) {
      if (folder.filedropKey === drop) {
        return { owner: folder.owner, folder: folder.key, filedrop: true, byPath: false }
      }
    }
    throw new UploadRefusal(-1, 214)
  }
  const { ekey } = accountOf(call)
  const key = params.get('folder_key') ?? params.get('uploadkey') ?? 'myfiles'
  const folder = world.state.folder.get(key)
  if (folder === undefined && key !== 'myfiles') throw new UploadRefusal(-14, 112)
  if (folder !== undefined && folder.owner !== ekey) throw new UploadRefusal(-204, 114)
  if (folder !== undefined && (folder.parent === 'trash' || isTrashed(world, folder)))
    throw new UploadRefusal(-206, 211)
  const path = params.get('path')
  if (path === undefined) return { owner: ekey, folder: key, filedrop: false, byPath: false }
  const edit = createEdit(world, ekey)
  const place = makePath(world, edit, ekey, path, key)
  edit.commit()
  return { owner: ekey, folder: place.key, filedrop: false, byPath: true }
}

/** Whether there is room for a file. @throws UploadRefusal: 162 for the account, −881 for one file too large. */
export function needRoom(call: Call, owner: string, size: number): void {
  const { state, settings } = call.world
  if (size > settings.maxUploadSize) throw new UploadRefusal(-881)
  const account = state.account.get(owner)
  if (account !== undefined && state.usedBytes(owner) + size > limitOf(account)) throw new UploadRefusal(-31, 162)
}

export function limitOf(account: Account): number {
  return account.baseStorage + account.bonusStorage
}

/** The wishes that come with the transfer of content. */
export function wishesOf(call: Call): Pick<Upload, 'onDuplicate' | 'target' | 'mtimeMs'> {
  const { params } = call
  const action = params.get('action_on_duplicate')
  const onDuplicate = action === 'keep' || action === 'replace' ? action : 'skip'
  const target = params.get('quick_key') ?? params.get('quickkey')
  if (target !== undefined && call.world.state.file.get(target)?.owner !== call.account?.ekey) {
    throw new UploadRefusal(-203, 110)
  }
  const mtimeMs = timeParam(params, 'mtime')
  return {
    onDuplicate,
    ...(target === undefined ? {} : { target }),
    ...(mtimeMs === undefined ? {} : { mtimeMs }),
  }
}

/** The name in the head: bytes that are UTF-8, which Node shows as one character each. */
export function headerName(call: Call): string | undefined {
  const value = call.headers['x-filename']
  if (typeof value !== 'string' || value === '') return undefined
  const bytes = Buffer.from(value, 'latin1')
  const text = bytes.toString('utf8')
  return text.includes('\uFFFD') ? value : text
}

/** @throws UploadRefusal −49 without a name, ApiFailure 118 for one that cannot be. */
export function needName(name: string | undefined): string {
  if (name === undefined || name === '') throw new UploadRefusal(-49)
  return checkName(name, 118)
}

/** A SHA-256 in hex. @throws ApiFailure 264 or 265. */
export function hashParam(text: string | undefined): string {
  if (text === undefined) throw new ApiFailure(264)
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new ApiFailure(265)
  return text.toLowerCase()
}

/** A size in bytes. @throws UploadRefusal −48. */
export function sizeParam(text: string | undefined, standard?: number): number {
  const size = text === undefined ? standard : /^\d{1,15}$/.test(text) ? Number(text) : undefined
  if (size === undefined) throw new UploadRefusal(-48)
  return size
}
