import { type RawPath, rawToBytes } from '@coalmine/bytes'
import { createRegistry, type Storage, withRetry } from '@coalmine/storage'
import type { Context } from './session.ts'
import { oneLine } from './visible.ts'

const storages = createRegistry({
  file: async (url, context) => (await import('@coalmine/storage-file')).openFileUrl(url, context),
})

/** Opens a storage with what the options say about trying again and waiting. */
export async function openStorageUrl(url: RawPath, { settings, log, signal }: Context): Promise<Storage> {
  const storage = await storages.open(urlText(url), { signal, env: process.env, cwd: process.cwd() })
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

/** A URL as text; bytes that are no UTF-8 as escapes, which mean the same bytes. */
export function urlText(url: RawPath): string {
  const bytes = rawToBytes(url)
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd')) return text
  return url.replaceAll(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
