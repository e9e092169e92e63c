import { displayPath, rawFromText } from '@coalmine/bytes'

/** Names that begin so are for objects on their way: storages may use them, and never list them. */
export const temporaryPrefix = '.coalmine-tmp-'

const maxKeyBytes = 255

/**
 * Why a text cannot name an object, as the end of a sentence; `undefined` when it can.
 *
 * A key is 1 to 255 bytes of UTF-8 without `/`, NUL, CR and LF; it is not `.` or `..`, and does not begin with
 * `.coalmine-tmp-`. Printable ASCII travels best. CR and LF have become commands in other programs, `/` and `..` paths.
 */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'it is empty'
  if (key === '.' || key === '..') return 'it stands for a folder'
  if (/[/\0\r\n]/.test(key)) return 'it has a slash, a line break or a NUL in it'
  if (/\p{Surrogate}/u.test(key)) return 'it is no proper text'
  if (key.startsWith(temporaryPrefix)) return `names that begin with "${temporaryPrefix}" are reserved`
  const bytes = key.length > maxKeyBytes ? key.length : Buffer.byteLength(key)
  if (bytes > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes`
  return undefined
}

/** A key in quotes, fit for a screen and a line, and not too long for one. */
export function quoteKey(key: string): string {
  const shown = displayPath(rawFromText(key.slice(0, 300)))
  return `"${key === '' ? '' : shown}${key.length > 300 ? '…' : ''}"`
}
