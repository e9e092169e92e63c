import type { RawPath } from '@coalmine/bytes'
import { displayUrl } from '@coalmine/storage'
import { UsageError } from './exit-codes.ts'
import { urlText } from './open-storage.ts'
import { isUrl } from './source.ts'
import type { Settings } from './settings.ts'

/**
 * The name under which a passphrase is kept: that of `--name`, else the URL as it was typed, without the password in it
 * and without slashes at its end.
 */
export function accountOf(operand: RawPath, settings: Pick<Settings, 'text'>): string {
  const name = settings.text('name')
  if (name !== undefined) return name
  if (operand === '') throw new UsageError('Cannot use the keyring for "": it is neither a URL nor a name')
  const text = urlText(operand)
  if (!isUrl(operand)) return text
  const shown = displayUrl(text).replace(':***@', '@')
  return shown.replace(/(?<=[^/])\/+$/, (slashes, at: number) => (shown[at - 1] === ':' ? slashes : ''))
}
