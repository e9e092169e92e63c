import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { EmulatorError } from './emulator-error.ts'
import type { Keys } from './keys.ts'
import type { Account } from './records.ts'
import type { State } from './state.ts'

/** An account to be there. */
export interface AccountOptions {
  email: string
  password: string
  displayName?: string
}

const GiB = 2 ** 30

/**
 * Makes the accounts that are missing, and notices changed passwords. What is stored of a password is a scrypt mark.
 *
 * @returns Whether a password is an account's.
 * @throws EmulatorError with `bad-option`.
 */
export function openAccounts(
  state: State,
  accounts: readonly AccountOptions[],
  { keys, nowMs }: { keys: Keys; nowMs: number },
): (ekey: string, password: string) => boolean {
  if (accounts.length === 0) throw new EmulatorError('bad-option', 'Cannot start: there is no account')
  const passwords = new Map<string, string>()
  for (const { email, password, displayName } of accounts) {
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) {
      throw new EmulatorError('bad-option', `Cannot use the account "${email}": it is not an e-mail address`)
    }
    if (password === '')
      throw new EmulatorError('bad-option', `Cannot use the account "${email}": its password is empty`)
    const known = [...state.account.values()].find((each) => each.email === email)
    const account = known ?? freshAccount(email, keys, nowMs)
    if (passwords.has(account.ekey)) {
      throw new EmulatorError('bad-option', `Cannot use the account "${email}": it is named twice`)
    }
    const same = isMarkOf(account.passwordMark, password)
    const next: Account = {
      ...account,
      displayName: displayName ?? account.displayName,
      ...(same ? {} : { passwordMark: markOf(password), pkey: keys.text(10) }),
    }
    if (known === undefined || !same || next.displayName !== known.displayName) {
      state.commit([['account', next.ekey, next]])
    }
    passwords.set(account.ekey, password)
  }
  return (ekey, password) => passwords.get(ekey) === password
}

function freshAccount(email: string, keys: Keys, nowMs: number): Account {
  return {
    email,
    ekey: keys.hex(32),
    pkey: '',
    passwordMark: '',
    displayName: email.slice(0, email.indexOf('@')),
    firstName: '',
    lastName: '',
    createdMs: nowMs,
    tosAccepted: true,
    validated: true,
    premium: false,
    baseStorage: 10 * GiB,
    bonusStorage: 40 * GiB,
    deviceRevision: 0,
    rootRevision: 0,
  }
}

function markOf(password: string, salt: Buffer = randomBytes(16)): string {
  return `${salt.toString('hex')}:${scryptSync(password, salt, 32, { N: 4096 }).toString('hex')}`
}

function isMarkOf(mark: string, password: string): boolean {
  const [salt = '', hash = ''] = mark.split(':')
  if (hash === '') return false
  const [, wanted = ''] = markOf(password, Buffer.from(salt, 'hex')).split(':')
  return timingSafeEqual(Buffer.from(wanted, 'hex'), Buffer.from(hash, 'hex'))
}
