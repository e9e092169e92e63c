import { randomBytes } from 'node:crypto'
import { escapeText } from './answer.ts'
import { centralTime, utcTime } from './clock.ts'
import { type AccountView, viewOf } from './control.ts'
import type { LoggedCall } from './call-log.ts'
import { htmlReply, type Reply } from './reply.ts'
import type { World } from './world.ts'

const maxRows = 500

/** The page at `/`: every account with its folders and files, the uploads that go on, and the last calls. */
export function accountPage(world: World): Reply {
  const nonce = randomBytes(16).toString('base64')
  const accounts = [...world.state.account.values()].map((account) => viewOf(world, account.email))
  const calls = world.log.calls().slice(-50).reverse()
  const html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>MediaFire emulator</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>
<header><h1>MediaFire emulator</h1>
<p>Profile <b>${world.settings.profile}</b>, ${escapeText(utcTime(world.clock.now()))} by its clock,
${world.log.count()} calls so far. Not the real service: everything here is on this machine.</p></header>
${accounts.map(accountSection).join('')}
<section><h2>Last calls</h2>${callTable(calls)}</section>
</body>
</html>
`
  return htmlReply(200, html, {
    'Content-Security-Policy': `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
}

function accountSection(account: AccountView): string {
  const running = account.uploads.filter((upload) => upload.status !== 'done' && upload.status !== 'failed')
  const share = Math.min(100, Math.round((100 * account.usedBytes) / Math.max(1, account.storageLimit)))
  return `<section><h2>${escapeText(account.email)}</h2>
<p>${bytes(account.usedBytes)} of ${bytes(account.storageLimit)} used
<meter min="0" max="100" value="${share}">${share} %</meter>, ${account.trash.length} in the trash, revision ${account.deviceRevision}</p>
<h3>Files and folders</h3>${treeTable(account)}
<h3>Uploads going on</h3>${uploadTable(running)}</section>
`
}

function treeTable({ folders, files }: AccountView): string {
  const rows = [
    ...folders.map((folder) => ({ path: `${folder.path}/`, size: '', key: folder.key, privacy: folder.privacy })),
    ...files.map((file) => ({ path: file.path, size: bytes(file.size), key: file.key, privacy: file.privacy })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1))
  return table(
    ['Path', 'Size', 'Key', 'Privacy'],
    rows.map((row) => [row.path, row.size, row.key, row.privacy]),
    'Nothing yet.',
  )
}

function uploadTable(uploads: AccountView['uploads']): string {
  return table(
    ['Name', 'Size', 'Units', 'State', 'Key'],
    uploads.map((upload) => [
      upload.name,
      bytes(upload.size),
      upload.units === 0 ? '' : `${upload.unitsReady} of ${upload.units}`,
      upload.status,
      upload.key,
    ]),
    'None.',
  )
}

function callTable(calls: readonly LoggedCall[]): string {
  return table(
    ['Time', 'Call', 'Proved by', 'Status', 'Error', 'Sent', 'Took', 'Note'],
    calls.map((call) => [
      centralTime(call.atMs).slice(11),
      `${call.method} ${call.call === '' ? call.path : call.call}`,
      call.verified,
      String(call.status),
      call.error === 0 ? '' : String(call.error),
      call.bodyBytes > 0 ? `${bytes(call.bodyBytes)} in` : bytes(call.sentBytes),
      `${call.tookMs.toFixed(1)} ms`,
      [call.note, ...call.faults].filter((each) => each !== '').join(', '),
    ]),
    'None yet.',
  )
}

/** Every cell is text that is escaped here, and nowhere else. */
function table(heads: readonly string[], rows: readonly (readonly string[])[], nothing: string): string {
  if (rows.length === 0) return `<p class="none">${nothing}</p>`
  const line = (cells: readonly string[], tag: 'td' | 'th'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`
  const more = rows.length > maxRows ? `<p class="none">and ${rows.length - maxRows} more</p>` : ''
  return `<div class="scroll"><table><thead>${line(heads, 'th')}</thead><tbody>${rows
    .slice(0, maxRows)
    .map((row) => line(row, 'td'))
    .join('\n')}</tbody></table></div>${more}`
}

/** `12.3 MB`. */
function bytes(count: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < names.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${names[unit]}`
}

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 76rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 0; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
header p, .none { color: GrayText; margin: .25rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid color-mix(in srgb, CanvasText 15%, Canvas); white-space: nowrap; }
th { font-weight: 600; }
meter { width: 10rem; vertical-align: middle; }
`
