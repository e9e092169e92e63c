import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { itWith } from '@coalmine/fixtures'
import { expect } from 'vitest'
import {
  changesAround,
  give,
  hostileWorld,
  type MakeSets,
  type Restored,
  restoredIn,
  restoreIn,
  type Stored,
  surroundings,
  type World,
} from './hostile-world.ts'

type Contents = Readonly<Record<string, string>>

/** What is to come of a hostile archive. */
export interface Outcome {
  /** 0. */
  readonly code?: number
  /** The one sentence of a failure. */
  readonly says?: RegExp
  /** Entries that could not be restored as they were, each told in a warning; 0. */
  readonly problems?: number
  /** Words that the warnings must have. */
  readonly warns?: readonly RegExp[]
  /** All that is in the target; or what tells it, or looks itself. */
  readonly restored: Contents | ((world: World) => Contents | void | Promise<void>)
}

export interface HostileCase extends Outcome {
  readonly sets: MakeSets
  readonly stored?: Stored
  readonly target?: 'empty' | 'missing'
  readonly options?: readonly string[]
  /** Where a user without rights fares otherwise. Such a user gives nothing away, unless `options` are said. */
  readonly asNobody?: Partial<Outcome> & { readonly options?: readonly string[] }
  /** The archive is refused before any rights matter: tried by that user in the long run only. */
  readonly whoeverRestores?: boolean
  readonly needs?: readonly string[]
  /** Done in the world before the restore. */
  readonly before?: (world: World) => void
  /** Changes around the target that are meant. */
  readonly meant?: RegExp
}

/**
 * Restores a hostile archive with the program itself, as root and as a user without rights (else as whoever runs this), and
 * checks that the outcome is what is said here, in one sentence where it is a failure, and that nothing around the target
 * was touched: kind, content, mode, owner, links, and both times to the nanosecond.
 */
export function hostile(name: string, one: HostileCase): void {
  const { needs = [], whoeverRestores = false } = one
  itWith(needs, name, () => run(one, false))
  // Where rights change nothing of the outcome, they are tried in the long run only.
  if ((whoeverRestores || one.asNobody === undefined) && !process.env['COALMINE_LONG']) return
  itWith(['root', 'setpriv', ...needs], `${name}, by a user without rights`, () => run(one, true))
}

async function run(one: HostileCase, asNobody: boolean): Promise<void> {
  const { sets, stored, target } = one
  const world = await hostileWorld(sets, { asNobody, stored, target })
  one.before?.(world)
  if (asNobody) give(world.place)
  const before = surroundings(world)
  const options = asNobody ? (one.asNobody?.options ?? [...(one.options ?? []), '--no-restore-ownership']) : one.options
  const restored = await restoreIn(world, options)
  const changes = changesAround(before, world).filter((line) => one.meant?.test(line) !== true)
  expect(changes, said(restored)).toEqual([])
  check(restored, { ...one, ...(asNobody ? one.asNobody : {}) })
  const expected = (asNobody ? one.asNobody?.restored : undefined) ?? one.restored
  const contents = typeof expected === 'function' ? await expected(world) : expected
  if (contents !== undefined) expect(restoredIn(world), said(restored)).toEqual(contents)
  expect(readdirSync(join(world.work, 'temp')), 'left in the folder for temporary files').toEqual([])
}

/** How a run ended, and what it said: one sentence for a failure; a line for each problem, and their count. */
function check(restored: Restored, { code = 0, says, problems = 0, warns = [] }: Outcome): void {
  // What could not be restored at all makes it 1; an owner or a time that could not be set does not.
  expect(code === 0 && problems > 0 ? [0, 1] : [code], said(restored)).toContain(restored.code)
  if (code === 0) expect(restored.err, said(restored)).toBe('')
  else {
    const sentence = restored.err.replace(/\n"restore --keep-going" gets [^\n]+\n$/, '\n')
    expect(sentence, said(restored)).toMatch(/^Cannot [\x20-\x7e\x80-\xff]+[^.]\n$/)
    expect(sentence.trimEnd(), said(restored)).toMatch(says ?? /./)
  }
  const lines = restored.out.split('\n').filter((line) => line.startsWith('Error restoring '))
  expect(lines.length, said(restored)).toBe(problems)
  for (const words of warns) expect(restored.out, said(restored)).toMatch(words)
  const what =
    problems === 1
      ? '1 entry could not be restored as it was'
      : `${problems} entries could not be restored as they were`
  const count = problems === 0 || code !== 0 ? undefined : what
  if (count !== undefined) expect(restored.out, said(restored)).toContain(count)
}

function said({ code, out, err }: Restored): string {
  return `code ${code}\n${out}\n${err}`
}
