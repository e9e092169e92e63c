import { spawnSync } from 'node:child_process'
import { CommandError, exitCode } from '../exit-codes.ts'
import { splitCommand } from '../passphrase.ts'
import { type Credential, parseCredential } from './credential.ts'

/**
 * The credential that a command prints. It is run without a shell, and what `COALMINE_CREDENTIAL` says is wanted: `get`; and
 * `store` when MediaFire has replaced the cookie of a credential that had `"replaces": true`, with the new one on standard
 * input.
 */
export function credentialFromCommand(command: string): { credential: Credential; replaces: boolean } {
  const text = runCommand(command, 'get').toString('utf8')
  const credential = parseCredential(text)
  if (credential === undefined) {
    const reason = 'what it printed is neither a password nor an object with a password or a cookie'
    throw new CommandError(exitCode.user, `Cannot use the credential of the command: ${reason}`)
  }
  return { credential, replaces: /^\s*\{/.test(text) && /"replaces"\s*:\s*true/.test(text) }
}

export function storeByCommand(command: string, credential: Credential): void {
  runCommand(command, 'store', JSON.stringify({ ...credential, replaces: true }))
}

function runCommand(command: string, verb: 'get' | 'store', input?: string): Buffer {
  const [program, ...rest] = splitCommand(command, 'credential command')
  if (program === undefined) throw new CommandError(exitCode.user, 'Cannot run the credential command: it is empty')
  const { status, signal, error, stdout } = spawnSync(program, rest, {
    stdio: [input === undefined ? 'inherit' : 'pipe', 'pipe', 'inherit'],
    input,
    env: { ...process.env, COALMINE_CREDENTIAL: verb },
  })
  const what = verb === 'get' ? 'take the credential from' : 'give the new cookie to'
  if (error !== undefined) {
    const reason = 'code' in error ? String(error.code) : error.message
    throw new CommandError(exitCode.user, `Cannot ${what} the command "${program}": ${reason}`, { cause: error })
  }
  if (status === 0) return stdout
  const end = status === null ? `it was ended by ${String(signal)}` : `it ended with code ${status}`
  throw new CommandError(exitCode.user, `Cannot ${what} the command "${program}": ${end}`)
}
