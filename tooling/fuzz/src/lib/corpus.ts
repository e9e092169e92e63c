import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../corpus', import.meta.url))

/** What an input is kept for: a sound one; one that ran code which no seed ran; one that once failed. */
export type Kind = 'seed' | 'grown' | 'found'

/** The inputs that are kept for a target, of all kinds or of some. */
export function readCorpus(target: string, kinds: readonly Kind[] = ['seed', 'grown', 'found']): Uint8Array[] {
  const own = join(folder, target)
  if (!existsSync(own)) return []
  return readdirSync(own)
    .filter((name) => kinds.some((kind) => name.startsWith(`${kind}-`)))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(own, name))))
}

/** Forgets the inputs of one kind. */
export function forget(target: string, kind: Kind): void {
  const own = join(folder, target)
  for (const name of existsSync(own) ? readdirSync(own) : []) if (name.startsWith(`${kind}-`)) rmSync(join(own, name))
}

/** Keeps an input, under a name that its content decides unless one is given; the path. */
export function keep(target: string, kind: Kind, input: Uint8Array, label?: string): string {
  const own = join(folder, target)
  mkdirSync(own, { recursive: true })
  const name = label ?? createHash('sha256').update(input).digest('hex').slice(0, 12)
  const path = join(own, `${kind}-${name}`)
  writeFileSync(path, input)
  return path
}
