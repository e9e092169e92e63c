import type { IncomingMessage } from 'node:http'
import { ApiFailure, type Fields } from './answer.ts'
import type { Blobs } from './blobs.ts'
import type { CallLog, OpenCall } from './call-log.ts'
import type { Clock } from './clock.ts'
import type { Fault, FaultBook } from './faults.ts'
import type { Keys } from './keys.ts'
import type { Links } from './links.ts'
import type { Params } from './params.ts'
import type { Account } from './records.ts'
import type { Settings } from './settings.ts'
import type { State } from './state.ts'
import type { Session, Tokens } from './tokens.ts'

/** All that a running emulator is made of. */
export interface World {
  state: State
  blobs: Blobs
  clock: Clock
  settings: Settings
  tokens: Tokens
  links: Links
  faults: FaultBook
  log: CallLog
  keys: Keys
  /** Keys of applications that have one. */
  apps: Readonly<Record<string, string>>
  /** Whether a password is an account's; passwords are only in memory. */
  checkPassword(ekey: string, password: string): boolean
  /** `http://127.0.0.1:8080`. */
  base(): string
  /** Uploads being put together right now, by their key. */
  assembling: Map<string, Promise<void>>
  /** Units being received, by upload key and number: the same one twice has to wait. */
  receiving: Map<string, Promise<unknown>>
}

/** One call of the API, with all that its method needs. */
export interface Call {
  world: World
  /** `folder/create`. */
  name: string
  /** 1.5; 0 for a call without version. */
  version: number
  params: Params
  headers: IncomingMessage['headers']
  /** The body, where it is not made of parameters. */
  body: IncomingMessage
  /** Who calls; `undefined` on calls that need no token. */
  account?: Account
  session?: Session
  log: OpenCall
  faults: readonly Fault[]
}

/** Who may make a call: with a session; with a session or an upload token; anybody. */
export type Access = 'session' | 'upload' | 'public'

export interface Method {
  access: Access
  run(call: Call): Fields | Promise<Fields>
}

export type Methods = Readonly<Record<string, Method>>

/** The account of a call that needs one. @throws ApiFailure 104 when anybody may call, but not for this. */
export function accountOf(call: Call): Account {
  // It may have changed since the call began.
  const account = call.account && call.world.state.account.get(call.account.ekey)
  if (account === undefined) throw new ApiFailure(104)
  return account
}
