import type { BackupStatistics } from '@coalmine/archiver'
import { type RawPath, rawToBytes } from '@coalmine/bytes'
import type { ChainHead } from '@coalmine/repository'
import { type BackupSet, formatName, formatTime, type Prefixes } from '@coalmine/volume-format'
import { jsonPage } from './json.ts'
import type { StatisticsFrame } from './statistics-text.ts'

export interface StatisticsMeta {
  /** The chain that the set continues; of a full set there is none. */
  readonly head: ChainHead | undefined
  /** When a full set was made. */
  readonly timeSeconds: number
  /** Nothing had changed, so there is no set. */
  readonly skipped: boolean
  readonly concurrency: number
  /** Where it is stored, without secrets. */
  readonly target: string
  readonly source: RawPath
  readonly prefixes: Prefixes
}

/** Statistics for programs: what the real program stores beside a set with `--jsonstat`, member for member. */
export function statisticsJson(statistics: BackupStatistics, frame: StatisticsFrame, meta: StatisticsMeta): string {
  const { startMs, endMs } = frame
  const sets = meta.head?.chain.sets ?? []
  const fullSeconds = sets[0]?.startSeconds ?? meta.timeSeconds
  return jsonPage({
    Filename: null,
    StartTime: startMs / 1000,
    EndTime: endMs / 1000,
    ElapsedTime: (endMs - startMs) / 1000,
    Errors: statistics.errors,
    TotalDestinationSizeChange: frame.destinationBytes,
    SourceFiles: statistics.sourceFiles,
    SourceFileSize: statistics.sourceFileSize,
    NewFiles: statistics.newFiles,
    NewFileSize: statistics.newFileSize,
    DeletedFiles: statistics.deletedFiles,
    ChangedFiles: statistics.changedFiles,
    ChangedFileSize: statistics.changedFileSize,
    ChangedDeltaSize: 0,
    DeltaEntries: statistics.deltaEntries,
    RawDeltaSize: statistics.rawDeltaSize,
    StartTime_str: formatTime(Math.floor(startMs / 1000)),
    EndTime_str: formatTime(Math.floor(endMs / 1000)),
    backup_meta: {
      action: meta.head === undefined ? 'full' : 'inc',
      skipped_inc: meta.skipped,
      time_full_bkp: fullSeconds,
      time_full_bkp_str: formatTime(fullSeconds),
      no_of_inc: Math.max(0, sets.length - 1),
      concurrency: meta.concurrency,
      target: meta.target,
      source: rawToBytes(meta.source).toString('utf8'),
      local_json_stat: sets.length === 0 ? ['N/A'] : sets.map((set) => nameOf(set, meta.prefixes)),
    },
  })
}

function nameOf({ times, statistics }: BackupSet, prefixes: Prefixes): string {
  if (statistics === undefined) return 'N/A'
  return formatName({ object: 'statistics', set: times, suffix: '.gz' }, { prefixes })
}
