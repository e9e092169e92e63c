import type { RawPath } from '@coalmine/bytes'
import { readData, sampleOf } from '../read-data.ts'
import type { CheckedSet, CheckReport, Finding } from '@coalmine/repository'
import { formatPretty } from '@coalmine/volume-format'
import { type ExitCode, exitCode } from '../exit-codes.ts'
import { jsonLine } from '../json.ts'
import type { Log } from '../log.ts'
import { type Context, Session } from '../session.ts'
import { oneLine } from '../visible.ts'
import { counted } from '../counted.ts'

/**
 * `check`: compares the storage with manifests and ledger, and with `--read-data` reads the volumes. Ends with 1 when something
 * is damaged or lost.
 */
export async function check([url]: readonly RawPath[], context: Context): Promise<ExitCode> {
  const { settings, log } = context
  const accepts = settings.flag('accept')
  const sample = sampleOf(settings)
  const session = await Session.open(url!, context, { write: false, lock: accepts || settings.flag('read-data') })
  try {
    await session.collect(context, { tellsLosses: false })
    const report = await session.repository.check()
    if (settings.flag('json')) log.data(reportLines(report))
    else tellReport(report, log)
    let isDamaged = report.findings.some(({ damage }) => damage)
    if (settings.flag('read-data')) isDamaged = (await readData(session, sample, context)) > 0 || isDamaged
    if (!accepts) return isDamaged ? exitCode.damaged : exitCode.ok
    const count = await session.repository.accept()
    log.notice(`Accepted: ${count} objects are no longer expected as they were`)
    const left = (await session.repository.check()).findings.filter(({ damage }) => damage)
    return left.length > 0 ? exitCode.damaged : exitCode.ok
  } finally {
    await session.close()
  }
}

function tellReport({ sets, findings }: CheckReport, log: Log): void {
  for (const finding of findings) tellFinding(finding, log)
  for (const { seconds, known } of sets) {
    if (known === 'ledger') continue
    const what = known === 'presence' ? 'presence only' : 'some objects by presence only'
    log.always('notice', `Backup of ${formatPretty(seconds)}: ${what}, this machine does not know what was stored`)
  }
  log.always('notice', sumOf(sets, findings))
}

function tellFinding({ damage, message, setSeconds }: Finding, log: Log): void {
  const when = setSeconds === undefined ? '' : ` (backup of ${formatPretty(setSeconds)})`
  if (damage) log.warning(`Damaged: ${oneLine(message)}${when}`)
  else log.always('notice', `Note: ${oneLine(message)}${when}`)
}

function sumOf(sets: readonly CheckedSet[], findings: readonly Finding[]): string {
  const sound = sets.filter(({ known, damaged }) => known === 'ledger' && !damaged).length
  const damages = findings.filter(({ damage }) => damage).length
  const what = damages === 0 ? 'no damage found' : `${counted(damages, 'damage')} found`
  return `Checked without reading volumes: ${counted(sets.length, 'backup')}, ${sound} of them as they were stored; ${what}.`
}

function reportLines({ sets, findings }: CheckReport): string {
  return [
    ...findings.map((finding) => jsonLine({ type: 'finding', ...finding })),
    ...sets.map(({ type, ...set }) => jsonLine({ type: 'set', setType: type, ...set })),
  ].join('')
}
