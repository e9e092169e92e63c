import { EmulatorError } from './emulator-error.ts'
import type { Keys } from './keys.ts'
import { matchesCall } from './call-log.ts'

/** What goes wrong. Times are real milliseconds. */
export type Fault =
  /** The connection is dropped: before anything was done, or after all was done and nothing is answered. */
  | { kind: 'drop'; when: 'before' | 'after' }
  /** An API error. With `applied` the work is done all the same. */
  | { kind: 'error'; code: number; status?: number; applied?: boolean; message?: string }
  /** A page that asks for a browser, with HTTP 403. */
  | { kind: 'challenge' }
  /** A bare HTTP status with a page of no interest. */
  | { kind: 'status'; status: number; retryAfter?: string; applied?: boolean }
  /** Another `Content-Type` on the answer. */
  | { kind: 'content-type'; value: string }
  /** The token of the call dies, and the call is answered with 105. */
  | { kind: 'expire' }
  /**
   * Nothing happens for a while: before the work, before the answer, or in the middle of a download, after so many
   * `bytes`; without `ms` for ever.
   */
  | { kind: 'stall'; when: 'before' | 'after' | 'during'; ms?: number; bytes?: number }
  /** The request is carried out twice; the second answer is given. Not for bodies of uploads. */
  | { kind: 'duplicate' }
  /** A unit is confirmed and forgotten. */
  | { kind: 'lose-unit' }
  /** Fields of the answer are changed, `path.to.field` by value; `null` removes one. */
  | { kind: 'patch'; set: Readonly<Record<string, unknown>> }
  /** The answer is cut after so many bytes; the header promises all of them, unless `clean`. */
  | { kind: 'truncate'; bytes: number; clean?: boolean }
  /** One byte of the content is another. */
  | { kind: 'corrupt' }
  /** The content comes slowly. */
  | { kind: 'slow'; bytesPerSecond: number }
  /** A download leads elsewhere first: to the same content under another name of this host, or to `to`. */
  | { kind: 'redirect'; to?: string }
  /** A download link is no longer good: this status, or a page instead of the content. */
  | { kind: 'expired-link'; status?: number }
  /** What an upload's poll says. */
  | { kind: 'poll'; status?: string; result?: string; fileError?: string }

/** Which calls a fault meets. */
export interface FaultRule {
  /** `upload/resumable`, `folder/*`, `download`, `*`. */
  call: string
  fault: Fault
  /** Only the nth of these calls, counted from 1 since the rule was made; or several. */
  nth?: number | readonly number[]
  /** Each nth of them. */
  every?: number
  /** Each with this chance, from 0 to 1. */
  chance?: number
  /** Only calls with these parameters or headers. */
  when?: Readonly<Record<string, string>>
  /** After so many times the rule is spent. */
  times?: number
}

export interface FaultCount {
  id: number
  rule: FaultRule
  /** Calls that the rule was about. */
  seen: number
  /** Calls that it met. */
  done: number
}

/** The faults to come. */
export interface Faults {
  /** @throws EmulatorError with `bad-option`. */
  add(rule: FaultRule): number
  remove(id: number): void
  clear(): void
  list(): readonly FaultCount[]
}

/** Also asked, for each call, which faults it meets. */
export interface FaultBook extends Faults {
  meet(call: string, values: Readonly<Record<string, string>>): readonly Fault[]
}

const needs: Readonly<Record<Fault['kind'], Readonly<Record<string, string>>>> = {
  drop: { when: 'string' },
  error: { code: 'number', 'status?': 'number', 'applied?': 'boolean', 'message?': 'string' },
  challenge: {},
  status: { status: 'number', 'retryAfter?': 'string', 'applied?': 'boolean' },
  'content-type': { value: 'string' },
  expire: {},
  stall: { when: 'string', 'ms?': 'number', 'bytes?': 'number' },
  duplicate: {},
  'lose-unit': {},
  patch: { set: 'object' },
  truncate: { bytes: 'number', 'clean?': 'boolean' },
  corrupt: {},
  slow: { bytesPerSecond: 'number' },
  redirect: { 'to?': 'string' },
  'expired-link': { 'status?': 'number' },
  poll: { 'status?': 'string', 'result?': 'string', 'fileError?': 'string' },
}

/** @param keys - Where chance comes from. */
export function createFaults(keys: Keys): FaultBook {
  const rules = new Map<number, FaultCount>()
  let nextId = 1
  return {
    add(rule) {
      checkRule(rule)
      const id = nextId++
      rules.set(id, { id, rule: structuredClone(rule), seen: 0, done: 0 })
      return id
    },
    remove: (id) => void rules.delete(id),
    clear: () => rules.clear(),
    list: () => [...rules.values()].map((each) => ({ ...each })),
    meet(call, values) {
      const met: Fault[] = []
      for (const count of rules.values()) {
        const { rule } = count
        if (!matchesCall(rule.call, call)) continue
        if (!Object.entries(rule.when ?? {}).every(([name, value]) => values[name] === value)) continue
        count.seen += 1
        if (rule.times !== undefined && count.done >= rule.times) continue
        if (!isTurn(rule, count.seen)) continue
        if (rule.chance !== undefined && keys.below(1_000_000) >= rule.chance * 1_000_000) continue
        count.done += 1
        met.push(rule.fault)
      }
      return met
    },
  }
}

function isTurn({ nth, every }: FaultRule, seen: number): boolean {
  if (typeof nth === 'number' && nth !== seen) return false
  if (Array.isArray(nth) && !nth.includes(seen)) return false
  return every === undefined || seen % every === 0
}

function checkRule(rule: unknown): asserts rule is FaultRule {
  const refuse = (why: string): never => {
    throw new EmulatorError('bad-option', `Cannot add a fault: ${why}`)
  }
  if (!isPlain(rule)) return refuse('a rule is an object with "call" and "fault"')
  if (typeof rule['call'] !== 'string') return refuse('"call" is not the name of a call')
  const counting = ['every', 'times'].every((name) => isCount(rule[name]))
  const nth: unknown = rule['nth']
  if (!counting || !(Array.isArray(nth) ? nth.every(isCount) : isCount(nth))) {
    return refuse('"nth", "every" and "times" are whole numbers from 1')
  }
  const { chance, when } = rule
  if (chance !== undefined && !(typeof chance === 'number' && chance >= 0 && chance <= 1)) {
    return refuse('"chance" is from 0 to 1')
  }
  if (when !== undefined && !(isPlain(when) && Object.values(when).every((each) => typeof each === 'string'))) {
    return refuse('"when" is an object of texts')
  }
  for (const name of Object.keys(rule)) {
    if (!['call', 'fault', 'nth', 'every', 'chance', 'when', 'times'].includes(name)) {
      return refuse(`a rule has no "${name}"`)
    }
  }
  const { fault } = rule
  const kind = isPlain(fault) ? fault['kind'] : undefined
  if (!isPlain(fault) || typeof kind !== 'string' || !Object.hasOwn(needs, kind)) {
    return refuse(`there is no fault of kind "${String(kind)}"`)
  }
  const fields = needs[kind as Fault['kind']]
  for (const [field, type] of Object.entries(fields)) {
    const name = field.replace('?', '')
    const value = fault[name]
    if (value === undefined && field.endsWith('?')) continue
    if (typeof value !== type || value === null) return refuse(`"${kind}" needs "${name}", a ${type}`)
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0)) {
      return refuse(`"${name}" of "${kind}" is not a whole number`)
    }
  }
  const moments = kind === 'stall' ? ['before', 'after', 'during'] : ['before', 'after']
  if ('when' in fields && !moments.includes(String(fault['when']))) {
    return refuse(`"when" of "${kind}" is one of ${moments.join(', ')}`)
  }
  const { status } = fault
  if (typeof status === 'number' && (status < 200 || status > 999)) return refuse('"status" is from 200 to 999')
  for (const name of Object.keys(fault)) {
    if (name !== 'kind' && !(name in fields) && !(`${name}?` in fields)) {
      return refuse(`"${kind}" has no "${name}"`)
    }
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): boolean {
  return value === undefined || (Number.isSafeInteger(value) && Number(value) >= 1)
}
