import type { RawPath } from '@coalmine/bytes'
import { closeSync, fstatSync } from 'node:fs'
import { BatchPacker, type PackedBatch } from './batch.ts'
import { codeOf, isOutside, messageOf, sentence } from './errors.ts'
import { readSmall, type TreeOpener } from './file-reader.ts'
import { rowOf } from './row.ts'

/**
 * Regular files as they are now, each with the content that belongs to its status, because both come from one
 * descriptor. See {@link Tree.load}.
 */
export function loadFiles(opener: TreeOpener, paths: readonly RawPath[], contentUpTo: number): PackedBatch {
  const packer = new BatchPacker(paths.length)
  for (const path of paths) {
    let operation: 'open' | 'read' = 'open'
    let descriptor: number | undefined
    try {
      descriptor = opener.descriptorOf(path)
      const row = rowOf(fstatSync(descriptor, { bigint: true }))
      if (row.kind !== 0) {
        const message = sentence('open', path, 'it is no regular file any more')
        packer.problem({ path, operation, code: 'changed', message })
        continue
      }
      operation = 'read'
      const content =
        row.size < contentUpTo
          ? readSmall(descriptor, row.size, contentUpTo, (length) => packer.room(length))
          : undefined
      packer.add(path, row, undefined, content)
    } catch (error) {
      if (!isOutside(error)) throw error
      // Gone since it was walked: as if it had never been.
      if (codeOf(error) === 'ENOENT') continue
      packer.problem({ path, operation, code: codeOf(error), message: messageOf(error, operation, path) })
    } finally {
      if (descriptor !== undefined) closeSync(descriptor)
    }
  }
  return packer.take(true)
}
