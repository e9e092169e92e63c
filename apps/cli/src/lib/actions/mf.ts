import type { RawPath } from '@coalmine/bytes'
import type { Context } from '../session.ts'
import { withClient } from '../mf/client.ts'
import { requireVerb } from '../mf/verbs.ts'

/** `mf`: files and folders of a MediaFire account, for daily use. */
export async function mf([word, ...operands]: readonly RawPath[], context: Context): Promise<void> {
  const { name } = requireVerb(word, operands, context.settings)
  await withClient(context, async (client) => {
    switch (name) {
      case 'ls':
        return (await import('../mf/tell.ts')).ls(operands, client)
      case 'info':
        return (await import('../mf/tell.ts')).info(operands, client)
      case 'links':
        return (await import('../mf/tell.ts')).links(operands, client)
      case 'df':
        return (await import('../mf/tell.ts')).df(client)
      case 'trash':
        return (await import('../mf/tell.ts')).trash(operands, client)
      case 'put':
        return (await import('../mf/put.ts')).put(operands, client)
      case 'get':
        return (await import('../mf/get.ts')).get(operands, client)
      case 'mkdir':
        return (await import('../mf/change.ts')).mkdir(operands, client)
      case 'rm':
        return (await import('../mf/change.ts')).rm(operands, client)
      case 'mv':
        return (await import('../mf/change.ts')).moveOrCopy(operands, client, 'move')
      case 'cp':
        return (await import('../mf/change.ts')).moveOrCopy(operands, client, 'copy')
      case 'publish':
        return (await import('../mf/change.ts')).publish(operands, client, true)
      case 'unpublish':
        return (await import('../mf/change.ts')).publish(operands, client, false)
    }
  })
}
