import { createMediaFire, type MediaFire } from '@coalmine/mediafire'
import { mediaFireWords } from '../open-storage.ts'
import type { Context } from '../session.ts'
import { storageEnvironment } from '../storage-environment.ts'
import { oneLine } from '../visible.ts'
import { signIn } from './sign-in.ts'

/** What each verb works with. */
export interface MfContext extends Context {
  readonly client: MediaFire
}

/** Runs with a client that is signed in, which is closed afterwards. Nothing is sent before the first call. */
export async function withClient<T>(context: Context, run: (context: MfContext) => Promise<T>): Promise<T> {
  const { log, settings } = context
  const { COALMINE_MEDIAFIRE_URL: baseUrl } = storageEnvironment()
  const client = createMediaFire({
    auth: await signIn(context),
    baseUrl: baseUrl === '' ? undefined : baseUrl,
    tries: settings.integer('num-retries'),
    onEvent: (event) => log.debug(`MediaFire: ${oneLine(mediaFireWords(event))}`),
  })
  try {
    return await run({ ...context, client })
  } finally {
    await client.close()
  }
}
