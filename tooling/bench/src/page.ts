import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const page = join(resolve(dirname(fileURLToPath(import.meta.url)), '../../..'), 'docs/benchmarks.md')

/** Puts a report between the markers of its section in docs/benchmarks.md; the rest is written by hand. */
export function writeSection(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const whole = readFileSync(page, 'utf8')
  const from = whole.indexOf(begin)
  const to = whole.indexOf(end)
  if (from < 0 || to < from) throw new Error(`Cannot write ${page}: the markers of "${name}" are missing`)
  writeFileSync(page, `${whole.slice(0, from + begin.length)}\n${text}\n${whole.slice(to)}`)
  console.log(text)
}
