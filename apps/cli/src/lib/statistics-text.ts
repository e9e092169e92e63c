import type { BackupStatistics } from '@coalmine/archiver'
import { formatPretty } from '@coalmine/volume-format'

export interface StatisticsFrame {
  readonly startMs: number
  readonly endMs: number
  /** Stored bytes of the volumes. */
  readonly destinationBytes: number
}

/** The block of statistics at the end of a backup, as the real program prints it. */
export function formatStatistics(statistics: BackupStatistics, frame: StatisticsFrame): string {
  const elapsed = (frame.endMs - frame.startMs) / 1000
  const rows: [string, string][] = [
    ['StartTime', timeText(frame.startMs)],
    ['EndTime', timeText(frame.endMs)],
    ['ElapsedTime', `${elapsed.toFixed(2)} (${durationText(elapsed)})`],
    ['SourceFiles', String(statistics.sourceFiles)],
    ['SourceFileSize', sizeText(statistics.sourceFileSize)],
    ['NewFiles', String(statistics.newFiles)],
    ['NewFileSize', sizeText(statistics.newFileSize)],
    ['DeletedFiles', String(statistics.deletedFiles)],
    ['ChangedFiles', String(statistics.changedFiles)],
    ['ChangedFileSize', sizeText(statistics.changedFileSize)],
    ['ChangedDeltaSize', sizeText(0)],
    ['DeltaEntries', String(statistics.deltaEntries)],
    ['RawDeltaSize', sizeText(statistics.rawDeltaSize)],
    ['TotalDestinationSizeChange', sizeText(frame.destinationBytes)],
    ['Errors', String(statistics.errors)],
  ]
  const lines = rows.map(([name, value]) => `${name} ${value}`)
  return ['--------------[ Backup Statistics ]--------------', ...lines, '-'.repeat(49), ''].join('\n')
}

function timeText(ms: number): string {
  return `${(ms / 1000).toFixed(2)} (${formatPretty(ms / 1000)})`
}

/** `1 hour 2 minutes 3.45 seconds`; parts that are zero are left out. */
export function durationText(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = seconds - hours * 3600 - minutes * 60
  const parts: string[] = []
  if (hours > 0) parts.push(hours === 1 ? '1 hour' : `${hours} hours`)
  if (minutes > 0) parts.push(minutes === 1 ? '1 minute' : `${minutes} minutes`)
  const shown = rest.toFixed(2)
  if (rest === 1) parts.push('1 second')
  else if (parts.length === 0 || rest > 0) parts.push(`${shown} seconds`)
  return parts.join(' ')
}

function sizeText(bytes: number): string {
  return `${bytes} (${byteText(bytes)})`
}

/** Three significant digits and a unit, by 1024: `4.92 MB`, `1 byte`. */
export function byteText(bytes: number): string {
  const units = ['KB', 'MB', 'GB', 'TB']
  for (let at = units.length - 1; at >= 0; at--) {
    const unit = 1024 ** (at + 1)
    if (bytes < unit) continue
    const value = bytes / unit
    const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
    return `${value.toFixed(digits)} ${units[at]!}`
  }
  return bytes === 1 ? '1 byte' : `${bytes} bytes`
}
