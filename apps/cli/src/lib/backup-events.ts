import type { BackupEvent } from '@coalmine/archiver'
import { displayPath, joinPath, type RawPath } from '@coalmine/bytes'
import { code, type Log, quotePath } from './log.ts'
import type { Progress } from './progress.ts'

/** Says what a backup tells. `root` is the source as it was named. */
export function tellBackup(event: BackupEvent, root: RawPath, log: Log, progress: Progress | undefined): void {
  // Of what is not in the backup the real program records the path under which it met it.
  const whole = (path: RawPath) => (path === '' ? root : joinPath(root, path))
  const named = (path: RawPath) => displayPath(whole(path))
  switch (event.type) {
    case 'new':
      return tellChange('A', event.path, code.newFile, log)
    case 'changed':
      return tellChange('M', event.path, code.changedFile, log)
    case 'deleted':
      return tellChange('D', event.path, code.deletedFile, log)
    case 'no-basis':
      return log.warning(`${named(event.path)} is stored whole: what is archived of it is of no use: ${event.message}`)
    case 'again':
      return log.warning(`${event.message}. Beginning again with the original`)
    case 'resumed': {
      const block = event.block === undefined ? '' : `, block ${event.block}`
      return log.notice(`Restarting after volume ${event.volumes}, file ${displayPath(event.path)}${block}`)
    }
    case 'split-file-changed':
      return log.notice(`${named(event.path)} has changed since: going back to the volume in which it begins`)
    case 'socket-skipped':
      return log.info(`Skipping socket ${named(event.path)}`, {
        code: code.socketSkipped,
        extra: quotePath(whole(event.path)),
      })
    case 'unreadable': {
      const what = event.cut ? 'stored only as far as it could be read' : 'left out'
      return log.warning(`Error reading ${named(event.path)}, ${what}: ${event.message}`, {
        code: code.cannotRead,
        extra: quotePath(whole(event.path)),
      })
    }
    case 'unlisted':
      return log.warning(`Error listing directory ${named(event.path)}, stored without content: ${event.message}`, {
        code: code.cannotRead,
        extra: quotePath(whole(event.path)),
      })
    case 'time-before-1970':
      return log.warning(`${named(event.path)} was changed before 1970 by its time stamp: stored as 1970`)
    case 'progress':
      return progress?.update(event.bytes)
  }
}

function tellChange(letter: string, path: RawPath, number: number, log: Log): void {
  if (log.shows('info')) log.info(`${letter} ${displayPath(path)}`, { code: number, extra: quotePath(path) })
}
