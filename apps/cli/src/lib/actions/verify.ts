import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { displayPath, type RawPath, rawToBytes } from '@coalmine/bytes'
import { createTreeWriter, ownerNames } from '@coalmine/filetree'
import { type Difference, type Permissions, verify as verifySets } from '@coalmine/restorer'
import { formatPretty } from '@coalmine/volume-format'
import { chooseFiles, openSource } from '../choice.ts'
import { CommandError, type ExitCode, exitCode } from '../exit-codes.ts'
import { code, type Log, quotePath } from '../log.ts'
import { type Context, localPath, Session } from '../session.ts'
import { canonicalSource } from '../source.ts'
import { chooseSets, kindName } from './restore.ts'

/** `verify`: compares the state at a time with a folder or a file. Ends with 1 when they differ. */
export async function verify([url, operand]: readonly RawPath[], context: Context): Promise<ExitCode> {
  const { settings, log, signal } = context
  const local = localPath(operand!)
  if (lstatSync(rawToBytes(local), { throwIfNoEntry: false }) === undefined) {
    const message = `Cannot verify against "${displayPath(local)}": it does not exist`
    throw new CommandError(exitCode.verifyTargetMissing, message)
  }
  // What is chosen is what is looked at here: of the archive everything is.
  const choice = await chooseFiles(canonicalSource(local), rawToBytes(local), settings)
  const session = await Session.open(url!, context, { write: false })
  try {
    const collection = await session.collect(context)
    const { sets } = chooseSets(collection, settings.time('restore-time') ?? settings.nowSeconds, 'verify')
    const scratch = createTreeWriter(join(settings.tempDir, 'none'), { ownership: 'none', onProblem: () => undefined })
    const opened = await openSource(rawToBytes(local), choice, signal)
    try {
      const { compared, differences } = await verifySets({
        repository: session.repository,
        sets,
        path: (settings.raw('path-to-restore') ?? '').replace(/^\/+|\/+$/g, '') as RawPath,
        tree: opened.tree,
        data: settings.flag('compare-data'),
        owners: settings.flag('numeric-owner') ? undefined : ownerNames(),
        // Above the target of this writer is the folder for temporary files; nothing is ever written below it.
        scratch: () => scratch.scratch('' as RawPath),
        signal,
        onDifference: (path, difference) => tell(path, difference, log),
        onEvent(event) {
          if (event.type !== 'volume') return
          const extra = `${event.done} ${event.total}`
          log.info(`Processed volume ${event.done} of ${event.total}`, { code: code.progress, extra })
        },
      })
      const count = (number: number, noun: string) =>
        settings.compat === '0.8' ? `${number} ${noun}${number === 1 ? '' : 's'}` : `${number} ${noun}(s)`
      log.notice(`Verify complete: ${count(compared, 'file')} compared, ${count(differences, 'difference')} found.`)
      return differences === 0 ? exitCode.ok : exitCode.generic
    } finally {
      await opened.close()
      scratch.close()
    }
  } finally {
    await session.close()
  }
}

function tell(path: RawPath, difference: Difference, log: Log): void {
  const name = path === '' ? '.' : displayPath(path)
  if (difference.what === 'unreadable') {
    const extra = quotePath(path)
    return log.warning(`Error comparing ${name}: ${difference.message}`, { code: code.cannotProcess, extra })
  }
  log.notice(`Difference found: ${sentence(name, difference)}`)
}

function sentence(name: string, difference: Exclude<Difference, { what: 'unreadable' }>): string {
  switch (difference.what) {
    case 'new':
      return `New file ${name}`
    case 'missing':
      return `File ${name} is missing`
    case 'kind':
      return `File ${name} has type ${kindName(difference.found)}, expected ${kindName(difference.expected)}`
    case 'permissions':
      return `File ${name} has permissions ${permissions(difference.found)}, expected ${permissions(difference.expected)}`
    case 'mtime':
      return `File ${name} has mtime ${formatPretty(difference.found)}, expected ${formatPretty(difference.expected)}`
    case 'link':
      return `Symlink ${name} points to ${displayPath(difference.found as RawPath)}, expected ${displayPath(difference.expected as RawPath)}`
    case 'device':
      return `Device file ${name} has numbers (${difference.found.join(', ')}), expected (${difference.expected.join(', ')})`
    default:
      return `Data for file ${name} is different`
  }
}

function permissions({ uid, gid, mode }: Permissions): string {
  return `${uid}:${gid} ${mode.toString(8)}`
}
