import { constants } from 'node:os'
import { CommandError, exitCode, type ExitCode } from './exit-codes.ts'

type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface Signals {
  readonly signal: AbortSignal
  /** Which one came. */
  readonly name: SignalName
  release(): void
}

/**
 * Makes the first SIGINT, SIGTERM or SIGHUP an orderly end: what is running is stopped, an unfinished set is left
 * as the next run can go on with it.
 * The second one ends the process at once.
 */
export function watchSignals(say: (text: string) => void): Signals {
  const controller = new AbortController()
  const names: readonly SignalName[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  let came: SignalName = 'SIGINT'
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(codeOf(came))
    came = name as SignalName
    say('Stopping. Once more stops at once')
    controller.abort(new Error(`Interrupted by ${name}`))
  }
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    get name() {
      return came
    },
    release: () => names.forEach((name) => process.off(name, onSignal)),
  }
}

/** The error that an interrupted run ends with. */
export function interruption(name: SignalName, cause: unknown): CommandError {
  return new CommandError(codeOf(name) as ExitCode, `Interrupted by ${name}`, { cause, name: 'KeyboardInterrupt' })
}

/** The real program's 4 for SIGINT; for the others what a shell would see. */
function codeOf(name: SignalName): number {
  return name === 'SIGINT' ? exitCode.interrupted : 128 + constants.signals[name]
}
