import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { temporaryPrefix } from '@coalmine/storage'

/** The path of a name in a folder; bytes, because folders may have any. */
export function pathIn(folder: Buffer, name: string | Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), Buffer.from(name)])
}

export function parentOf(path: Buffer): Buffer {
  // One char per byte, so that no byte is lost; separators are the same in that form.
  return Buffer.from(dirname(path.toString('latin1')), 'latin1')
}

/** A name for an object on its way. */
export function temporaryName(): string {
  return temporaryPrefix + randomBytes(8).toString('hex')
}

const temporaryStart = Buffer.from(temporaryPrefix)

export function isTemporary(name: Buffer): boolean {
  return name.subarray(0, temporaryStart.length).equals(temporaryStart)
}

/**
 * Why Windows would take a key for something else than a name: a path, a stream, a device, or a shorter name. As the
 * end of a sentence; `undefined` when it is a name.
 */
export function windowsKeyProblem(key: string): string | undefined {
  if (/[<>:"\\|?*\u0001-\u001f]/.test(key)) return 'Windows has no such names'
  if (/[. ]$/.test(key)) return 'Windows drops dots and spaces at the end of names'
  if (/^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i.test(key))
    return 'Windows has a device of that name'
  return undefined
}
