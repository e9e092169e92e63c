import { CommandError, exitCode, UsageError } from './exit-codes.ts'
import type { Compat } from './settings.ts'

/** How a failed run ends. */
export interface Failure {
  readonly exitCode: number
  readonly text: string
  /** The class, or whatever else programs that read the log expect in the first line of the record. */
  readonly name: string
  readonly hint?: string
  /** Nobody thought of this one. */
  readonly unexpected: boolean
}

type Codes = Readonly<Record<string, number>>

// By class and code, so that no package has to be loaded just to name its errors.
const byClass: Readonly<Record<string, { readonly codes: Codes; readonly other: number }>> = {
  StorageError: {
    codes: {
      denied: exitCode.backendDenied,
      'not-found': exitCode.backendNotFound,
      'no-space': exitCode.backendNoSpace,
      'unknown-scheme': exitCode.user,
      'invalid-url': exitCode.badUrl,
    },
    other: exitCode.backend,
  },
  MediaFireError: {
    codes: {
      credentials: exitCode.backendDenied,
      application: exitCode.backendDenied,
      locked: exitCode.backendDenied,
      unverified: exitCode.backendDenied,
      terms: exitCode.backendDenied,
      denied: exitCode.backendDenied,
      'not-found': exitCode.backendNotFound,
      'storage-full': exitCode.backendNoSpace,
      invalid: exitCode.user,
      exists: exitCode.user,
      duplicates: exitCode.user,
      mismatch: exitCode.hashMismatch,
    },
    other: exitCode.backend,
  },
  RepositoryError: {
    codes: {
      'hash-mismatch': exitCode.hashMismatch,
      'wrong-passphrase': exitCode.encryption,
      'no-key': exitCode.encryption,
      'bad-signature': exitCode.encryption,
      'not-signed': exitCode.notSigned,
      locked: exitCode.user,
      exists: exitCode.user,
      'head-moved': exitCode.user,
      disturbed: exitCode.user,
      'no-space': exitCode.tempSpace,
      unreadable: exitCode.generic,
      'copies-differ': exitCode.manifestsDiffer,
      denied: exitCode.badArchiveDir,
    },
    other: exitCode.exception,
  },
  RestoreError: {
    codes: { 'path-not-found': exitCode.notInArchive, unsupported: exitCode.unbuilt },
    other: exitCode.exception,
  },
  OpenPgpError: { codes: { 'not-signed': exitCode.notSigned }, other: exitCode.encryption },
  FormatError: { codes: {}, other: exitCode.exception },
  FileTreeError: { codes: {}, other: exitCode.generic },
}

/** Of what the rules for choosing files can be wrong. A mistake in the words of an option counts as any other. */
const selectionCodes: Codes = {
  'not-under-root': exitCode.notUnderRoot,
  'double-slash': exitCode.badGlob,
  'redundant-include': exitCode.redundantInclude,
  'bad-range': exitCode.exception,
  'bad-regexp': exitCode.exception,
  'unsupported-regexp': exitCode.unbuilt,
  'redundant-filter': exitCode.redundantFilter,
  'trailing-filter': exitCode.trailingFilter,
  'absolute-files-from': exitCode.badFilesFrom,
  'unsafe-files-from': exitCode.badFilesFrom,
  'empty-files-from': exitCode.emptyFilesFrom,
}

function selectionCode(code: string, compat: Compat): number {
  if (compat === '3') return selectionCodes[code] ?? exitCode.user
  return selectionCodes[code] ?? (code === 'empty-pattern' ? exitCode.exception : exitCode.commandLineOld)
}

const hints = new WeakMap<Error, string>()

/** The error, and what whoever meets it can do: a sentence that is said after it. */
export function withHint(error: unknown, hint: string): unknown {
  if (error instanceof Error) hints.set(error, hint)
  return error
}

/** What to say and which code to end with. */
export function failureOf(error: unknown, compat: Compat): Failure {
  // What asks for a passphrase may fail while an object is read: that is then no failure of the object.
  if (error instanceof Error && (error.cause instanceof CommandError || error.cause instanceof UsageError)) {
    return failureOf(error.cause, compat)
  }
  if (error instanceof UsageError) {
    return {
      exitCode: compat === '0.8' ? exitCode.commandLineOld : exitCode.user,
      text: error.message,
      name: error.name,
      hint: 'Run "coalmine --help" for what can be said',
      unexpected: false,
    }
  }
  if (error instanceof CommandError) {
    const { exitCode: number, message: text, name, extra } = error
    return { exitCode: number, text, name: extra || name, hint: hints.get(error), unexpected: false }
  }
  if (!(error instanceof Error)) {
    return { exitCode: exitCode.exception, text: String(error), name: 'Error', unexpected: true }
  }
  const known = byClass[error.name]
  if (error.name === 'SelectionError' && 'code' in error) {
    const number = selectionCode(String(error.code), compat)
    return { exitCode: number, text: error.message, name: error.name, unexpected: false }
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const number = known === undefined ? exitCode.exception : (known.codes[code] ?? known.other)
  const hint = hints.get(error)
  return { exitCode: number, text: error.message, name: error.name, hint, unexpected: known === undefined }
}
