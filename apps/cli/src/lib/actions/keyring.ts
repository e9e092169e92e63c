import { displayPath, type RawPath, rawFromText } from '@coalmine/bytes'
import { CommandError, exitCode, UsageError } from '../exit-codes.ts'
import { forgetInKeyring, keepInKeyring } from '../keyring.ts'
import { accountOf } from '../keyring-account.ts'
import { textOf } from '../parse-arguments.ts'
import { findPassphrase } from '../passphrase.ts'
import type { Context } from '../session.ts'

/** `keyring set|forget`: puts the passphrase of an archive into the system's keyring, or takes it out. */
export async function keyring([verb, operand]: readonly RawPath[], context: Context): Promise<void> {
  const { settings, log, signal } = context
  if (verb !== 'set' && verb !== 'forget') {
    throw new UsageError(`Cannot run "keyring ${textOf(verb!)}": it is set or forget`)
  }
  const account = accountOf(operand!, settings)
  const shown = displayPath(rawFromText(account))
  if (verb === 'forget') {
    if (await forgetInKeyring(account, { signal })) return log.notice(`The keyring has forgotten "${shown}"`)
    throw new CommandError(exitCode.user, `Cannot remove "${shown}" from the keyring: it is not in it`)
  }
  // Not from PASSPHRASE: what is meant for another archive is easily set there.
  const { bytes } = await findPassphrase({
    file: settings.path('passphrase-file'),
    command: settings.text('passphrase-command'),
    environment: false,
    confirm: true,
    fromInput: true,
    signal,
  })
  await keepInKeyring(account, bytes, { signal })
  log.notice(`The keyring has the passphrase of "${shown}": --keyring takes it from there`)
}
