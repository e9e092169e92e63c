import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawLayers, fillIn, listPackages } from './picture.ts'
import { findProblems } from './rules.ts'
import { readWorkspace } from './workspace.ts'

/**
 * Proves the import rules of a checkout and keeps the pictures in `docs/architecture.md` true: writes them, or with
 * `check` only looks whether they are.
 *
 * @returns Lines for people; not ok when a rule is broken or a picture is out of date.
 */
export function checkLayers(root: string, options: { check?: boolean } = {}): { ok: boolean; lines: string[] } {
  const packages = readWorkspace(root)
  const problems = findProblems(packages)
  const lines = problems.map(({ rule, where, what }) => `${where}: ${what} [${rule}]`)

  const path = join(root, 'docs', 'architecture.md')
  const before = readFileSync(path, 'utf8')
  const after = fillIn(fillIn(before, 'layers', drawLayers(packages)), 'packages', listPackages(packages))
  if (after !== before) {
    if (options.check) lines.push('docs/architecture.md is out of date: "node scripts/layers.mjs" writes it again')
    else writeFileSync(path, after)
  }
  return { ok: lines.length === 0, lines }
}
