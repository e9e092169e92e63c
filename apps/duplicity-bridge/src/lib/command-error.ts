/** A command line that cannot be understood, or a wish that cannot be fulfilled: a sentence, and the code to end with. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.exitCode = options.exitCode ?? 1
  }
}

/** @throws CommandError with code 2. */
export function usageError(message: string): CommandError {
  return new CommandError(message, { exitCode: 2 })
}
