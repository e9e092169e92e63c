import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeCorpus, weigh } from './corpus.ts'
import { type Cost, measure, median } from './measure.ts'
import { writeSection } from './page.ts'
import { type Action, borg, coalmine, duplicity, type Place, restic, type Tool } from './tools.ts'

const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3)
const actions: readonly Action[] = [
  'dry run of a choice',
  'full',
  'unchanged incremental',
  'list',
  'restore',
  'restore one file',
]

// In memory where there is such a place: a disk's cache, and ext4's care for names deleted a moment ago, cost up to four
// times what the programs do, and never twice the same.
const inMemory = existsSync('/dev/shm')
const top = mkdtempSync(join(process.env['BENCH_DIR'] ?? (inMemory ? '/dev/shm' : tmpdir()), 'coalmine-bench-'))
try {
  const corpus = makeCorpus(join(top, 'source'), ['/usr/share', '/usr/include'])
  const tools: readonly Tool[] = [coalmine(join(checkout, 'apps/cli/bin/coalmine')), duplicity(), restic(), borg()]
  const costs = new Map<string, Cost[]>()
  const stored = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    for (const tool of tools) {
      const work = join(top, `work-${tool.name.split(' ')[0]}`)
      const place: Place = { work, source: corpus.folder, oneFile: corpus.oneFile, target: join(work, 'restored') }
      rmSync(work, { recursive: true, force: true })
      tool.prepare?.(place)
      for (const action of actions) {
        rmSync(place.target, { recursive: true, force: true })
        const cost = await measure(tool.command(action, place), environment(work))
        console.log(`${tool.name}: ${action} ${cost.wall.toFixed(2)} s`)
        const key = `${tool.name} ${action}`
        costs.set(key, [...(costs.get(key) ?? []), cost])
        if (action === 'restore') requireSame(weigh(place.target).bytes, corpus.bytes, tool.name)
      }
      stored.set(tool.name, weigh(join(work, 'storage')).bytes)
    }
  }
  const start = await measureStart()
  writeSection('bench', report(corpus, tools, costs, stored, start))
} finally {
  rmSync(top, { recursive: true, force: true })
}

function environment(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    LC_ALL: 'C',
    PASSPHRASE: 'bench',
    RESTIC_PASSWORD: 'bench',
    TMPDIR: top,
  }
}

function requireSame(found: number, wanted: number, name: string): void {
  if (found !== wanted) throw new Error(`Cannot compare: ${name} restored ${found} bytes of ${wanted}`)
}

async function measureStart(): Promise<number> {
  const program = join(checkout, 'apps/cli/bin/coalmine')
  const runs: Cost[] = []
  for (let at = 0; at < 15; at++) runs.push(await measure([program, '--version'], environment(top)))
  return median(runs).wall * 1000
}

function report(
  corpus: { entries: number; bytes: number },
  tools: readonly Tool[],
  costs: ReadonlyMap<string, Cost[]>,
  stored: ReadonlyMap<string, number>,
  startMs: number,
): string {
  const ours = tools[0]!
  const lines = [
    `Source: a copy of /usr/share and /usr/include, ${corpus.entries} entries, ${mb(corpus.bytes)} MB of content, ${place()}. ` +
      `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}. ` +
      `Median of ${rounds} rounds, the programs in turn. "×" is the time of that program over Coalmine's: above 1 it is slower.`,
    '',
    '| action | program | wall s | × | CPU s | peak RSS MB |',
    '|---|---|---|---|---|---|',
  ]
  for (const action of actions) {
    const base = median(costs.get(`${ours.name} ${action}`)!)
    for (const tool of tools) {
      const cost = median(costs.get(`${tool.name} ${action}`)!)
      const ratio = tool === ours ? '' : (cost.wall / base.wall).toFixed(2)
      lines.push(
        `| ${action} | ${tool.name} | ${cost.wall.toFixed(2)} | ${ratio} | ${cost.cpu.toFixed(2)} | ${cost.rss.toFixed(0)} |`,
      )
    }
  }
  lines.push('', '| program | stored MB | of Coalmine’s | settings |', '|---|---|---|---|')
  for (const tool of tools) {
    const bytes = stored.get(tool.name)!
    lines.push(`| ${tool.name} | ${mb(bytes)} | ${(bytes / stored.get(ours.name)!).toFixed(3)} | ${tool.settings} |`)
  }
  lines.push('', `\`coalmine --version\`: ${startMs.toFixed(0)} ms (median of 15).`)
  lines.push('', 'Peak RSS is that of the largest single process; duplicity and its gpg are two.')
  return lines.join('\n')
}

function place(): string {
  const folder = process.env['BENCH_DIR']
  if (folder !== undefined) return `everything below ${folder}`
  return inMemory ? 'everything in memory (tmpfs), so that no disk is measured' : 'everything on disk, warm'
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
