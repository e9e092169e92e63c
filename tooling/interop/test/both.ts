import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunResult } from '@coalmine/fixtures'
import { tempDir } from '@coalmine/fixtures'
import { duplicity, type DuplicityVersion } from '../src/index.ts'
import { coalmine } from './coalmine.ts'
import type { Output } from './normalise.ts'
import { parseRecords } from './records.ts'

export interface Ran extends Output {
  readonly result: RunResult
}

export interface Both {
  readonly theirs: Ran
  readonly ours: Ran
}

export interface BothOptions {
  readonly env?: Record<string, string>
  readonly cwd?: string
}

/** What ours is told so that it speaks as that version does. */
export function compatOf(version: DuplicityVersion): string[] {
  return version === '0.8.22' ? ['--compat', '0.8'] : []
}

/**
 * Runs the real program and ours at the same time, with the same arguments but for a word that each has of its own: a
 * target, by `args(own)`. Each has an archive dir and a log file of its own.
 */
export async function runBoth(
  version: DuplicityVersion,
  args: (own: string) => readonly string[],
  options: BothOptions = {},
): Promise<Both> {
  const folder = await tempDir('both')
  const one = async (name: string, run: (words: string[]) => Promise<RunResult>): Promise<Ran> => {
    const own = join(folder, name)
    mkdirSync(own)
    const log = join(own, 'log')
    const result = await run([...args(own), '--archive-dir', join(own, 'cache'), '--log-file', log])
    const lines = result.stdout.toString('latin1').split('\n')
    return { result, lines, records: parseRecords(readFileSync(log)) }
  }
  const [theirs, ours] = await Promise.all([
    one('theirs', (words) => duplicity(version, words, options)),
    one('ours', (words) => coalmine([...words, ...compatOf(version)], options)),
  ])
  return { theirs, ours }
}
