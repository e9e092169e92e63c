import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, peer, tempDir } from '@coalmine/fixtures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Archive, coalmine, type Form, makeSource, writeOurs, writeTheirs } from './grid/archives.ts'
import { type Damage, damagesOf, swaps } from './grid/damages.ts'
import { objectKind, type Operation, operations, read, type Result } from './grid/reading.ts'

// Every stored object of archives by our command line and by the real duplicity is cut, changed, doubled, swapped and
// taken away; then the newest state is restored, and listed. Judge: the same archive whole. What comes is an error, or
// exactly what was there: anything else stands below with its reason. The long run prints what came, and tries every
// byte and every length.

const most = process.env['COALMINE_LONG'] ? 2500 : 5

interface Case {
  readonly form: Form
  readonly kind: 'volume' | 'signatures' | 'manifest' | 'two objects'
  readonly operation: Operation
  readonly damage: Damage
}

interface Allowed {
  readonly because: string
  readonly when: (one: Case) => boolean
}

/** When a damaged archive may give what the whole one gives. Nothing else that was read is without protection. */
const sameIsFine: readonly Allowed[] = [
  {
    because: 'host, root, list of files, ranges and blanks of a plain manifest are not needed to restore',
    when: ({ form, kind }) => form !== 'passphrase' && kind === 'manifest',
  },
  {
    because: 'time and system in a gzip header are under no checksum, and zeros may follow the last member',
    when: ({ form, kind }) => form === 'gzip' && kind === 'signatures',
  },
  {
    because: 'padding, what follows the end of an archive, and the signatures themselves do not show in a listing',
    when: ({ form, kind }) => form === 'plain' && kind === 'signatures',
  },
  {
    because: 'the older set has the same in it',
    when: ({ kind, damage }) => damage.kind === 'gone' && kind !== 'volume',
  },
  { because: 'one of the two, or none, is read', when: ({ kind }) => kind === 'two objects' },
]

/** When it may give something else without an error: what this format cannot show. docs/threat-model.md says so. */
const otherIsKnown: readonly Allowed[] = [
  {
    because: 'without its manifest or signatures the newest set was never there: an older state is the newest',
    when: ({ kind, damage }) => damage.kind === 'gone' && kind !== 'volume',
  },
  {
    because: 'nothing holds a hash of a plain signature file',
    when: ({ form, kind, operation }) => form === 'plain' && kind === 'signatures' && operation === 'list',
  },
  {
    because: 'nothing binds the name of a signature file to its content: another object of the archive passes for it',
    when: ({ kind, operation, damage }) =>
      kind === 'two objects' &&
      operation === 'list' &&
      [...damage.objects.keys()].some((key) => key.includes('signatures')),
  },
]

const rows = new Map<string, Map<string, number>>()
let source = ''
let temp = ''

beforeAll(async () => {
  source = await makeSource()
  temp = await tempDir('grid-temp')
})

afterAll(() => {
  if (process.env['COALMINE_LONG']) console.log(table())
})

describe('a damaged archive is an error or what it was', () => {
  for (const form of ['passphrase', 'gzip', 'plain'] as const) {
    it(`by coalmine, ${form}`, async () => tryAll(await writeOurs(source, form)), 3_600_000)
    itWith(
      [peer('duplicity'), peer('gpg')],
      `by duplicity, ${form}`,
      async () => tryAll(await writeTheirs(source, form)),
      3_600_000,
    )
  }
})

async function tryAll(archive: Archive): Promise<void> {
  const whole = new Map<Operation, string>()
  for (const operation of operations) {
    const result = await read(archive.objects, operation, temp)
    expect(result.error).toBeUndefined()
    whole.set(operation, (result as { state: string }).state)
  }
  const wrong: string[] = []
  let errors = 0
  for (const { kind, damage } of damagesTo(archive)) {
    const objects = new Map(archive.objects)
    for (const [key, bytes] of damage.objects) {
      if (bytes === undefined) objects.delete(key)
      else objects.set(key, bytes)
    }
    for (const operation of operationsOn(kind)) {
      const one: Case = { form: archive.form, kind, operation, damage }
      const result = await read(objects, operation, temp)
      const outcome = outcomeOf(result, whole.get(operation)!)
      count(`${archive.name}: ${kind}, ${operation}, ${damage.kind}`, outcome)
      if (result.error !== undefined) errors += 1
      const rules = outcome === 'same' ? sameIsFine : outcome === 'other' ? otherIsKnown : undefined
      if (rules !== undefined && !rules.some(({ when }) => when(one))) {
        wrong.push(`${[...damage.objects.keys()].join(' and ')} ${damage.place}: ${operation} gives ${outcome}`)
      }
    }
  }
  expect(wrong).toEqual([])
  // Thousands of places in the long run, some dozens of each archive otherwise.
  expect(errors).toBeGreaterThan(Math.min(10 * most, 5000))
}

/** Damages to what the newest state is read from, and all swaps. */
function* damagesTo(archive: Archive): Generator<{ kind: Case['kind']; damage: Damage }> {
  for (const [key, bytes] of archive.objects) {
    // Of our two full sets, the newer one alone is read.
    if (archive.by === 'coalmine' && key.includes('20231114T')) continue
    for (const damage of damagesOf(key, bytes, most)) yield { kind: objectKind(key), damage }
  }
  for (const damage of swaps(archive.objects)) yield { kind: 'two objects', damage }
}

function operationsOn(kind: Case['kind']): readonly Operation[] {
  if (kind === 'signatures') return ['list']
  if (kind === 'two objects') return operations
  return kind === 'manifest' ? ['restore', 'restore a folder'] : ['restore']
}

function outcomeOf(result: Result, whole: string): string {
  if (result.error !== undefined) return result.error
  if (result.incomplete > 0) return 'told as incomplete'
  return result.state === whole ? 'same' : 'other'
}

function count(row: string, outcome: string): void {
  const counts = rows.get(row) ?? new Map<string, number>()
  rows.set(row, counts.set(outcome, (counts.get(outcome) ?? 0) + 1))
}

function table(): string {
  const lines = [...rows].map(([row, counts]) => {
    return `${row.padEnd(62)} ${[...counts].map(([outcome, number]) => `${number} ${outcome}`).join(', ')}`
  })
  return [
    'What came of damage',
    ...lines,
    '',
    'What this format cannot show:',
    ...otherIsKnown.map(({ because }) => because),
  ].join('\n')
}

describe('the command line tells damage from a wrong passphrase', () => {
  it('by exit code and sentence, and leaves nothing', async () => {
    const sealed = await writeOurs(source, 'passphrase')
    const plain = await writeOurs(source, 'plain')
    const find = (archive: Archive, part: string) =>
      [...archive.objects.keys()].find((key) => key.includes(`20231116T020000Z.${part}`))!
    const flip = (at: number) => (bytes: Buffer) =>
      Buffer.from(bytes.map((byte, index) => (index === (at + bytes.length) % bytes.length ? byte ^ 4 : byte)))
    const cut = (bytes: Buffer) => bytes.subarray(0, bytes.length - 30)
    const situations: [Archive, string, ((bytes: Buffer) => Buffer) | string, number, RegExp][] = [
      [sealed, 'manifest', 'another passphrase', 31, /the passphrase does not open it/],
      [sealed, 'manifest', flip(-40), 1, /its modification detection code is missing or does not match/],
      [sealed, 'manifest', cut, 1, /it ends in the middle of a packet/],
      [sealed, 'manifest', flip(8), 31, /the passphrase does not open it/],
      [sealed, 'vol1', flip(-40), 21, /its SHA-1 is [0-9a-f]{40}, but the manifest says [0-9a-f]{40}/],
      [plain, 'vol1', flip(700), 21, /its SHA-1 is/],
      [plain, 'manifest', (bytes) => bytes.subarray(0, bytes.indexOf('Volume')), 30, /the manifest names no volume/],
    ]
    for (const [at, [archive, part, how, code, sentence]] of situations.entries()) {
      const folder = join(archive.folder, `damaged ${at}`)
      cpSync(join(archive.folder, 'storage'), folder, { recursive: true })
      const key = find(archive, part)
      if (typeof how !== 'string') writeFileSync(join(folder, key), how(archive.objects.get(key)!))
      const target = join(archive.folder, `target ${at}`)
      const own = ['--archive-dir', join(archive.folder, `cache ${at}`), '--num-retries', '1']
      const words = ['restore', ...own, `file://${folder.replaceAll(' ', '%20')}`, target]
      const result = await coalmine(words, archive.folder, typeof how === 'string' ? how : undefined)
      const said = result.stderr.toString()
      expect([said, result.code]).toEqual([expect.stringMatching(sentence), code])
      expect(said).toContain(key)
      expect(existsSync(target) ? readdirSync(target) : []).toEqual([])
    }
  })
})
