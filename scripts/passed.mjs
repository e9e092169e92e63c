// Remembers which slow checks passed on which bytes, so that a second run does nothing in vain.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './bootstrap.mjs'

export const cacheFolder = join(root, 'node_modules', '.cache', 'coalmine')
const file = join(cacheFolder, 'passed.json')

function load() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // Never written, or cut short: then nothing has passed.
    return {}
  }
}

/** One word for these parts (bytes or text): the key of what a check depends on. */
export function keyOf(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(createHash('sha256').update(part).digest())
  return hash.digest('hex')
}

export function hasPassed(check, key) {
  return load()[check] === key
}

export function rememberPassed(check, key) {
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...load(), [check]: key }, null, 2)}\n`)
}
