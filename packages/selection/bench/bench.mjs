// How fast a selection decides: node bench/bench.mjs [entries]. Needs the build.
//
// Millions of decisions in a second of processor time, over a made tree, in the order of a walk: for the first walk of a
// selection, which builds what it needs as it goes, and the best of five more.
import { compileSelection } from '../dist/index.js'

const entries = Number(process.argv[2] ?? 60_000)

/** Folders of forty files, four deep, with the names that home folders have. */
function* tree() {
  const endings = ['txt', 'jpg', 'o', 'py', 'iso', 'html']
  let count = 0
  for (let top = 0; ; top++) {
    for (let middle = 0; middle < 20; middle++) {
      for (let file = 0; file < 40; file++) {
        if (count++ === entries) return
        const path = `folder-${top}/part ${middle}/deep/name-${file}.${endings[file % endings.length]}`
        yield { path, kind: 'file' }
      }
    }
  }
}

const candidates = [...tree()]
const exclude = (value) => ({ option: 'exclude', value })
const many = (count, make) => Array.from({ length: count }, (_, at) => exclude(make(at)))
const cases = {
  'no rule': [],
  '5 rules: paths, globs, an ending': [
    '/src/folder-1',
    '/src/folder-2/part 3',
    '**/deep/*.o',
    '**.iso',
    '/src/*/part 7',
  ].map(exclude),
  '100 plain paths': many(100, (at) => `/src/folder-${at}/part ${at % 20}`),
  '1,000 plain paths': many(1000, (at) => `/src/folder-${at % 80}/part ${at % 20}/deep/name-${at}.txt`),
  '100 globs': many(100, (at) => `**/name-${at}.*`),
  '1,000 globs': many(1000, (at) => `**/name-${at}.*`),
  '5 regular expressions': many(5, (at) => `name-${at}[0-9]*[.](o|py)$`).map(({ value }) => ({
    option: 'exclude-regexp',
    value,
  })),
}

function seconds(work) {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

console.log(`| rules | first walk, M/s | later, M/s |\n|---|---|---|`)
for (const [name, options] of Object.entries(cases)) {
  const { decide } = compileSelection(options, { root: '/src' })
  const walk = () => candidates.forEach((candidate) => decide(candidate))
  const first = seconds(walk)
  const later = Math.min(...Array.from({ length: 5 }, () => seconds(walk)))
  const rate = (took) => (candidates.length / took / 1e6).toFixed(2)
  console.log(`| ${name} | ${rate(first)} | ${rate(later)} |`)
}
