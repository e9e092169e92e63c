import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { displayPath, type RawPath } from '@coalmine/bytes'
import { createTreeWriter } from '@coalmine/filetree'
import { checkData, type CheckDataOptions, type DataFinding } from '@coalmine/restorer'
import { formatPretty } from '@coalmine/volume-format'
import { UsageError } from './exit-codes.ts'
import { jsonLine, nameFields } from './json.ts'
import type { Log } from './log.ts'
import type { Context, Session } from './session.ts'
import type { Settings } from './settings.ts'
import { oneLine } from './visible.ts'
import { counted } from './counted.ts'

type Sample = NonNullable<CheckDataOptions['sample']>

/** The sample that `--read-data=N%` asks for, or `N%@SEED`. */
export function sampleOf(settings: Settings): Sample | undefined {
  const text = settings.text('read-data')
  if (text === undefined) return undefined
  const match = /^(\d{1,3}(?:\.\d{1,6})?)%(?:@(\w{1,64}))?$/.exec(text)
  const share = Number(match?.[1]) / 100
  if (match === null || !(share > 0 && share <= 1)) {
    throw new UsageError(`Cannot take "--read-data=${text}": it may be a share as 5%, or 5%@SEED`)
  }
  return { share, seed: match[2] ?? randomBytes(4).toString('hex') }
}

/** Reads all data of a session's repository, or a sample; returns how much was found wrong. */
export async function readData(session: Session, sample: Sample | undefined, context: Context): Promise<number> {
  const { settings, log, signal } = context
  const scratch = createTreeWriter(join(settings.tempDir, 'none'), { ownership: 'none', onProblem: () => undefined })
  if (sample !== undefined) {
    const again = `--read-data=${sample.share * 100}%@${sample.seed}`
    log.notice(`Reading ${sample.share * 100} of a hundred volumes; "${again}" reads the same ones again`)
  }
  try {
    const summary = await checkData({
      repository: session.repository,
      // Above the target of this writer is the folder for temporary files; nothing is ever written below it.
      scratch: () => scratch.scratch('' as RawPath),
      ...(sample === undefined ? {} : { sample }),
      signal,
      onFinding: (finding) => (settings.flag('json') ? log.data(lineOf(finding)) : tell(finding, log)),
      onVolume: (key) => log.info(`Checked ${oneLine(key)}`),
    })
    const { volumes, bytes, intactSeconds, findings } = summary
    if (settings.flag('json')) log.data(jsonLine({ type: 'data', ...summary, ...(sample && { sample }) }))
    const what = findings === 0 ? 'nothing wrong' : `${findings} things wrong`
    log.notice(`Read ${counted(volumes, 'volume')} of ${counted(bytes, 'byte')}: ${what}.`)
    if (sample === undefined && findings > 0) {
      const times = intactSeconds.map((seconds) => `\n\t${formatPretty(seconds)}`)
      log.notice(`Backups that can be restored whole:${times.length === 0 ? ' none' : times.join('')}`)
    }
    return findings
  } finally {
    scratch.close()
  }
}

function tell(finding: DataFinding, log: Log): void {
  if (finding.type === 'object') return log.warning(`Damaged: ${oneLine(finding.key)}: ${oneLine(finding.message)}`)
  const path = displayPath(finding.path)
  if (finding.type === 'signature') {
    const time = formatPretty(finding.setSeconds)
    return log.warning(
      `Damaged: signatures of the backup of ${time} disagree about ${path}: ${oneLine(finding.message)}`,
    )
  }
  const { lostSeconds, intactSeconds, message } = finding
  const last = intactSeconds.at(-1)
  const left =
    last === undefined ? 'no state of it can be restored' : `its state of ${formatPretty(last)} can be restored`
  log.warning(
    `Lost: ${path}, in ${counted(lostSeconds.length, 'backup')} from ${formatPretty(lostSeconds[0]!)} on (${left}): ${oneLine(message)}`,
  )
}

function lineOf(finding: DataFinding): string {
  if (finding.type === 'object') return jsonLine({ ...finding, type: 'object' })
  const { path, ...rest } = finding
  return jsonLine({ ...rest, ...nameFields('path', path) })
}
