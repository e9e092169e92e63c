/** A record of the machine log (`--log-file`, `--log-fd`). */
export interface LogRecord {
  readonly level: string
  readonly code: number
  /** The rest of the first line; undefined where nothing follows the code, not even a blank. */
  readonly extra: string | undefined
  /** Lines between the first one and the text. */
  readonly data: readonly string[]
  /** Without the dots before its lines. */
  readonly text: string
}

/** Takes a machine log apart. Every record must be whole: a first line, data, text, an empty line. Bytes are latin1. */
export function parseRecords(log: Buffer): LogRecord[] {
  const all = log.toString('latin1')
  if (all !== '' && !all.endsWith('\n\n')) throw new Error(`Cannot read a machine log: it ends with ${quote(all)}`)
  return all.split('\n\n').slice(0, -1).map(parseRecord)
}

function parseRecord(record: string): LogRecord {
  const [first = '', ...rest] = record.split('\n')
  const head = /^(ERROR|WARNING|NOTICE|INFO|DEBUG) (\d+)(?: (.*))?$/.exec(first)
  if (head === null) throw new Error(`Cannot read a machine log: a record begins with ${quote(first)}`)
  const data = rest.filter((line) => !line.startsWith('. '))
  if (data.length < rest.length && rest.slice(0, data.length).some((line, at) => line !== data[at])) {
    throw new Error(`Cannot read a machine log: data among the text of ${quote(record)}`)
  }
  const text = rest.slice(data.length).map((line) => line.slice(2))
  return { level: head[1]!, code: Number(head[2]), extra: head[3], data, text: text.join('\n') }
}

/** A record on one line, for differences. */
export function showRecord({ level, code, extra, data, text }: LogRecord): string {
  const first = `${level} ${code}${extra === undefined ? '' : ` ${extra}`}`
  return JSON.stringify([first, ...data, `. ${text}`].join(' | ')).slice(1, -1)
}

function quote(text: string): string {
  return JSON.stringify(text.slice(-300))
}
