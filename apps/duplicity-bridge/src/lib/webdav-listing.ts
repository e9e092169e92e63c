import type { ObjectInfo } from '@coalmine/storage'

/** What WebDAV tells of the collection, or of an object in it. Every answer is the same whatever was asked for. */
export function* multistatus(objects: Iterable<ObjectInfo | undefined>): Generator<string> {
  let text = '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n'
  for (const info of objects) {
    text += info === undefined ? collection : element(info)
    if (text.length < 65_536) continue
    yield text
    text = ''
  }
  yield `${text}</D:multistatus>\n`
}

const collection = response('/', '<D:resourcetype><D:collection/></D:resourcetype>')

function element(info: ObjectInfo): string {
  const modified =
    info.modifiedMs === undefined ? '' : `<D:getlastmodified>${dateOf(info.modifiedMs)}</D:getlastmodified>`
  const size = `<D:getcontentlength>${info.size}</D:getcontentlength>`
  const tag = `<D:getetag>${escape(etagOf(info))}</D:getetag>`
  return response(hrefOf(info.key), `<D:resourcetype/>${size}${modified}${tag}`)
}

function response(href: string, properties: string): string {
  const status = '<D:status>HTTP/1.1 200 OK</D:status>'
  return `<D:response><D:href>${escape(href)}</D:href><D:propstat><D:prop>${properties}</D:prop>${status}</D:propstat></D:response>\n`
}

function hrefOf(key: string): string {
  return `/${encodeURIComponent(key)}`
}

/** Changes when the object does, as far as the storage tells. */
export function etagOf({ size, modifiedMs, digests }: ObjectInfo): string {
  return `"${digests?.sha256 ?? `${size}-${modifiedMs ?? 0}`}"`
}

export function dateOf(ms: number): string {
  return new Date(ms).toUTCString()
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => entities[char]!)
}
