import type { RawPath } from '@coalmine/bytes'
import { constants } from 'node:fs'
import { address, addressBelow } from './address.ts'
import type { FileEffects } from './effects.ts'
import { toFileTreeError } from './errors.ts'
import type { OpenFolder } from './write-target.ts'

/** A file without a name, for what does not fit in memory. It is gone when it is closed, or the process ends. */
export interface ScratchFile {
  /** Writes all of the bytes at the end. */
  write(bytes: Uint8Array): void
  /** Reads up to the length of the buffer; 0 at the end. */
  read(into: Uint8Array, at: number): number
  close(): void
}

const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Makes a scratch file in an open folder. Its name is taken away before anything is written, so that nobody finds its
 * content, whenever the process is killed.
 *
 * @throws FileTreeError from here and from all that is done with the file.
 */
export function openScratch(effects: FileEffects, folder: OpenFolder, name: string): ScratchFile {
  const told = <T>(call: () => T): T => {
    try {
      return call()
    } catch (error) {
      throw toFileTreeError(error, 'keep a large file for patching in', folder.path as RawPath, 'write')
    }
  }
  const prefix = effects.descriptors()
  const where =
    prefix === undefined ? address(`${folder.path}/${name}`) : addressBelow(`${prefix}${folder.descriptor}/`, name)
  const descriptor = told(() => effects.open(where, flags, 0o600))
  let isOpen = true
  const close = () => {
    if (isOpen) effects.close(descriptor)
    isOpen = false
  }
  try {
    told(() => effects.unlink(where))
  } catch (error) {
    close()
    throw error
  }
  return {
    write: (bytes) => told(() => effects.write(descriptor, bytes)),
    read: (into, at) => told(() => effects.read(descriptor, into, at)),
    close,
  }
}
