import { escapeText } from './answer.ts'
import { linkBase } from './describe.ts'
import { htmlReply, type Reply } from './reply.ts'
import type { World } from './world.ts'

/** The page of a public file, with its download button; `undefined` for other paths. */
export function publicPage(world: World, path: string): Reply | undefined {
  const key = /^\/(?:file|file_view|file_premium|view|download)\/([a-z0-9]{11,15})(?:\/|$)/.exec(path)?.[1]
  if (key === undefined) return undefined
  const file = world.state.file.get(key)
  if (file === undefined || file.parent === 'trash') {
    return htmlReply(302, '', { Location: '/error.php?errno=320' })
  }
  if (file.privacy !== 'public') return htmlReply(302, '', { Location: '/error.php?errno=999' })
  const { token } = world.links.open(file.key, world.clock.now() + world.settings.linkLifetimeMs)
  const folder = world.settings.linkHosts === 'local' ? '/download' : ''
  const base = linkBase(world, 'download1.mediafire.com')
  const href = `${base}${folder}/${token}/${file.key}/${encodeURIComponent(file.name)}`
  return htmlReply(
    200,
    `<!DOCTYPE html><html><head><title>${escapeText(file.name)}</title></head><body>
<a id="downloadButton" href="${escapeText(href)}">Download ${escapeText(file.name)} (${file.size} bytes)</a></body></html>\n`,
  )
}
