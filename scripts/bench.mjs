#!/usr/bin/env node
// npm run bench: against duplicity, restic and borg in one run, into docs/benchmarks.md. BENCH_ROUNDS=1 for a quick look.
// npm run bench -- --long-chain: a chain of 31 sets, against duplicity.
// npm run bench -- --mediafire [MiB] [rounds]: a volume to the MediaFire emulator and back.
import { spawnSync } from 'node:child_process'
import { build, install } from './bootstrap.mjs'

install()
build('build:wasm', 'build')
if (process.argv.includes('--mediafire')) {
  const flags = ['--initial-heap-size=32', '--max-semi-space-size=4'] // As the command of the CLI starts Node.
  const bench = ['packages/storage-mediafire/bench/bench.mjs', ...process.argv.slice(2)]
  process.exit(spawnSync(process.execPath, [...flags, ...bench], { stdio: 'inherit' }).status ?? 1)
}
for (const [program, name] of [
  ['duplicity', 'duplicity'],
  ['restic', 'restic'],
  ['borg', 'borgbackup'],
  ['python3', 'python3'],
]) {
  if (spawnSync('which', [program], { stdio: 'ignore' }).status === 0) continue
  if (process.getuid?.() !== 0) {
    console.error(`Cannot compare: ${name} is not installed, and only root may install it`)
    process.exit(1)
  }
  spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', name], { stdio: ['ignore', 2, 2] })
}
await import('../tooling/vitest/strip-types.mjs')
if (process.argv.includes('--long-chain')) await import('../tooling/bench/src/long-chain.ts')
else await import('../tooling/bench/src/bench.ts')
