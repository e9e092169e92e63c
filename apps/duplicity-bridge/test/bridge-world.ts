import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRandom, run, type RunResult, tempDir } from '@coalmine/fixtures'
import {
  debianFolder,
  duplicityEnv,
  type DuplicityVersion,
  duplicityVersions,
  hostDuplicity,
  inWorldOf,
} from '@coalmine/interop'
import { startEmulator } from '@coalmine/mediafire-emulator'
import { onTestFinished } from 'vitest'

/** The built command, as a user starts it. */
export const program = fileURLToPath(new URL('../bin/duplicity-bridge.js', import.meta.url))
const checkout = fileURLToPath(new URL('../../..', import.meta.url))
export const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

/** Whether this is the long run. */
export const long = Boolean(process.env['COALMINE_LONG'])

export const email = 'me@example.com'
export const password = 'Pa55w0rd-that-nobody-sees'

/**
 * A Node where that version of duplicity lives. In a Debian of its own that is a copy of this one, made once and kept
 * there: the bridge then runs in it as a whole, as it would after an installation.
 */
function nodeOf(version: DuplicityVersion): string {
  if (hostDuplicity() === version) return process.execPath
  const path = `/opt/node-${process.version}/node`
  const copy = join(debianFolder(version), path)
  if (!existsSync(copy)) {
    mkdirSync(dirname(copy), { recursive: true })
    const part = `${copy}.${process.pid}`
    copyFileSync(process.execPath, part)
    chmodSync(part, 0o755)
    renameSync(part, copy)
  }
  return path
}

/** Ends the agent of gpg, which would outlive the test by a minute. */
export async function endAgent(home: string): Promise<void> {
  if (!existsSync(join(home, '.gnupg', 'S.gpg-agent'))) return
  await run(['gpgconf', '--kill', 'gpg-agent'], { env: duplicityEnv(home) })
}

export interface BridgedOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export interface Outcome {
  readonly code: number
  /** Standard output and standard error. */
  readonly said: string
  readonly raw: RunResult
}

/** A source, a home and a place for what is restored. */
export async function bridgeWorld(version: DuplicityVersion) {
  const folder = await tempDir('bridge')
  const [source, home, target, store] = ['source', 'home', 'target', 'store'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const one of [source, home]) mkdirSync(one)
  const random = createRandom(folder.length.toString())
  writeFileSync(join(source, 'large'), random.bytes(1_300_000))
  mkdirSync(join(source, 'folder'))
  writeFileSync(join(source, 'folder', 'ünï'), 'small\n')
  const argvOf = (argv: readonly string[]) => inWorldOf(version, argv, { cwd: home, see: [checkout] })
  const bridge = [nodeOf(version), program]
  const ran = async (argv: readonly string[], { env = {}, timeoutMs = 120_000 }: BridgedOptions = {}) => {
    const raw = await run(argvOf(argv), { env: duplicityEnv(home, { ...env }), timeoutMs })
    await endAgent(home)
    return { code: raw.code, said: `${raw.stdout.toString()}${raw.stderr.toString()}`, raw } satisfies Outcome
  }
  return {
    folder,
    source,
    home,
    target,
    store,
    bridge,
    argvOf,
    /** Any program where duplicity lives. */
    ran,
    /** `duplicity-bridge run -- duplicity …`, with the fewest pauses. */
    duplicity: (args: readonly string[], options?: BridgedOptions) =>
      ran([...bridge, 'run', '--', 'duplicity', ...args, '--backend-retry-delay', '1'], options),
    restored: () => {
      rmSync(target, { recursive: true, force: true })
      return target
    },
  }
}

export type BridgeWorld = Awaited<ReturnType<typeof bridgeWorld>>

/** An emulated MediaFire, and the environment that leads to it. */
export async function mediaFire() {
  const emulator = await startEmulator({
    dataDir: await tempDir('mf'),
    accounts: [{ email, password }],
    settings: { profile: 'instant' },
  })
  onTestFinished(() => emulator.stop())
  const address = { COALMINE_MEDIAFIRE_URL: emulator.url }
  return {
    emulator,
    address,
    env: { ...address, MEDIAFIRE_EMAIL: email, MEDIAFIRE_PASSWORD: password },
    /** Names of the files in a folder, sorted. */
    names: (folder: string) =>
      emulator
        .account()
        .files.filter(({ path }) => dirname(path) === folder)
        .map(({ path }) => path.slice(folder.length + 1)),
  }
}
