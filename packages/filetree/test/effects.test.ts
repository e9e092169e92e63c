import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../src/', import.meta.url))
const changing =
  /\b(?:f|l)?(?:append|chmod|chown|copy|cp|ftruncate|link|mk|rename|rm|symlink|truncate|unlink|utimes|write)\w*/g

/** What a file takes from node:fs, but for constants and types. */
function takenBy(text: string): string[] {
  const imports = [...text.matchAll(/import\s*(?!type)\{([^}]*)\}\s*from\s*'(?:node:)?fs(?:\/promises)?'/g)]
  return imports
    .flatMap((match) => match[1]!.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'constants' && !name.startsWith('type '))
}

it('what changes the outside is in the effects alone; elsewhere files are only read', () => {
  const taken = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
    .map(({ name, text }) => ({ name, names: takenBy(text), starts: /child_process/.test(text), text }))
  expect(taken.filter(({ text }) => /import \* as|require\(|import\(['"](?:node:)?fs/.test(text))).toEqual([])
  const changes = taken.filter(({ names }) => names.some((name) => (name.match(changing) ?? []).length > 0))
  expect(changes.map(({ name }) => name)).toEqual(['lib/effects.ts'])
  // Programs that are started: mkfifo and mknod by the effects, getent to ask for owners.
  expect(
    taken
      .filter(({ starts }) => starts)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['lib/effects.ts', 'lib/owners.ts'])
  expect(taken.filter(({ names }) => names.length > 0).length).toBeGreaterThan(3)
})
