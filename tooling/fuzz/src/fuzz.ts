// npm run fuzz: tries the parsers with mutants of the corpus, each target in a process of its own.
import { parseArgs } from 'node:util'
import { forget, keep, readCorpus } from './lib/corpus.ts'
import type { Found, Report } from './lib/engine.ts'
import { Watch } from './lib/watch.ts'
import { targets } from './targets/index.ts'

const usage = `npm run fuzz -- [TARGET…]      all targets when none is named
  --seconds N      how long each is tried (10)
  --seed N         draw the same mutants again (other ones each time)
  --no-coverage    do not look which code runs: more tries, less aim
  --no-judges      do not ask other programs
  --grow           keep inputs that ran new code in the corpus
  --seeds          make the seeds of the corpus anew, with the real programs
  --list           what there is`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    'no-coverage': { type: 'boolean', default: false },
    'no-judges': { type: 'boolean', default: false },
    grow: { type: 'boolean', default: false },
    seeds: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else if (values.list) for (const { name, about } of targets) console.log(`${name.padEnd(16)} ${about}`)
else if (values.seeds) console.log(`${await (await import('./seeds.ts')).makeSeeds()} seeds`)
else process.exitCode = await fuzz()

async function fuzz(): Promise<number> {
  const strangers = positionals.filter((name) => !targets.some((target) => target.name === name))
  if (strangers.length > 0) {
    console.error(`Cannot fuzz "${strangers[0]}": the targets are ${targets.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const seed = Number(values.seed)
  const mutateMs = Number(values.seconds) * 1000
  if (!Number.isSafeInteger(seed) || !(mutateMs >= 0)) {
    console.error('Cannot fuzz: --seed and --seconds take numbers')
    return 2
  }
  console.log(`Seed ${seed}`)
  let found = 0
  for (const { name } of targets) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    const watch = new Watch({
      module: new URL('targets/index.ts', import.meta.url),
      coverage: !values['no-coverage'],
      onProgress: (executions, blocks) => {
        if (process.stderr.isTTY) process.stderr.write(`\r${name.padEnd(16)} ${executions} inputs, ${blocks} blocks `)
      },
    })
    try {
      const corpus = readCorpus(name)
      const report = await watch.run({
        target: name,
        corpus,
        mutateMs,
        seed,
        judge: !values['no-judges'],
        slowMs: 2000,
      })
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K')
      console.log(lineOf(name, corpus.length, report))
      for (const finding of report.findings) tell(name, finding)
      if (values.grow) await grow(name, report.grown)
      found += report.findings.length
    } finally {
      watch.close()
    }
  }
  return found === 0 ? 0 : 1
}

/** Keeps, of what was kept and of what is new, the short ones that together run all that all of them run. */
async function grow(name: string, grown: readonly Uint8Array[]): Promise<void> {
  const watch = new Watch({ module: new URL('targets/index.ts', import.meta.url), coverage: true })
  try {
    const candidates = [...readCorpus(name, ['grown']), ...grown]
    const corpus = readCorpus(name, ['seed', 'found'])
    const report = await watch.run({ target: name, corpus, candidates, mutateMs: 0, seed: 0, judge: false })
    forget(name, 'grown')
    for (const input of report.grown) keep(name, 'grown', input)
    console.log(`${''.padEnd(16)} ${report.grown.length} of ${candidates.length} grown inputs kept`)
  } finally {
    watch.close()
  }
}

function lineOf(name: string, kept: number, report: Report): string {
  const { executions, milliseconds, accepted, judged, blocks, grown } = report
  const speed = Math.round(executions / (milliseconds / 1000))
  const seen = blocks === 0 ? '' : `, ${blocks} blocks ran, ${grown.length} inputs ran new ones`
  const said = judged === 0 ? '' : `, ${judged} judged`
  return `${name.padEnd(16)} ${executions} inputs (${speed}/s) from ${kept} kept, ${accepted} accepted${said}${seen}`
}

function tell(name: string, { kind, message, input }: Found): void {
  const path = keep(name, 'found', input)
  console.log(`${kind} in ${name}, ${input.length} bytes, kept in ${path}\n${message.replaceAll(/^/gm, '    ')}`)
}
