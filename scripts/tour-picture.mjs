#!/usr/bin/env node
// Makes docs/tour.svg, the picture in the README, from what the tour really says.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './bootstrap.mjs'

const { stdout, status } = spawnSync(process.execPath, [join(root, 'scripts/tour.mjs'), '/etc/apt'], {
  encoding: 'utf8',
})
if (status !== 0) throw new Error(`Cannot draw the tour: it ended with code ${status}`)
const lines = [
  '$ npm start -- /etc/apt',
  ...stdout
    .replaceAll(/coalmine-tour-\w+/g, 'tour')
    .trimEnd()
    .split('\n'),
]
const width = 108
const cut = lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
const rowHeight = 17
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(' ', '\u00a0')
const rows = cut.map((line, at) => {
  const colour = line.startsWith('$') ? '#7ee787' : /^(all|For real|Compared)/.test(line) ? '#ffd866' : '#d6deeb'
  return `<text xml:space="preserve" x="16" y="${52 + at * rowHeight}" fill="${colour}">${escape(line)}</text>`
})
const height = 64 + cut.length * rowHeight
writeFileSync(
  join(root, 'docs/tour.svg'),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 ${height}" font-family="ui-monospace, Menlo, 'DejaVu Sans Mono', monospace" font-size="13">
<title>A terminal with the tour of Coalmine</title>
<rect width="900" height="${height}" rx="10" fill="#111827"/>
<circle cx="20" cy="18" r="6" fill="#ff5f56"/><circle cx="40" cy="18" r="6" fill="#ffbd2e"/><circle cx="60" cy="18" r="6" fill="#27c93f"/>
${rows.join('\n')}
</svg>
`,
)
