#!/usr/bin/env node
// Proves that imports go downward, and writes the pictures in docs/architecture.md; with --check it only looks.
import '../tooling/vitest/strip-types.mjs'
import { root } from './bootstrap.mjs'

const { checkLayers } = await import('../tooling/layers/src/index.ts')

const { ok, lines } = checkLayers(root, { check: process.argv.includes('--check') })
for (const line of lines) console.log(line)
process.exitCode = ok ? 0 : 1
