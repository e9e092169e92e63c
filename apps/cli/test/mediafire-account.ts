import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { type Emulator, type EmulatorOptions, startEmulator } from '@coalmine/mediafire-emulator'
import { onTestFinished } from 'vitest'
import { type Outcome, runShared, type World, world, type WorldRun } from './coalmine.ts'

const email = 'me@example.com'
const password = 'Pa55w0rd-that-nobody-sees'

export interface MediaFireWorld extends World {
  readonly emulator: Emulator
  /** Variables that lead to the account. */
  readonly env: Record<string, string>
  /** `coalmine mf …`, in one process with the others of the file. */
  readonly mf: (args: readonly string[], options?: Pick<WorldRun, 'env' | 'cwd'>) => Promise<Outcome>
  /** Paths of the account's files, each with its SHA-256, as the emulator has them. */
  readonly files: () => Record<string, string>
  readonly folders: () => string[]
}

/** An account of the emulator, which shares no code with the client, and a place to run the program in. */
export async function mediaFireWorld(options: Partial<EmulatorOptions> = {}): Promise<MediaFireWorld> {
  const made = await world()
  const dataDir = await tempDir('mf')
  const settings = { profile: 'instant', ...options.settings } as const
  const emulator = await startEmulator({ dataDir, accounts: [{ email, password }], ...options, settings })
  onTestFinished(() => emulator.stop())
  const env = { COALMINE_MEDIAFIRE_URL: emulator.url, MEDIAFIRE_EMAIL: email, MEDIAFIRE_PASSWORD: password }
  return {
    ...made,
    emulator,
    env,
    mf: (args, { env: more, cwd } = {}) => runShared(made.folder, ['mf', ...args], { env: { ...env, ...more }, cwd }),
    files: () => Object.fromEntries(emulator.account().files.map(({ path, hash }) => [path, hash])),
    folders: () => emulator.account().folders.map(({ path }) => path),
  }
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Writes files, with the folders that they are in; returns the hash of each. */
export function plant(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Record<string, string> {
  const hashes: Record<string, string> = {}
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
    hashes[name] = sha256(content)
  }
  return hashes
}

export function noise(bytes: number): Uint8Array {
  return randomBytes(bytes)
}

/** Answers for programs: one object a line. */
export function jsonLines(out: string): Record<string, unknown>[] {
  const lines = out.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}
