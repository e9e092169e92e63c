#!/usr/bin/env node
// npm test: everything that must hold, in stages; the first that fails ends the run with its output.
//   --no-peers  without the real programs (npm run check)
//   --long      with the long tests too
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { build, install, removeStale } from './bootstrap.mjs'
import { command } from './command.mjs'
import { cacheFolder } from './passed.mjs'

const flags = new Set(process.argv.slice(2))
const unknown = [...flags].filter((flag) => flag !== '--no-peers' && flag !== '--long')
if (unknown.length > 0) {
  console.error(`Cannot test with "${unknown[0]}": the options are --no-peers and --long`)
  process.exit(2)
}
const withPeers = !flags.has('--no-peers')
const cases = join(cacheFolder, 'cases.jsonl')
const report = join(cacheFolder, 'tests.json')
const env = {
  COALMINE_CASES: cases,
  ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
  ...(withPeers ? {} : { COALMINE_NO_PEERS: '1' }),
  ...(flags.has('--long') ? { COALMINE_LONG: '1' } : {}),
}

const done = (work) => {
  work()
  return { ok: true, output: '' }
}

/** Aborted when a stage fails beside the tests. */
const stopped = new AbortController()
let testing
await stage('install', () => done(install))
mkdirSync(cacheFolder, { recursive: true })
for (const file of [cases, report]) rmSync(file, { force: true })
await stage('build', () =>
  done(() => {
    removeStale()
    build('build:wasm', 'build')
  }),
)
if (withPeers) await stage('peers', () => command([process.execPath, 'scripts/peers.mjs'], { live: true }))
// Beside the tests, which leave an eighth of two cores: one after the other, because most of them use both.
const checked = (async () => {
  // One program for all: what packages share is read once.
  await stage('types', () => command(['tsc', '--project', '.']))
  await stage('lint', () => command(['oxlint', '--deny-warnings']))
  await stage('format', () => command(['oxfmt', '--check', '.']))
  await stage('layers', () => command([process.execPath, 'scripts/layers.mjs', '--check']))
  await stage('dead code', () => command(['knip']))
  await stage('packages', async () => (await import('./check-packages.mjs')).checkPackages())
  await stage('README programs', async () => (await import('./check-readmes.mjs')).checkReadmes())
})()

const started = performance.now()
const argv = [
  'vitest',
  'run',
  '--reporter=dot',
  '--reporter=./tooling/vitest/failures.mjs',
  '--reporter=json',
  `--outputFile.json=${report}`,
]
// A folder of their own for whatever they make: what is still there when they are done was left behind.
const temporary = mkdtempSync(join(realpathSync(tmpdir()), 'cm-'))
// Open to all, as its like is: some tests go on as a user without rights.
chmodSync(temporary, 0o1777)
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.once(signal, () => {
    stopped.abort()
    void testing.then(() => process.exit(code))
  })
}
testing = command(argv, { env: { ...env, TMPDIR: temporary }, live: true, signal: stopped.signal })
await checked
const tests = await testing
tell(tests.ok ? 'ok' : 'FAILED', 'tests', started)
const left = readdirSync(temporary)
if (left.length > 0) console.log(`Left behind by the tests: ${left.slice(0, 10).join(', ')} (${left.length} in all)`)

const untried = withPeers ? await tellPeers() : 0
const failed = !tests.ok || left.length > 0 || (untried > 0 && Boolean(process.env.CI))
for (const line of failedLines()) console.log(line)
console.log(countLine())
process.exit(failed ? 1 : 0)

async function stage(name, work) {
  const started = performance.now()
  let result
  try {
    result = await work()
  } catch (error) {
    result = { ok: false, output: `${error.message}\n` }
  }
  tell(result.ok ? 'ok' : 'FAILED', name, started, result.note)
  if (result.ok) return
  // Tests that are under way end their programs themselves.
  stopped.abort()
  await testing
  process.stdout.write(result.output)
  console.log(`Stopped at "${name}": the later stages did not run, nor did all of the tests`)
  process.exit(1)
}

function tell(outcome, name, started, note) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${outcome.padEnd(6)}  ${name.padEnd(16)} ${seconds.padStart(6)} s${note ? `  ${note}` : ''}`)
}

/** Prints the real programs and what was tried with them; the number of pairs that were not. */
async function tellPeers() {
  await import('../tooling/vitest/strip-types.mjs')
  const { peerLines } = await import('../tooling/interop/src/peers.ts')
  const { countPairs, pairTable } = await import('../tooling/interop/src/pairs.ts')
  const { readCases } = await import('../tooling/fixtures/src/lib/cases.ts')
  const counts = countPairs(readCases(cases))
  const untried = counts.filter((count) => count.same + count.different === 0).length
  console.log(['', 'Peers', ...(await peerLines()), '', ...pairTable(counts), ''].join('\n'))
  if (untried > 0)
    console.log(`${untried} of ${counts.length} pairs were not tried${process.env.CI ? ': a failure under CI' : ''}`)
  return untried
}

/** The failed tests once more, where whoever looks at the end only finds them. */
function failedLines() {
  if (!existsSync(report)) return []
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => `FAILED  ${relative(process.cwd(), name)} > ${fullName}`),
  )
}

/** `N passed, N failed, N skipped`; a file that could not be loaded is one failure. */
function countLine() {
  if (!existsSync(report)) return '0 passed, 0 failed, 0 skipped'
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
  )
  return `${numPassedTests} passed, ${numFailedTests + broken.length} failed, ${numPendingTests + numTodoTests} skipped`
}
