import { createRegistry, displayUrl, parseStorageUrl, StorageError, type StorageUrl } from '@coalmine/storage'
import { openFileUrl } from '@coalmine/storage-file'
import * as fc from 'fast-check'
import { show } from '../lib/feed.ts'
import { accepted, demand, type Outcome, refused, type Target } from '../lib/target.ts'

const pieces = [
  'file:',
  '//',
  '/',
  'mf:',
  's3:',
  'user',
  ':',
  'pass word',
  '@',
  'host',
  '[::1]',
  ':21',
  '?',
  '#',
  '%2F',
].concat([
  '%40',
  '%00',
  '%E9',
  '%',
  'é',
  '\ud800',
  '\n',
  '\u202e',
  '..',
  'secret',
  ':secret@',
  '//u:secret@h/p',
  'sftp+x',
])
const registry = createRegistry({ file: openFileUrl })

/** Storage URLs, as people type them. */
export const storageUrls: Target = {
  name: 'storage-urls',
  about: 'storage URLs (parseStorageUrl, displayUrl, the registry)',
  maxBytes: 2000,
  tokens: pieces,
  arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 10 }).map((parts) => Buffer.from(parts.join(''))),
  async run(input) {
    const text = Buffer.from(input).toString('utf8')
    await check(text)
    // The same with a password that stands nowhere else: what is between a colon behind the scheme and the last "@". Files
    // have no passwords.
    const [, before, , after] = /^(?!file)([^:]*:\/\/[^:]*:)(.+)(@.*)$/is.exec(text) ?? []
    if (before === undefined || after === undefined) return await check(text)
    return await check(`${before}${secret}${after}`)
  },
}

const secret = 'QzX7w9kkVb'

async function check(text: string): Promise<Outcome> {
  const shown = displayUrl(text)
  requireShowable(shown)
  try {
    const storage = await registry.open(text)
    requireShowable(storage.info.display)
    await storage.close()
  } catch (error) {
    const isOurs = error instanceof StorageError && ['invalid-url', 'unknown-scheme'].includes(error.code)
    demand(isOurs, `It ends with ${String(error)}`)
    requireShowable(error.message)
  }
  let url: StorageUrl
  try {
    url = parseStorageUrl(text)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'invalid-url') throw error
    requireShowable(error.message)
    return refused
  }
  const { path, display, scheme, port, names } = url
  requireShowable(display)
  demand(scheme === scheme.toLowerCase() && /^[a-z]/.test(scheme), `The scheme is ${show(scheme)}`)
  demand(!path.includes('\0') && names.every((name) => name !== ''), `The path is ${show(path)}`)
  demand(port === undefined || (port >= 1 && port <= 65_535), `The port is ${port}`)
  return accepted
}

/** No password, and nothing that acts on a screen. */
function requireShowable(text: string): void {
  demand(!text.includes(secret), `${show(text)} shows the password`)
  demand(!/[\0-\x1f\x7f\u202a-\u202e]/.test(text), `${show(text)} is shown as it is`)
}
