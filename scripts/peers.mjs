#!/usr/bin/env node
// Prepares the real programs that the tests compare with; does nothing when they are here. Says which tests will be
// skipped when it cannot, and fails then under CI.
import '../tooling/vitest/strip-types.mjs'

const { preparePeers } = await import('../tooling/interop/src/peers.ts')

const missing = await preparePeers((line) => console.log(line))
for (const { name, why } of missing) console.log(`Tests with ${name} will be skipped: ${why}`)
if (missing.length > 0 && process.env.CI) {
  console.log('Under CI nothing may be skipped')
  process.exitCode = 1
}
