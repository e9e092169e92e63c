import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Peer, peer, run, tempDir } from '@coalmine/fixtures'

/** Runs rdiff once for each list of words, all of one length. */
export async function rdiff(lists: readonly string[][]): Promise<void> {
  const input = Buffer.from(lists.map((words) => `${words.join(' ')}\n`).join(''))
  await run(['xargs', '-n', String(lists[0]!.length), '-P', '2', 'rdiff'], { input, check: true })
}

const program = peer('duplicity')

/** The interpreter that has duplicity: Debian's, whatever `python3` may be. */
const interpreter = program.available
  ? ['/usr/bin/python3', 'python3'].find(
      (python) => spawnSync(python, ['-c', 'import duplicity.librsync']).status === 0,
    )
  : undefined

/** The installed duplicity with its binding of librsync. */
export const duplicityLibrsync: Peer =
  program.available && interpreter === undefined
    ? { name: 'duplicity', available: false, why: 'no python3 has its modules' }
    : program

export interface LibrsyncCase {
  readonly old: Uint8Array
  readonly next: Uint8Array
  readonly blockBytes: number
  /** A delta from old to next, to be applied. */
  readonly delta: Uint8Array
}

export interface LibrsyncAnswer {
  readonly signature: Buffer
  readonly delta: Buffer
  /** `old`, patched with the delta of the case. */
  readonly patched: Buffer
}

/** What duplicity's binding makes of the cases; see duplicity-librsync.py. */
export async function askLibrsync(cases: readonly LibrsyncCase[]): Promise<LibrsyncAnswer[]> {
  const dir = await tempDir('librsync')
  const parts: Uint8Array[] = []
  for (const { old, blockBytes, next, delta } of cases) {
    for (const field of [old, Buffer.from(String(blockBytes)), next, delta]) {
      const head = Buffer.alloc(8)
      head.writeUInt32BE(field.length, 4)
      parts.push(head, field)
    }
  }
  writeFileSync(join(dir, 'in'), Buffer.concat(parts))
  const script = fileURLToPath(new URL('duplicity-librsync.py', import.meta.url))
  await run([interpreter!, script, join(dir, 'in'), join(dir, 'out')], { check: true })
  const bytes = readFileSync(join(dir, 'out'))
  let at = 0
  const field = () => {
    const start = at + 8
    at = start + bytes.readUInt32BE(at + 4)
    return bytes.subarray(start, at)
  }
  return cases.map(() => ({ signature: field(), delta: field(), patched: field() }))
}
