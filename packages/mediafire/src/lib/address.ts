/** Whether the host is this machine by its name or number alone. */
export function isLoopback(url: URL): boolean {
  const host = url.hostname
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/**
 * Where the API is: an origin, without a path.
 *
 * @throws TypeError unless it is one, with https: (http: to this machine only) and without a user.
 */
export function parseBaseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // The text may hold a password where none belongs: it is not quoted.
    throw new TypeError('Cannot use the address of the server: it is not a URL')
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`Cannot use the server at ${url.host}: its address holds credentials`)
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url))) {
    throw new TypeError(`Cannot use "${url.origin}": only https: is allowed, and http: to this machine`)
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new TypeError(`Cannot use "${url.origin}${url.pathname}": the address of the server has no path`)
  }
  return url
}
