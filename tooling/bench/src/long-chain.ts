import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cost, measure, median } from './measure.ts'
import { writeSection } from './page.ts'
import { version } from './tools.ts'

// A chain of 31 sets over 10,000 files, written by Coalmine; then each program, with an empty archive dir, restores one file
// and makes an increment. Both read the same objects.

const program = join(resolve(dirname(fileURLToPath(import.meta.url)), '../../..'), 'apps/cli/bin/coalmine')
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3)
const [fileCount, setCount, changed] = [10_000, 31, 100]
const top = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coalmine-chain-'))
const source = join(top, 'source')
const storage = join(top, 'storage')
const env = { PATH: process.env['PATH'] ?? '', HOME: top, LC_ALL: 'C', PASSPHRASE: 'bench', TMPDIR: top }

const nameOf = (file: number) => `folder ${Math.floor(file / 100)}/file ${file}`
const contentOf = (file: number, set: number) => `${file} ${set} `.repeat(100)

try {
  for (let set = 0; set < setCount; set++) await addSet(set)
  const costs = new Map<string, Cost[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, words] of [
      ['coalmine', [program]],
      ['duplicity', ['duplicity']],
    ] as const) {
      for (const action of ['restore one file', 'incremental'] as const) {
        const key = `${action} ${name}`
        const cost = await measureOnce(words, action)
        console.log(`${key}: ${cost.wall.toFixed(2)} s`)
        costs.set(key, [...(costs.get(key) ?? []), cost])
      }
    }
  }
  writeSection('long chain', report(costs))
} finally {
  rmSync(top, { recursive: true, force: true })
}

/** Each set changes a hundred files, others than the one before. */
async function addSet(set: number): Promise<void> {
  for (let at = 0; at < (set === 0 ? fileCount : changed); at++) {
    const file = set === 0 ? at : (set * 997 + at * 89) % fileCount
    mkdirSync(dirname(join(source, nameOf(file))), { recursive: true })
    writeFileSync(join(source, nameOf(file)), contentOf(file, set))
  }
  const clock = ['--current-time', String(1_700_000_000 + set * 86_400)]
  const cache = ['--archive-dir', join(top, 'writer')]
  await measure([program, set === 0 ? 'full' : 'incremental', ...clock, ...cache, source, `file://${storage}`], env)
}

/** With an archive dir and a storage of its own, as the chain left it. */
async function measureOnce(words: readonly string[], action: 'restore one file' | 'incremental'): Promise<Cost> {
  const own = join(top, 'own')
  cpSync(storage, join(own, 'storage'), { recursive: true })
  const url = `file://${own}/storage`
  const common = ['--archive-dir', join(own, 'cache')]
  const path = words[0] === 'duplicity' ? '--file-to-restore' : '--path-to-restore'
  const said =
    action === 'incremental'
      ? ['incremental', source, url]
      : ['restore', path, nameOf((20 * 997) % fileCount), url, join(own, 'restored')]
  try {
    return await measure([...words, ...said, ...common], env)
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

function report(costs: ReadonlyMap<string, Cost[]>): string {
  const lines = [
    `A chain of ${setCount} sets over ${fileCount} small files, ${changed} of them changed in each, encrypted with a passphrase, written by ` +
      `Coalmine, in memory. The archive dir is empty. ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}. ` +
      `Median of ${rounds} rounds, the programs in turn.`,
    '',
    '| action | program | wall s | × | CPU s | peak RSS MB |',
    '|---|---|---|---|---|---|',
  ]
  for (const action of ['restore one file', 'incremental']) {
    const base = median(costs.get(`${action} coalmine`)!)
    for (const name of ['coalmine', 'duplicity']) {
      const { wall, cpu, rss } = median(costs.get(`${action} ${name}`)!)
      const ratio = name === 'coalmine' ? '' : (wall / base.wall).toFixed(1)
      const shown = name === 'coalmine' ? name : version('duplicity', ['--version'])
      lines.push(`| ${action} | ${shown} | ${wall.toFixed(2)} | ${ratio} | ${cpu.toFixed(2)} | ${rss.toFixed(0)} |`)
    }
  }
  return lines.join('\n')
}
