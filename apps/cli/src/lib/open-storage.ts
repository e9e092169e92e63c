import { type RawPath, rawToBytes } from '@coalmine/bytes'
import { createRegistry, type Storage, withRetry, withTimeout } from '@coalmine/storage'
import type { Context } from './session.ts'

const storages = createRegistry({
  file: async (url, context) => (await import('@coalmine/storage-file')).openFileUrl(url, context),
})

/** Opens a storage with what the options say about trying again and waiting. */
export async function openStorageUrl(url: RawPath, { settings, log, signal }: Context): Promise<Storage> {
  const storage = await storages.open(urlText(url), { signal, env: process.env, cwd: process.cwd() })
  const stallMs = (settings.integer('timeout') ?? 30) * 1000
  const delayMs = (settings.integer('backend-retry-delay') ?? 30) * 1000
  const tries = settings.integer('num-retries') ?? 5
  return withRetry({
    tries,
    delayMs,
    onEvent: ({ failures, error, delayMs: pauseMs }) =>
      log.warning(
        `Try ${failures} of ${tries} failed, the next one comes in ${Math.round(pauseMs / 1000)} s: ${error instanceof Error ? error.message : String(error)}`,
      ),
  })(withTimeout({ stallMs })(storage))
}

/** A URL as text; bytes that are no UTF-8 as escapes, which mean the same bytes. */
function urlText(url: RawPath): string {
  const bytes = rawToBytes(url)
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd')) return text
  return url.replaceAll(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
