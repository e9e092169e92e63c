/** The real program's exit codes, as far as ours ends with them (and `unbuilt`, its code for what is not implemented). */
export const exitCode = {
  ok: 0,
  generic: 1,
  /** `check` has found damage, a restore has left something out: as `verify` ends when it finds differences. */
  damaged: 1,
  commandLineOld: 2,
  hostMismatch: 3,
  interrupted: 4,
  manifestsDiffer: 5,
  listUnreadable: 7,
  badUrl: 8,
  badArchiveDir: 9,
  restoreTargetExists: 11,
  verifyTargetMissing: 12,
  sourceMissing: 13,
  notUnderRoot: 14,
  badGlob: 15,
  redundantInclude: 16,
  incrementWithoutSignatures: 17,
  notInArchive: 19,
  nothingToRestore: 20,
  hashMismatch: 21,
  notSigned: 22,
  user: 23,
  exception: 30,
  encryption: 31,
  unbuilt: 33,
  tempSpace: 34,
  sourcePathMismatch: 42,
  backend: 50,
  backendDenied: 51,
  backendNotFound: 52,
  backendNoSpace: 53,
  redundantFilter: 70,
  trailingFilter: 71,
  badFilesFrom: 72,
  emptyFilesFrom: 73,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

/** An error that a person can do something about: one sentence and the exit code that goes with it. */
export class CommandError extends Error {
  override readonly name: string
  readonly exitCode: ExitCode
  /** Further fields of the machine log's record. */
  readonly extra: string
  /** The text is of several lines, and nothing in it comes from outside unescaped. */
  readonly lines: boolean
  constructor(
    code: ExitCode,
    message: string,
    options: { cause?: unknown; name?: string; extra?: string; lines?: boolean } = {},
  ) {
    super(message, { cause: options.cause })
    this.exitCode = code
    this.name = options.name ?? 'UserError'
    this.extra = options.extra ?? ''
    this.lines = options.lines ?? false
  }
}

/** A mistake on the command line. 3.x gives 23 for all of them, 0.8 gives 2. */
export class UsageError extends Error {
  override readonly name = 'CommandLineError'
}
