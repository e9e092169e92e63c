import { displayPath, type RawPath } from '@coalmine/bytes'

/**
 * What is wrong with an archive: `truncated` (it ends inside a member), `corrupt` (it breaks the format), `too-large`
 * (it is beyond a limit, or a number is beyond what can be counted exactly), `unsupported` (the reader lacks it).
 */
export type TarErrorCode = 'truncated' | 'corrupt' | 'too-large' | 'unsupported'

/** An archive that cannot be read. The same archive fails in the same way every time. */
export class TarError extends Error {
  override readonly name = 'TarError'
  readonly code: TarErrorCode
  /** Where in the archive, in bytes: the start of the header block that is concerned. */
  readonly offset: number

  constructor(code: TarErrorCode, message: string, offset: number) {
    super(message)
    this.code = code
    this.offset = offset
  }
}

const shownChars = 200

/** A member's name for a sentence: readable, and short even when the archive says otherwise. */
export function quoteName(name: string): string {
  const shown = displayPath(name.slice(0, shownChars) as RawPath)
  return name.length > shownChars ? `"${shown}…"` : `"${shown}"`
}
