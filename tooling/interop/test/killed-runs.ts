import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { duplicityEnv } from '../src/index.ts'
import { program } from './coalmine.ts'

const effects = new URL('effects-at.mjs', import.meta.url).href
const manyRuns = fileURLToPath(new URL('many-runs.mjs', import.meta.url))
const main = fileURLToPath(new URL('../dist/main.js', pathToFileURL(program)))

export interface Outcome {
  readonly code: number
  readonly out: string
  /** Effects on files. */
  readonly count: number
  /** What failed first, when the disk was full. */
  readonly struck?: string
}

/** A process in which the command line runs again and again, in the environment of the real programs. */
export class Driver {
  readonly #child: ChildProcess

  constructor(home: string) {
    const env = duplicityEnv(home)
    this.#child = fork(manyRuns, [main], { execArgv: ['--import', effects], env, cwd: home, serialization: 'json' })
  }

  /** @param at - From this effect on the disk is full. */
  async run(argv: readonly string[], at = 0): Promise<Outcome> {
    this.#child.send({ argv, at })
    const [answer] = (await once(this.#child, 'message')) as [Outcome]
    return answer
  }

  close(): void {
    this.#child.disconnect()
  }
}

/** Starts the command line as a process of its own and has it killed before that effect. */
export async function killedAt(
  argv: readonly string[],
  at: number,
  home: string,
): Promise<{ signal?: string; out: string }> {
  const env = { ...duplicityEnv(home), EFFECTS_AT: String(at) }
  const child = spawn(process.execPath, ['--import', effects, program, ...argv], { env, cwd: home })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { signal: signal ?? undefined, out }
}

/** Storage and archive dir at one moment, to begin from again and again. */
export interface Place {
  readonly folder: string
  readonly url: string
  readonly common: readonly string[]
  readonly target: string
}

export function placeIn(folder: string): Place {
  for (const name of ['storage', 'cache', 'tmp']) mkdirSync(join(folder, name), { recursive: true })
  const tempDir = ['--tempdir', join(folder, 'tmp')]
  const common = ['--archive-dir', join(folder, 'cache'), '--name', 'k', ...tempDir]
  return { folder, url: `file://${folder}/storage`, common, target: join(folder, 'target') }
}

export function copyOf(place: Place, folder: string): Place {
  rmSync(folder, { recursive: true, force: true })
  cpSync(place.folder, folder, { recursive: true, preserveTimestamps: true })
  return placeIn(folder)
}

export function storedIn({ folder }: Place): Map<string, Buffer> {
  const storage = join(folder, 'storage')
  const names = readdirSync(storage).filter((name) => name.startsWith('duplicity-'))
  return new Map(names.sort().map((name) => [name, readFileSync(join(storage, name))]))
}
