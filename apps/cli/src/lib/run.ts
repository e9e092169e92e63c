import { displayPath, type RawPath } from '@coalmine/bytes'
import { version } from './version.ts'
import { CommandError, type ExitCode, exitCode, UsageError } from './exit-codes.ts'
import { helpText } from './help.ts'
import { interruption, watchSignals } from './interruption.ts'
import { Log } from './log.ts'
import { failureOf } from './failures.ts'
import { type ActionName, actionTable } from './action-table.ts'
import { type ParsedArguments, parseArguments } from './parse-arguments.ts'
import { rememberEnvironment } from './passphrase.ts'
import { rawArguments } from './raw-arguments.ts'
import type { Context } from './session.ts'
import { type Compat, Settings, verbosityOf } from './settings.ts'
import { isUrl } from './source.ts'
import { rememberStorageSecrets } from './storage-environment.ts'
import { oneLine } from './visible.ts'

/** Runs the command line of this process. Never throws: what goes wrong is said, and is the exit code. */
export async function runCommandLine(): Promise<number> {
  rememberEnvironment()
  rememberStorageSecrets()
  const words = rawArguments()
  let log = new Log({ verbosity: 3 })
  const signals = watchSignals((text) => log.notice(text))
  try {
    const parsed = parseArguments(words)
    if (parsed.options.has('help')) {
      process.stdout.write(helpText())
      return exitCode.ok
    }
    if (parsed.options.has('version')) {
      process.stdout.write(`coalmine ${version()}\n`)
      return exitCode.ok
    }
    const { action, implied } = decide(parsed)
    const settings = new Settings(parsed, action)
    log = openLog(settings, parsed)
    if (implied)
      log.notice(
        `No action was said: ${action === 'restore' ? 'a URL and a folder restore' : 'a folder and a URL back up'}`,
      )
    return (await dispatch(action, parsed.operands, { settings, log, signal: signals.signal })) ?? exitCode.ok
  } catch (error) {
    const failure = failureOf(signals.signal.aborted ? interruption(signals.name, error) : error, compatOf(words))
    const isOfLines = error instanceof CommandError && error.lines
    log.error(isOfLines ? failure.text : oneLine(failure.text), { code: failure.exitCode, extra: failure.name })
    if (failure.hint !== undefined) log.error(failure.hint, { code: failure.exitCode })
    if (failure.unexpected && error instanceof Error) log.debug(error.stack ?? '')
    return failure.exitCode
  } finally {
    signals.release()
    log.close()
  }
}

/** Whose codes a failure has: also when the command line could not be taken apart. */
function compatOf(words: readonly string[]): Compat {
  return words.includes('--compat=0.8') || words[words.indexOf('--compat') + 1] === '0.8' ? '0.8' : '3'
}

function openLog(settings: Settings, parsed: ParsedArguments): Log {
  const options = {
    verbosity: verbosityOf(parsed.options),
    logFd: settings.integer('log-fd'),
    logFile: settings.path('log-file'),
    timestamps: settings.flag('log-timestamp'),
    outputIsData: settings.flag('json'),
  }
  try {
    return new Log(options)
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new CommandError(exitCode.user, `Cannot write the log file "${String(options.logFile)}": ${reason}`, {
      cause: error,
    })
  }
}

/** The action that was said, or that two arguments imply. */
function decide(parsed: ParsedArguments): { action: ActionName; implied: boolean } {
  const { action, operands } = parsed
  if (action !== undefined) {
    const wanted = actionTable.find((row) => row.name === action)!.arguments
    const names = wanted.split(' ')
    const least = names.filter((name) => !name.startsWith('[')).length
    const most = wanted.endsWith('…') ? Number.POSITIVE_INFINITY : names.length
    if (operands.length >= least && operands.length <= most) {
      checkUrls(action, operands)
      return { action, implied: false }
    }
    throw new UsageError(`Cannot run "${action}" with ${operands.length} arguments: it takes ${wanted}`)
  }
  if (operands.length === 0) throw new UsageError('Cannot run: nothing was said to do')
  const [first, second] = operands
  const shown = operands.map((operand) => `"${displayPath(operand)}"`).join(' ')
  if (operands.length !== 2 || isUrl(first!) === isUrl(second!)) {
    throw new UsageError(`Cannot run ${shown}: this is no action, nor a folder and a URL`)
  }
  return { action: isUrl(first!) ? 'restore' : 'backup', implied: true }
}

function checkUrls(action: ActionName, operands: readonly RawPath[]): void {
  const row = actionTable.find((one) => one.name === action)!
  for (const [index, name] of row.arguments.split(' ').entries()) {
    const operand = operands[index]
    if (operand === undefined) return
    if (name === 'URL' && !isUrl(operand) && !operand.startsWith('file:/')) {
      throw new UsageError(`Cannot run "${action}": "${displayPath(operand)}" is no URL as file:///folder`)
    }
    if ((name === 'SOURCE' || name === 'TARGET') && isUrl(operand)) {
      throw new UsageError(
        `Cannot run "${action}": ${name} has to be a local path, not the URL "${displayPath(operand)}"`,
      )
    }
  }
}

/** Runs the action. What it ends with is 0, unless it says otherwise. */
async function dispatch(action: ActionName, operands: readonly RawPath[], context: Context): Promise<ExitCode | void> {
  switch (action) {
    case 'full':
    case 'incremental':
    case 'backup':
      return (await import('./actions/backup.ts')).backup(operands, context, action)
    case 'restore':
      return (await import('./actions/restore.ts')).restore(operands, context)
    case 'verify':
      return (await import('./actions/verify.ts')).verify(operands, context)
    case 'list-current-files':
      return (await import('./actions/list.ts')).list(operands, context)
    case 'recovery-card':
      return (await import('./actions/recovery-card.ts')).recoveryCard(operands, context)
    case 'keyring':
      return (await import('./actions/keyring.ts')).keyring(operands, context)
    case 'login':
      return (await import('./actions/login.ts')).login(operands, context)
    case 'logout':
      return (await import('./actions/login.ts')).logout(operands, context)
    case 'mf':
      return (await import('./actions/mf.ts')).mf(operands, context)
    case 'passphrase':
      return (await import('./actions/passphrase.ts')).passphrase(operands, context)
    case 'select':
      return (await import('./actions/select.ts')).select(operands, context)
    case 'explain':
      return (await import('./actions/explain.ts')).explain(operands, context)
    case 'collection-status':
      return (await import('./actions/status.ts')).status(operands, context)
    case 'find':
      return (await import('./actions/history.ts')).find(operands, context)
    case 'versions':
      return (await import('./actions/history.ts')).versions(operands, context)
    case 'diff':
      return (await import('./actions/history.ts')).diff(operands, context)
    case 'check':
      return (await import('./actions/check.ts')).check(operands, context)
    case 'cleanup':
      return (await import('./actions/housekeeping.ts')).cleanup(operands, context)
    case 'remove-older-than':
      return (await import('./actions/housekeeping.ts')).removeOlderThan(operands, context)
    case 'remove-all-but-n-full':
      return (await import('./actions/housekeeping.ts')).removeAllBut(operands, context, 'chains')
    case 'remove-all-inc-of-but-n-full':
      return (await import('./actions/housekeeping.ts')).removeAllBut(operands, context, 'increments')
  }
}
