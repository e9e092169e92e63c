import type { Snapshot } from '@coalmine/fixtures'
import type { LogRecord } from './records.ts'

// Everything that a comparison with the real program's output leaves out or makes equal is a rule in this file, with
// the reason why that is fair. The tests count for each rule and each kind of output whether a comparison would have
// failed without it, and a rule that nothing needs fails: what is made equal here really differs.

/** What a run of either program said. */
export interface Output {
  /** Of standard output. */
  readonly lines: readonly string[]
  readonly records: readonly LogRecord[]
}

export type Kind =
  | 'status'
  | 'list'
  | 'housekeeping'
  | 'verify'
  | 'nasty list'
  | 'full'
  | 'full -v5'
  | 'dry-run full'
  | 'restore -v5'
  | 'dry-run restore'
  | 'incremental'
  | 'incremental -v5'
  | 'dry-run incremental'

export interface Side {
  readonly program: 'theirs' | 'ours'
  /** What the source was called on the command line, and what is in it. */
  readonly source: string
  readonly tree: Snapshot
}

export interface Rule {
  readonly name: string
  readonly reason: string
  readonly of: readonly Kind[]
  readonly apply: (output: Output, side: Side) => Output
}

export const rules: readonly Rule[] = [
  {
    name: 'archive dir',
    reason: 'each program has an archive dir of its own here, so that neither finds what the other left there',
    of: ['status', 'full -v5', 'restore -v5', 'incremental -v5'],
    apply: (output) =>
      eachText(output, (text) => text.replaceAll(/^(Archive dir|Using archive dir): \/.*$/gm, '$1: …')),
  },
  {
    name: 'what a restore would read',
    reason: 'ours says in a dry run how much it would read, too',
    of: ['dry-run restore'],
    apply: (output, { program }) => {
      if (program === 'theirs') return output
      return withoutTexts(output, ['\\d+ volumes? of \\d+ bytes, from \\d+ of \\d+ backups?'])
    },
  },
  {
    name: 'synchronising',
    reason:
      'the real program first makes its cache like the storage, and says so, with warnings about what the cache then holds; ours reads from the storage what the cache does not have',
    of: [
      'list',
      'nasty list',
      'housekeeping',
      'verify',
      'full',
      'full -v5',
      'dry-run full',
      'restore -v5',
      'dry-run restore',
      'incremental',
      'incremental -v5',
      'dry-run incremental',
    ],
    apply: (output, { program }) => {
      if (program === 'ours') return output
      return withoutTexts(output, [
        'Local and Remote metadata are synchronized, no sync needed\\.',
        'Synchronizing remote metadata to local cache\\.\\.\\.',
        'Copying duplicity-\\S+ to local cache\\.',
        'Sync would copy the following from remote to local:(?:\\nduplicity-\\S+)*',
        'Warning, found the following local orphaned signature file(?:s|\\(s\\))?:(?:\\nduplicity-\\S+)*',
      ])
    },
  },
  {
    name: 'what does not fit',
    reason:
      'the real program looks at the storage before and after it has synchronised and warns each time; ours looks and warns once, after the line about the last full backup',
    of: ['status', 'list', 'housekeeping'],
    apply: (output) => {
      const isWarning = ({ level, code }: LogRecord) => level === 'WARNING' && code <= 6
      const once = new Map(output.records.filter(isWarning).map((one) => [one.text, one]))
      const { lines } = withoutTexts(output, [...once.keys()].map(literally))
      return {
        lines: [...[...once.keys()].flatMap((text) => text.split('\n')), ...lines],
        records: [...once.values(), ...output.records.filter((one) => !isWarning(one))],
      }
    },
  },
  {
    name: 'own name',
    reason: 'each program tells how it is run again by its own name',
    of: ['housekeeping'],
    apply: (output) => eachText(output, (text) => text.replaceAll(/^Run (coalmine|duplicity) again/gm, 'Run … again')),
  },
  {
    name: 'a name of two lines',
    reason: 'in messages about single files our names are escaped, so that no name can look like a message of its own',
    of: ['verify'],
    apply: (output) => {
      const joined = (text: string) => text.replaceAll('new\nline', 'new\\nline')
      const lines = joined(output.lines.join('\n')).split('\n')
      return { lines, records: output.records.map((one) => ({ ...one, text: joined(one.text) })) }
    },
  },
  {
    name: 'link targets',
    reason: 'the real program prints the targets of links as Python shows bytes',
    of: ['verify'],
    apply: (output) =>
      eachText(output, (text) =>
        text.replaceAll(/^(Difference found: Symlink .* points to )b'(.*)', expected b'(.*)'$/gm, '$1$2, expected $3'),
      ),
  },
  {
    name: 'order of names',
    reason: 'the real program lists what it would delete in the order of a set of Python; ours sorts',
    of: ['housekeeping'],
    apply: (output) => {
      const sorted = (text: string) =>
        text.replaceAll(/(?:^duplicity-\S+\n?)+$/gm, (names) => names.trimEnd().split('\n').sort().join('\n'))
      const lines = sorted(output.lines.join('\n')).split('\n')
      return { lines, records: output.records.map((one) => ({ ...one, text: sorted(one.text) })) }
    },
  },
  {
    name: 'clock',
    reason: 'when the two ran, and how long',
    of: ['full', 'full -v5', 'dry-run full', 'incremental', 'incremental -v5', 'dry-run incremental'],
    apply: (output) =>
      eachText(output, (text) =>
        text
          .replaceAll(/^(StartTime|EndTime) \d+\.\d\d \(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\)$/gm, '$1 …')
          .replaceAll(/^ElapsedTime (\d+\.\d\d) \(\1 seconds\)$/gm, 'ElapsedTime …'),
      ),
  },
  {
    name: 'stored size',
    reason: 'the two compress with different programs and levels, so volumes are of different sizes',
    of: ['full', 'full -v5', 'incremental', 'incremental -v5'],
    apply: (output) =>
      eachText(output, (text) =>
        text.replaceAll(/^TotalDestinationSizeChange [1-9]\d+ \(.*\)$/gm, 'TotalDestinationSizeChange …'),
      ),
  },
  {
    name: 'sockets in between',
    reason:
      'the real program looks ahead in the source before it tells of what is gone there: sockets are told of a little earlier',
    of: ['incremental -v5'],
    apply: ({ lines, records }) => {
      const isSocket = ({ level, code }: LogRecord) => level === 'INFO' && code === 15
      return { lines, records: [...records.filter(isSocket), ...records.filter((one) => !isSocket(one))] }
    },
  },
  {
    name: 'size of differences',
    reason:
      'each program finds what a file has in common with the one before in its own way; the test that makes them compares the sizes',
    of: ['incremental', 'incremental -v5'],
    apply: (output) =>
      eachText(output, (text) => text.replaceAll(/^RawDeltaSize [1-9]\d+ \(.*\)$/gm, 'RawDeltaSize …')),
  },
  {
    name: 'counted twice',
    reason:
      'in a dry run the real program counts every regular file that is new or changed twice as a source file; ours counts it once',
    of: ['dry-run full', 'dry-run incremental'],
    apply: (output, { program, tree }) => {
      if (program === 'ours') return output
      const files = [...tree.values()].filter(({ kind }) => kind === 'file').length
      const once = (_: string, count: string) => `SourceFiles ${Number(count) - files}`
      return eachText(output, (text) => text.replaceAll(/^SourceFiles (\d+)$/gm, once))
    },
  },
  {
    name: 'how the real program is built',
    reason:
      'at -v5 it tells of its modules, temporary files, scheduler, machine and Python; generic records that no front end reads',
    of: ['full -v5', 'restore -v5', 'incremental -v5'],
    apply: (output, { program }) => {
      if (program === 'ours') return output
      return withoutTexts(output, [
        'Using backup name: \\S+',
        'Main action: \\w+',
        'GPG binary is .*',
        'Import of duplicity\\.backends\\.\\w+ (?:Succeeded|Failed.*)',
        '=+',
        'duplicity \\d\\S*',
        'Args: .*',
        'Linux .*',
        '/usr/bin/python3.*',
        'Using temporary directory .*',
        'Temp has [\\d,]+ available, backup will use approx [\\d,]+\\.',
        'AsyncScheduler: instantiating at concurrency 0',
        'Deleting /.*',
        'Processing remote (?:manifest|file) \\S+ \\(\\d+\\)',
        'Processing local manifest .* \\(\\d+\\)',
        'Found \\d+ volumes in manifest',
        'Making directory .*',
      ])
    },
  },
  {
    name: 'transfers',
    reason:
      'each program tells of objects on their way as it moves them: ours when an object is on its way and when it is there, signatures and manifests too; the real program by its scheduler (0.8) or once for each volume (3.0)',
    of: ['full -v5', 'restore -v5', 'incremental -v5'],
    apply: (output) => ({
      lines: output.lines,
      records: output.records.filter(
        ({ level, code, text }) =>
          !(
            level === 'INFO' &&
            (code === 11 ||
              code === 13 ||
              (code === 1 && /^(Writing|Reading) duplicity-\S+( \(\d+ bytes\))?$/.test(text)))
          ),
      ),
    }),
  },
  {
    name: 'volume done',
    reason:
      'after each volume of a backup the record says how many bytes of the source were read: when a volume is stored, ours has read further',
    of: ['full -v5', 'incremental -v5'],
    apply: (output) => ({
      lines: output.lines,
      records: output.records.map((one) =>
        /^Processed volume \d+$/.test(one.text) && one.code === 2 ? { ...one, extra: undefined } : one,
      ),
    }),
  },
  {
    name: 'before 1970',
    reason:
      'that such times are stored as 1970 is said in other words, and once, while the real program says it for the volume and for the signature',
    of: ['full', 'full -v5', 'dry-run full', 'incremental', 'incremental -v5', 'dry-run incremental'],
    apply: ({ lines, records }, { source }) => {
      const plain = (text: string) => {
        const theirs = /^Warning: (.*) has negative mtime, treating as 0\.$/.exec(text)?.[1]
        const ours = /^(.*) was changed before 1970 by its time stamp: stored as 1970$/.exec(text)?.[1]
        return theirs === undefined ? ours && `1970: ${ours.slice(source.length + 1)}` : `1970: ${theirs}`
      }
      const once = <T>(all: readonly T[], textOf: (one: T) => string, withText: (one: T, text: string) => T): T[] => {
        const seen = new Set<string>()
        return all.flatMap((one) => {
          const text = plain(textOf(one))
          if (text === undefined) return [one]
          if (seen.has(text)) return []
          seen.add(text)
          return [withText(one, text)]
        })
      }
      return {
        lines: once(
          lines,
          (line) => line,
          (_, text) => text,
        ),
        records: once(
          records,
          ({ text }) => text,
          (one, text) => ({ ...one, text }),
        ),
      }
    },
  },
  {
    name: 'the last second before 1970',
    reason:
      'the real program cuts the fraction off such a time, which makes it 0, and where it does not look again to sign the file it does not notice; ours rounds down',
    of: ['dry-run full', 'dry-run incremental'],
    apply: (output, { source, tree }) => {
      const paths = [...tree].filter(([, { mtimeSeconds, mtimeNanos }]) => mtimeSeconds === -1 && mtimeNanos > 0)
      return withoutTexts(
        output,
        paths.map(([path]) => `(?:1970: |${literally(source)}/)${literally(path)}(?: was changed before 1970.*)?`),
      )
    },
  },
  {
    name: 'names on one line',
    reason:
      'in messages about single files our names are escaped, so that no name can look like a message of its own; in the first line of a record, and in listings, they are as the real program has them',
    of: ['full -v5', 'restore -v5', 'incremental -v5'],
    apply: (output, { program }) => {
      if (program === 'theirs') return output
      const named = ({ level, code }: LogRecord) => level === 'INFO' && [4, 5, 6, 7, 15].includes(code)
      return {
        lines: output.lines,
        records: output.records.map((one) => (named(one) ? { ...one, text: unescapeName(one.text) } : one)),
      }
    },
  },
  {
    name: 'names that are not UTF-8',
    reason: 'the log of the real program loses the records of such names: writing them fails inside it',
    of: ['nasty list', 'full -v5', 'restore -v5', 'incremental -v5'],
    apply: (output) => ({
      lines: output.lines,
      records: output.records.filter(({ extra }) => extra === undefined || !/\\udc[89a-f][0-9a-f]/.test(extra)),
    }),
  },
  {
    name: 'a shortened chain',
    reason:
      'when the signatures of the last set are missing, both programs leave that set out of its chain, but the real program goes on printing its time as the end of the chain',
    of: ['status'],
    apply: (output) => {
      if (!output.records.some(({ text }) => text.startsWith('Warning, discarding last backup set'))) return output
      return eachText(output, (text) => text.replaceAll(/^Chain end time: .*$/gm, 'Chain end time: …'))
    },
  },
  {
    name: 'a full set without volumes',
    reason:
      'the real program leaves it out of the table (but not out of the number of sets); ours shows that it has none',
    of: ['status'],
    apply: ({ lines, records }) => {
      const gone = /^ +Full +\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} +0$/
      return {
        lines: lines.filter((line) => !gone.test(line)),
        records: records.map((one) => ({
          ...one,
          data: one.data.filter((line) => !/^ full \w+ 0 (no)?enc$/.test(line)),
          text: one.text
            .split('\n')
            .filter((line) => !gone.test(line))
            .join('\n'),
        })),
      }
    },
  },
]

/** The same text in standard output and records, changed. */
function eachText({ lines, records }: Output, change: (text: string) => string): Output {
  return {
    lines: lines.map(change),
    records: records.map((one) => ({ ...one, text: change(one.text) })),
  }
}

/** Without the records of these texts (patterns of the whole text) and the lines of standard output that say the same. */
function withoutTexts({ lines, records }: Output, patterns: readonly string[]): Output {
  if (patterns.length === 0) return { lines, records }
  const any = patterns.join('|')
  const whole = new RegExp(`^(?:${any})$`, 's')
  const kept = `${lines.join('\n')}\n`.replaceAll(new RegExp(`^(?:${any})\n`, 'gm'), '')
  return {
    lines: lines.length === 0 ? [] : kept.split('\n').slice(0, -1),
    records: records.filter(({ text }) => !whole.test(text)),
  }
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** A name as it is (latin1), from how messages for people show it. */
function unescapeName(text: string): string {
  return text.replaceAll(
    /\\(?:u\{([0-9a-f]+)\}|x([0-9a-f]{2})|(.))/g,
    (_, point?: string, byte?: string, char?: string) => {
      if (point !== undefined) return Buffer.from(String.fromCodePoint(Number.parseInt(point, 16))).toString('latin1')
      if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16))
      return { n: '\n', r: '\r', t: '\t' }[char!] ?? char!
    },
  )
}
