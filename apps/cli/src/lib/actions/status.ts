import type { RawPath } from '@coalmine/bytes'
import { fileChanges, setChanges } from '../changed-files.ts'
import { collectionObject } from '../collection-object.ts'
import { formatCollection } from '../collection-text.ts'
import { UsageError } from '../exit-codes.ts'
import { jsonLine } from '../json.ts'
import { code } from '../log.ts'
import { type Context, Session } from '../session.ts'

/** `collection-status`: chains and sets on the storage; needs no passphrase. With a set or a file to tell of it reads manifests. */
export async function status([url]: readonly RawPath[], context: Context): Promise<void> {
  const session = await Session.open(url!, context, { write: false })
  try {
    const { log, settings } = context
    const collection = await session.collect(context)
    const set = settings.integer('show-changes-in-set')
    if (set !== undefined) return await setChanges(set, session, collection, context)
    if (settings.flag('jsonstat')) {
      throw new UsageError('Cannot take "--jsonstat" with "collection-status" alone: say "--show-changes-in-set" too')
    }
    const path = settings.raw('file-changed')
    if (path !== undefined) return await fileChanges(path, session, collection, context)
    if (settings.flag('json')) return log.data(jsonLine(collectionObject(collection, session.archiveDir)))
    const { text, data } = formatCollection(collection, session.archiveDir, settings.compat)
    log.always('info', text, { code: code.collectionStatus, data })
  } finally {
    await session.close()
  }
}
