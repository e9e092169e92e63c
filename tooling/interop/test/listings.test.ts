import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { type Ran, runBoth } from './both.ts'
import { said } from './coalmine.ts'
import { expectSame, unneededRules } from './compare.ts'
import { addOurs, copyWithout, type Encryption, encryptionOf, makeChains, times } from './storages.ts'
import { long, rowsFor } from './turns.ts'

// Judge of everything here: what the real duplicity says of the same storage. What is made equal is in normalise.ts.

const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const both = versions.map((version) => duplicityPeer(version))
const available = versions.filter((version) => duplicityPeer(version).available)

// Each version reads what the other wrote, too.
const writers = { none: available[0], passphrase: available.at(-1) } as const

const damages = {
  'an orphaned increment': new RegExp(`full(-signatures)?\\.${times.full1}`),
  'orphaned increments, the newest sets': new RegExp(`full(-signatures)?\\.${times.full2}`),
  'an unfinished increment': new RegExp(`to\\.${times.inc3}\\.manifest`),
  'an unfinished full set': new RegExp(`full\\.${times.full2}\\.manifest`),
  'a lost volume': new RegExp(`full\\.${times.full2}\\.vol1`),
  'no signatures': /sigtar/,
  'no signatures of the newest chain': new RegExp(`signatures\\.(${times.full2}|${times.inc2})`),
  'no full signatures of the newest chain': new RegExp(`full-signatures\\.${times.full2}`),
  'the last signatures lost': new RegExp(`new-signatures\\.${times.inc2}`),
  'signatures lost in between': new RegExp(`new-signatures\\.${times.full2}`),
} as const

const cases: readonly { name: string; encryption: Encryption }[] = [
  { name: 'two chains', encryption: 'none' },
  { name: 'two chains', encryption: 'passphrase' },
  { name: 'two chains and a full set of ours', encryption: 'passphrase' },
  ...[...Object.keys(damages), 'nothing', 'strangers'].map((name) => ({ name, encryption: 'none' as const })),
  { name: 'the last signatures lost', encryption: 'passphrase' },
]

/** Where there is something to see for who reads signatures, too. */
const listed = (name: string) => !['an orphaned increment', 'a lost volume', 'strangers'].includes(name)

const storages = new Map<string, string>()

beforeAll(async () => {
  const { none, passphrase } = writers
  if (none === undefined || passphrase === undefined) return
  const folder = await tempDir('lists')
  const at = (name: string) => join(folder, name)
  for (const name of ['none', 'passphrase', 'nothing']) mkdirSync(at(name))
  const [plain, encrypted] = await Promise.all([
    makeChains(none, at('none'), 'none'),
    makeChains(passphrase, at('passphrase'), 'passphrase'),
  ])
  for (const [name, pattern] of Object.entries(damages)) {
    storages.set(`${name} none`, copyWithout(plain, at(`damaged ${name}`.replaceAll(/[ ,]/g, '-')), pattern))
  }
  const lost = copyWithout(encrypted, at('lost'), damages['the last signatures lost'])
  cpSync(encrypted, at('mixed'), { recursive: true })
  await addOurs(at('passphrase'), at('mixed'), 'passphrase')
  cpSync(plain, at('strangers'), { recursive: true })
  for (const name of ['notes.txt', 'duplicity-full.manifest', '-']) writeFileSync(join(at('strangers'), name), 'x')
  storages
    .set('two chains none', plain)
    .set('two chains passphrase', encrypted)
    .set('two chains and a full set of ours passphrase', at('mixed'))
    .set('nothing none', at('nothing'))
    .set('strangers none', at('strangers'))
    .set('the last signatures lost passphrase', lost)
}, 120_000)

describe.each(versions)('what duplicity %s says, and ours, of', (version) => {
  for (const { name, encryption } of rowsFor(version, cases)) {
    const about = { version, encryption, direction: 'duplicity-to-coalmine' } as const
    const urlOf = () => `file://${storages.get(`${name} ${encryption}`)!}`

    itWith([duplicityPeer(version)], `${name} (${encryption}): collection-status`, async () => {
      // Without a passphrase: neither needs one.
      const { theirs, ours } = await runBoth(version, () => ['collection-status', urlOf()])
      expect(theirs.result.code, said(theirs.result)).toBe(0)
      expect([ours.result.code, ours.result.stderr.toString()]).toEqual([0, ''])
      expectSame({ kind: 'status', theirs, ours }, { ...about, name: `status, ${name}` })
    })

    if (!listed(name)) continue
    itWith([duplicityPeer(version)], `${name} (${encryption}): list-current-files`, async () => {
      const { options, env } = encryptionOf(encryption)
      const { theirs, ours } = await runBoth(version, () => ['list-current-files', ...options, urlOf()], { env })
      expect(ours.result.code, said(ours.result)).toBe(theirs.result.code)
      expectSame(
        { kind: 'list', theirs: beforeFailure(theirs), ours: beforeFailure(ours) },
        { ...about, name: `list, ${name}` },
      )
    })
  }

  const about = { version, encryption: 'none', direction: 'duplicity-to-coalmine' } as const

  itWith([duplicityPeer(version)], 'two chains at earlier times: list-current-files', async () => {
    const url = `file://${storages.get('two chains none')!}`
    for (const time of ['2023-11-15', '1700150000', '2023-11-18T09:33:19Z', '20231118T093320Z']) {
      const args = ['list-current-files', '--no-encryption', '--time', time, url]
      const { theirs, ours } = await runBoth(version, () => args)
      expect([theirs.result.code, ours.result.code], said(ours.result)).toEqual([0, 0])
      expectSame({ kind: 'list', theirs, ours }, { ...about, name: `list at ${time}` })
    }
  })

  itWith(
    [duplicityPeer(version)],
    'two chains in another time zone: collection-status, list-current-files',
    async () => {
      const url = `file://${storages.get('two chains none')!}`
      const env = { TZ: 'EST5EDT' }
      const status = await runBoth(version, () => ['collection-status', url], { env })
      expect(status.ours.result.stdout.toString()).toContain('Tue Nov 14 17:13:20 2023')
      expectSame({ kind: 'status', ...status }, { ...about, name: 'status, zone' })
      const list = await runBoth(version, () => ['list-current-files', '--no-encryption', url], { env })
      expectSame({ kind: 'list', ...list }, { ...about, name: 'list, zone' })
    },
  )

  itWith([duplicityPeer(version)], 'a lost signature of the only increment: told differently on purpose', async () => {
    // When the signatures of the last set are missing, both go on from the set before it. The real program overlooks a
    // full set there (it looks for an end time, which its full sets do not have) and takes the whole chain for one
    // without signatures; ours does not.
    const folder = await tempDir('only')
    const both1 = new RegExp(`${times.full2}|${times.inc2}|new-signatures\\.${times.full1}`)
    const url = `file://${copyWithout(storages.get('two chains none')!, join(folder, 'storage'), both1)}`
    const { theirs, ours } = await runBoth(version, () => ['collection-status', url])
    const dataOf = ({ records }: Ran) => records.flatMap(({ data }) => data).slice(2)
    const full = ` full ${times.full1} 1 noenc`
    const inc = ` inc ${times.inc1} 1 noenc`
    expect(dataOf(theirs)).toEqual(['chain-no-sig 0', full, inc, 'orphaned-sets-num 0', 'incomplete-sets-num 0'])
    expect(dataOf(ours)).toEqual(['chain-complete', full, 'orphaned-sets-num 0', 'incomplete-sets-num 1'])
  })
})

if (long) {
  itWith(both, 'every rule about listings and status is needed', () => {
    expect(unneededRules(['status', 'list'])).toEqual([])
  })
}

/** What was said before the run failed: the failure itself is a sentence of ours, and a traceback of theirs. */
function beforeFailure({ result, lines, records }: Ran): Ran {
  if (result.code === 0) return { result, lines, records }
  return { result, lines, records: records.filter(({ level }) => level !== 'ERROR') }
}
