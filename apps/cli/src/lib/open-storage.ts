import { type RawPath, rawToBytes } from '@coalmine/bytes'
import { createRegistry, type OpenContext, type Storage, withRetry } from '@coalmine/storage'
import type { MediaFireEvent } from '@coalmine/mediafire'
import { promptHidden } from './prompt.ts'
import type { Context } from './session.ts'
import { storageEnvironment } from './storage-environment.ts'
import { oneLine } from './visible.ts'

/** The client tries again by itself, and the layer around the storage after it: together that is enough. */
const triesOfClient = 3

/** Opens a storage with what the options say about trying again and waiting. */
export async function openStorageUrl(url: RawPath, context: Context): Promise<Storage> {
  const { settings, log, signal } = context
  const storages = createRegistry({
    file: async (parsed, open) => (await import('@coalmine/storage-file')).openFileUrl(parsed, open),
    mf: async (parsed, open) =>
      (await import('@coalmine/storage-mediafire')).openMediaFireUrl(parsed, open, {
        client: { tries: triesOfClient },
        auth: async ({ email, named }) => {
          const variables = named ? ['BACKEND_PASSWORD', 'FTP_PASSWORD'] : ['MEDIAFIRE_PASSWORD']
          return (await import('./mf/sign-in.ts')).findSignIn({ email, variables }, context)
        },
        onWarning: (warning) => log.warning(`${oneLine(parsed.display)}: ${warning}`),
        onEvent: (event) => log.debug(`MediaFire: ${oneLine(mediaFireWords(event))}`),
      }),
  })
  const password = process.stdin.isTTY ? passwordPrompt(signal) : undefined
  const storage = await storages.open(urlText(url), { signal, env: storageEnvironment(), cwd: process.cwd(), password })
  const tries = settings.integer('num-retries') ?? 5
  // No limit of time: a folder on a slow disk may take minutes to put a volume to rest, and nothing tells how far it is.
  return withRetry({
    tries,
    onEvent: ({ failures, error, delayMs }) => {
      const reason = error instanceof Error ? oneLine(error.message) : 'unknown error'
      const pause = `the next one comes in ${Math.round(delayMs / 1000)} s`
      log.warning(`Try ${failures} of ${tries} failed, ${pause}: ${reason}`)
    },
  })(storage)
}

function passwordPrompt(signal: AbortSignal): NonNullable<OpenContext['password']> {
  return async ({ user, display }) => {
    const whose = user === undefined ? '' : ` of ${oneLine(user)}`
    return (await promptHidden(`Password${whose} for ${oneLine(display)}: `, signal)).toString('utf8')
  }
}

/** What the client does, in words. */
export function mediaFireWords(event: MediaFireEvent): string {
  if (event.type === 'call') {
    const end = event.error === undefined ? 'done' : event.error.message
    return `${event.action}, try ${event.attempt}, ${Math.round(event.durationMs)} ms: ${end}`
  }
  if (event.type === 'retry') {
    return `${event.action} comes again in ${Math.round(event.delayMs)} ms: ${event.error.message}`
  }
  if (event.type === 'session') return `${event.what} ${event.change} (${event.provider})`
  return `${event.action} of API ${event.apiVersion} will be given up`
}

/** A URL as text; bytes that are no UTF-8 as escapes, which mean the same bytes. */
export function urlText(url: RawPath): string {
  const bytes = rawToBytes(url)
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd')) return text
  return url.replaceAll(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
