#!/usr/bin/env node
// npm run fuzz [-- TARGET… --seconds N]: arbitrary and mutated bytes for every parser; see tooling/fuzz/README.md.
import { build, install } from './bootstrap.mjs'

install()
build('build:wasm')
await import('../tooling/vitest/strip-types.mjs')
await import('../tooling/fuzz/src/fuzz.ts')
