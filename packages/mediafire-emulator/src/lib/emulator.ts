import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AccountOptions, openAccounts } from './accounts.ts'
import { openBlobs } from './blobs.ts'
import { type CallLog, createCallLog } from './call-log.ts'
import { type Clock, createClock } from './clock.ts'
import {
  type AccountView,
  type AccountWishes,
  ageFile,
  accountNamed,
  changeAccount,
  duplicateFile,
  viewOf,
} from './control.ts'
import { EmulatorError } from './emulator-error.ts'
import { createFaults, type FaultRule, type Faults } from './faults.ts'
import { lockFolder } from './folder-lock.ts'
import { createKeys, type RandomBytes } from './keys.ts'
import { createLinks } from './links.ts'
import { createFront } from './server.ts'
import { applySettings, defaultSettings, type Settings } from './settings.ts'
import { assemble } from './settle.ts'
import { openState, type State } from './state.ts'
import { createIdentity, type Identity } from './tls-certificate.ts'
import { createTokens } from './tokens.ts'
import type { World } from './world.ts'

export interface EmulatorOptions {
  /** Where everything is kept; made when it is missing. One emulator at a time. */
  dataDir: string
  accounts: readonly AccountOptions[]
  /** 0, the default, takes a free one. */
  port?: number
  /** A name or address of this machine; `127.0.0.1` by default. */
  host?: '127.0.0.1' | '::1' | 'localhost'
  /** HTTPS beside HTTP on the same port: with a certificate made at the start, or one's own. */
  tls?: boolean | Identity
  settings?: Partial<Settings>
  faults?: readonly FaultRule[]
  /** Keys of applications that have one, by their number. */
  apps?: Readonly<Record<string, string>>
  /** The real time; `Date.now` by default. */
  now?: () => number
  /** Where keys and tokens come from. */
  random?: RandomBytes
}

/** A running emulator. */
export interface Emulator {
  /** `http://127.0.0.1:8080`, or `https:` with TLS. */
  readonly url: string
  readonly port: number
  /** The certificate to trust, as PEM, and the file it is in. */
  readonly certificate: { pem: string; path: string } | undefined
  readonly clock: Clock
  readonly faults: Faults
  readonly log: Omit<CallLog, 'begin' | 'end'>
  readonly settings: Readonly<Settings>
  /** @throws EmulatorError with `bad-option`. */
  set(settings: Partial<Settings>): void
  /** What an account holds; the first one's without an e-mail address. */
  account(email?: string): AccountView
  changeAccount(wishes: AccountWishes, email?: string): void
  /** All sessions, action tokens and links are no longer good. */
  expireAll(): void
  /** Gives a file a twin of the same name. @returns The twin's key. */
  duplicateFile(quickKey: string): string
  /** Makes a file as old as those whose hash is an MD5. */
  ageFile(quickKey: string): Promise<void>
  /** Ends all connections and lets go of the folder. */
  stop(): Promise<void>
}

/**
 * Starts an emulated MediaFire.
 *
 * @throws EmulatorError `bad-option`, `in-use`, `damaged` or `cannot-listen`.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { dataDir, accounts, port = 0, host = '127.0.0.1', tls = false, apps = {} } = options
  if (!['127.0.0.1', '::1', 'localhost'].includes(host)) {
    throw new EmulatorError('bad-option', `Cannot listen on "${host}": it is not a name of this machine alone`)
  }
  const settings: Settings = { ...defaultSettings }
  applySettings(settings, { ...options.settings })
  const unlock = lockFolder(dataDir)
  let state: State | undefined
  try {
    state = openState(dataDir)
    const identity = tls === true ? createIdentity() : tls === false ? undefined : tls
    const world = createWorld(state, options, { settings, accounts, apps, dataDir })
    for (const rule of options.faults ?? []) world.faults.add(rule)
    const front = createFront(world, identity)
    const actual = await front.listen(port, host).catch((cause: unknown) => {
      throw new EmulatorError('cannot-listen', `Cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
        cause,
      })
    })
    const url = `${identity ? 'https' : 'http'}://${host === '::1' ? '[::1]' : host}:${actual}`
    world.base = () => url
    resume(world)
    return running(world, { url, port: actual, front, unlock, certificate: keepCertificate(dataDir, identity) })
  } catch (error) {
    state?.close()
    unlock()
    throw error
  }
}

function createWorld(
  state: State,
  options: EmulatorOptions,
  more: Pick<World, 'settings' | 'apps'> & { accounts: readonly AccountOptions[]; dataDir: string },
): World {
  const keys = createKeys(options.random)
  const offsetMs = state.meta.get('clock')?.offsetMs ?? 0
  const clock = createClock(options.now, offsetMs, (offset) => state.commit([['meta', 'clock', { offsetMs: offset }]]))
  const checkPassword = openAccounts(state, more.accounts, { keys, nowMs: clock.now() })
  return {
    state,
    blobs: openBlobs(more.dataDir),
    clock,
    settings: more.settings,
    tokens: createTokens(keys),
    links: createLinks(keys),
    faults: createFaults(keys),
    log: createCallLog(),
    keys,
    apps: more.apps,
    checkPassword,
    base: () => '',
    assembling: new Map(),
    receiving: new Map(),
  }
}

/** Goes on where the last process ended, however it ended. */
function resume(world: World): void {
  const { state, blobs } = world
  const unused = [...state.blob.keys()].filter((hash) => state.uses(hash) === 0)
  state.commit(unused.map((hash) => ['blob', hash, null]))
  blobs.sweep(
    (hash) => state.blob.has(hash),
    (key) => ['open', 'assembling'].includes(state.upload.get(key)?.status ?? ''),
  )
  for (const upload of state.upload.values()) if (upload.status === 'assembling') void assemble(world, upload.key)
}

function keepCertificate(dataDir: string, identity: Identity | undefined): Emulator['certificate'] {
  if (identity === undefined) return undefined
  const path = join(dataDir, 'certificate.pem')
  writeFileSync(path, identity.cert)
  return { pem: identity.cert, path }
}

function running(
  world: World,
  {
    url,
    port,
    front,
    unlock,
    certificate,
  }: Pick<Emulator, 'url' | 'port' | 'certificate'> & { front: ReturnType<typeof createFront>; unlock: () => void },
): Emulator {
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await front.close()
    await Promise.allSettled([...world.assembling.values(), ...world.receiving.values()])
    await world.blobs.idle()
    world.state.close()
    unlock()
  }
  return {
    url,
    port,
    certificate,
    clock: world.clock,
    faults: world.faults,
    log: world.log,
    settings: world.settings,
    set: (wishes) => applySettings(world.settings, { ...wishes }),
    account: (email) => viewOf(world, email),
    changeAccount: (wishes, email) => changeAccount(world, wishes, email),
    expireAll() {
      world.tokens.dropAll()
      world.links.dropAll()
    },
    duplicateFile: (quickKey) => duplicateFile(world, quickKey),
    ageFile: (quickKey) => {
      accountNamed(world)
      return ageFile(world, quickKey)
    },
    stop: () => (stopped ??= stop()),
  }
}
