import { isLoopback } from './address.ts'
import { MediaFireError } from './media-fire-error.ts'

/**
 * An address that the service has handed out, as it may be asked: with https:, also when it was given with http:.
 *
 * @param origin - The address of the service. If that is this machine without encryption, so may the other one be.
 * @throws MediaFireError `insecure`, `malformed`
 */
export function secureUrl(text: string, origin: URL, attempted: string, base?: URL): URL {
  let url: URL
  try {
    url = new URL(text, base)
  } catch {
    // The text may be good for the file: it is not shown.
    throw new MediaFireError('malformed', 'the link that MediaFire gives is no address', { attempted, retry: 'never' })
  }
  if (isLoopback(url) && !isLoopback(origin)) {
    throw new MediaFireError('insecure', 'the link that MediaFire gives leads to this machine', { attempted })
  }
  if (url.protocol === 'http:' && !(isLoopback(url) && origin.protocol === 'http:')) url.protocol = 'https:'
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    const state = `the link that MediaFire gives is none of https: but of "${url.protocol}"`
    throw new MediaFireError('insecure', state, { attempted })
  }
  if (url.username !== '' || url.password !== '') {
    throw new MediaFireError('insecure', 'the link that MediaFire gives holds credentials', { attempted })
  }
  return url
}
