import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type AccountOptions, EmulatorError, type EmulatorOptions, type FaultRule, startEmulator } from './index.ts'

const help = `Usage: mediafire-emulator --data-dir DIR --account EMAIL[:PASSWORD] [options]

A MediaFire on this machine, for trying and testing what uses one. When it is ready, one line of JSON with its address
is written. It ends by SIGINT or SIGTERM; killed in any other way it goes on from the same folder.

  --data-dir DIR           where everything is kept
  --account EMAIL:PASSWORD an account; several times for several. Other users of the machine can see it: without
                           the password it comes from MEDIAFIRE_EMULATOR_PASSWORD or from --password-file
  --password-file FILE     its first line is the password of accounts that have none
  --display-name NAME      of the first account
  --port N                 0, the default, takes a free one
  --tls                    HTTPS beside HTTP on the same port; the certificate to trust is in DIR/certificate.pem
  --profile NAME           how answers look: legacy, modern (default), instant
  --settings JSON          further settings, as an object
  --faults FILE            faults to come: a JSON array of rules
`

/** The command. Wrong use ends with code 2, a start that failed with 1. */
export async function run(argv = process.argv.slice(2), env = process.env): Promise<void> {
  try {
    const options = readOptions(argv, env)
    if (options === undefined) {
      process.stdout.write(help)
      return
    }
    const emulator = await startEmulator(options)
    const { url, port, certificate } = emulator
    const ready = { url, port, pid: process.pid, ...(certificate ? { certificate: certificate.path } : {}) }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void emulator.stop())
    process.stdout.write(`${JSON.stringify(ready)}\n`)
  } catch (error) {
    if (!(error instanceof EmulatorError)) throw error
    process.stderr.write(`mediafire-emulator: ${error.message}\n`)
    process.exitCode = error.code === 'bad-option' ? 2 : 1
  }
}

function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv): EmulatorOptions | undefined {
  const values = parse(argv)
  if (values.help === true) return undefined
  const dataDir = values['data-dir']
  if (dataDir === undefined) throw new EmulatorError('bad-option', 'Cannot start: --data-dir is missing')
  const file = values['password-file']
  const other = file === undefined ? env['MEDIAFIRE_EMULATOR_PASSWORD'] : firstLine(file)
  const accounts = (values.account ?? []).map((text) => accountOf(text, other))
  const [first, ...rest] = accounts
  const name = values['display-name']
  const port = Number(values.port ?? '0')
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new EmulatorError('bad-option', `Cannot listen on port "${values.port}": not a number from 0 to 65535`)
  }
  const wishes = values.settings === undefined ? {} : objectOf('--settings', values.settings)
  return {
    dataDir,
    accounts: first && name !== undefined ? [{ ...first, displayName: name }, ...rest] : accounts,
    port,
    tls: values.tls ?? false,
    settings: { ...(values.profile === undefined ? {} : { profile: values.profile as never }), ...wishes },
    ...(values.faults === undefined ? {} : { faults: rulesOf(values.faults) }),
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean', short: 'h' },
        'data-dir': { type: 'string' },
        account: { type: 'string', multiple: true },
        'password-file': { type: 'string' },
        'display-name': { type: 'string' },
        port: { type: 'string' },
        tls: { type: 'boolean' },
        profile: { type: 'string' },
        settings: { type: 'string' },
        faults: { type: 'string' },
      },
    }).values
  } catch (cause) {
    throw new EmulatorError('bad-option', `Cannot start: ${(cause as Error).message}`, { cause })
  }
}

function accountOf(text: string, other: string | undefined): AccountOptions {
  const at = text.indexOf(':')
  const email = at === -1 ? text : text.slice(0, at)
  const password = at === -1 ? other : text.slice(at + 1)
  if (password === undefined) {
    throw new EmulatorError('bad-option', `Cannot use the account "${email}": it has no password`)
  }
  return { email, password }
}

function firstLine(path: string): string {
  return (readText('--password-file', path).split('\n')[0] ?? '').replace(/\r$/, '')
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new EmulatorError('bad-option', `Cannot read ${option} "${path}": ${(cause as Error).message}`, { cause })
  }
}

function jsonOf(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new EmulatorError('bad-option', `Cannot read ${option}: it is not JSON`, { cause })
  }
}

function objectOf(option: string, text: string): Record<string, unknown> {
  const value = jsonOf(option, text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new EmulatorError('bad-option', `Cannot read ${option}: it is not an object`)
}

function rulesOf(path: string): FaultRule[] {
  const value = jsonOf('--faults', readText('--faults', path))
  if (!Array.isArray(value)) throw new EmulatorError('bad-option', `Cannot read --faults "${path}": it is not an array`)
  return value as FaultRule[]
}
