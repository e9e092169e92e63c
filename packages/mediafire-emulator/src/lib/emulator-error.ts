/** Why the emulator could not do what it was asked by its own user (never: what an API call answered). */
export type EmulatorErrorCode = 'bad-option' | 'in-use' | 'damaged' | 'cannot-listen'

/** An error of the emulator itself. What API calls fail with is in their answers. */
export class EmulatorError extends Error {
  readonly code: EmulatorErrorCode

  constructor(code: EmulatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EmulatorError'
    this.code = code
  }
}
