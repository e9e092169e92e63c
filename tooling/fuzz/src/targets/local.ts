import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownerNames } from '@coalmine/filetree'
import * as fc from 'fast-check'
import { Python } from '../lib/python.ts'
import { show } from '../lib/feed.ts'
import { accepted, demand, refused, type Target } from '../lib/target.ts'

/** Made by the first input; it goes with the folder for temporary files of the process that tries inputs. */
let folder = ''

const fields = [
  'root',
  'nobody',
  'x',
  '0',
  '65534',
  '4294967294',
  '4294967295',
  '-1',
  ':',
  '\n',
  '+',
  '#',
  '',
  '\xe9',
].concat([' ', '\r', '99999999999999999999'])

/** Files as /etc/passwd, and what `getent` answers. */
export const owners: Target = {
  name: 'owners',
  about: 'lists of users and groups (ownerNames)',
  maxBytes: 8192,
  tokens: [...fields.map((field) => Buffer.from(field, 'latin1')), 'root:x:0:0:root:/root:/bin/sh\n'],
  arbitrary: fc
    .array(fc.constantFrom(...fields, ':', ':', '\n'), { maxLength: 60 })
    .map((parts) => Buffer.from(parts.join(''), 'latin1')),
  run(input) {
    folder ||= mkdtempSync(join(tmpdir(), 'coalmine-fuzz-owners-'))
    const passwd = join(folder, 'passwd')
    writeFileSync(passwd, input)
    const text = Buffer.from(input).toString('latin1')
    let asked = 0
    const [answer] = text.split('\n')
    const ask = (): string | undefined => {
      asked += 1
      return answer
    }
    const known = ownerNames({ passwd, group: passwd, ask: false })
    const asking = ownerNames({ passwd: join(folder, 'none'), group: join(folder, 'none'), ask })
    let count = 0
    for (const line of text.split('\n')) {
      const [name = '', , id = ''] = line.split(':')
      for (const one of [known, asking]) {
        const uid = one.uid(name)
        demand(
          uid === undefined || (Number.isSafeInteger(uid) && uid >= 0 && uid <= 0xffff_fffe),
          `${show(name)} is ${uid}`,
        )
        const back = one.userName(Number(id))
        demand(typeof back === 'string' && !back.includes(':') && !back.includes('\n'), `${id} is called ${show(back)}`)
        if (one === known && uid !== undefined) {
          count += 1
          demand(
            text.split('\n').some((row) => row.startsWith(`${name}:`) && Number(row.split(':')[2]) === uid),
            `${show(name)} is ${uid}`,
          )
        }
      }
    }
    demand(asked <= 400, `The system is asked ${asked} times`)
    return count > 0 ? accepted : refused
  },
}

// The command line is no package: it is loaded from where it lies.
const { splitCommand } = (await import(
  new URL('../../../../apps/cli/src/lib/passphrase.ts', import.meta.url).href
)) as {
  splitCommand: (command: string) => string[]
}

const python = new Python()
const bits = [
  'pass',
  'show',
  ' ',
  '\t',
  '\n',
  "'",
  '"',
  '\\',
  '\\\\',
  '\\"',
  "''",
  '""',
  '$HOME',
  'é',
  '#',
  ';',
  '\u00a0',
  '\u2003',
]

/** How a passphrase command is split. */
export const commands: Target = {
  name: 'commands',
  about: 'the words of a passphrase command (splitCommand)',
  maxBytes: 500,
  tokens: bits,
  arbitrary: fc.array(fc.constantFrom(...bits), { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
  run(input) {
    const words = split(Buffer.from(input).toString('utf8'))
    if (words === undefined) return refused
    demand(words.join('').length <= input.length, `Words are longer than what they are from: ${show(words)}`)
    return { accepted: words.length > 0 }
  },
  judge: {
    needs: ['python3'],
    sees: 'all',
    async check(input) {
      const text = Buffer.from(input).toString('utf8')
      // Python knows fewer blanks, refuses a backslash at the end, and leaves most backslashes between double quotes.
      if (text.includes('\ufffd') || /[^\S \t\r\n]|\\$|"[^"]*\\[^"\\]/.test(text)) return
      const ours = split(text)
      const { ok } = (await python.ask('words', Buffer.from(text))) as { ok?: string[] }
      demand(show(ours) === show(ok), `Ours are ${show(ours)}, those of Python ${show(ok)}`)
    },
    close: () => python.close(),
  },
}

function split(text: string): string[] | undefined {
  try {
    return splitCommand(text)
  } catch (error) {
    if (error instanceof Error && error.name === 'CommandLineError') return undefined
    throw error
  }
}
