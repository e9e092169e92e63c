import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom, diffTrees, snapshotTree } from '@coalmine/fixtures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endShared, said, type World, world } from './coalmine.ts'

afterAll(endShared)

// A ledger that cannot be read costs what is known of the storage, and nothing else. Judge: the tree that was backed up.

let place: World
let source = ''
let ledger = ''
let nowSeconds = 1_700_000_000

const words = ['--name', 'here']
// A backup needs a few more.
const more = ['--no-encryption', '--volsize', '1']

beforeAll(async () => {
  place = await world({ shared: true })
  source = join(place.folder, 'source')
  ledger = join(place.archiveRoot, 'here', 'coalmine', 'ledger')
  mkdirSync(join(source, 'd'), { recursive: true })
  writeFileSync(join(source, 'a'), createRandom('bad ledger').bytes(1_500_000))
  writeFileSync(join(source, 'd', 'b'), 'b\n')
  for (const path of ['a', 'd/b', 'd', '']) utimesSync(join(source, path), 1_600_000_000, 1_600_000_000)
  const outcome = await place.run(['full', ...words, ...more, '--current-time', String(nowSeconds), source, place.url])
  expect(outcome.code, said(outcome)).toBe(0)
})

const warning = /Nothing is known of what this machine has stored, nor noted of it: Cannot read the ledger/

/** Runs an action; the bad ledger is told, once. */
async function warned(args: readonly string[]) {
  const outcome = await place.run([...args.slice(0, 1), ...words, ...args.slice(1)])
  expect(outcome.code, said(outcome)).toBe(0)
  expect((outcome.out + outcome.err).match(/Cannot read the ledger/g), said(outcome)).toHaveLength(1)
  expect(outcome.out).toMatch(warning)
  expect(outcome.out).toContain('Move it away: then the next backup begins a new one')
  return outcome
}

async function restored(name: string): Promise<void> {
  const target = join(place.folder, name)
  await warned(['restore', place.url, target])
  expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
}

describe('a ledger that cannot be read', () => {
  it('as a folder: status, restore, listings, removing, backups and check go on', async () => {
    rmSync(ledger)
    mkdirSync(ledger)
    await warned(['collection-status', place.url])
    await restored('of-full')
    await warned(['list-current-files', place.url])
    await warned(['cleanup', '--force', place.url])
    await warned(['remove-older-than', '1970-01-02', '--force', place.url])
    writeFileSync(join(source, 'd', 'b'), 'changed\n')
    nowSeconds += 1000
    await warned(['incremental', ...more, '--current-time', String(nowSeconds), source, place.url])
    await restored('of-increment')
    const check = await place.run(['check', ...words, place.url])
    expect([check.code, check.out], said(check)).toEqual([0, expect.stringMatching(warning)])
    expect(check.out).toContain('Note: nothing is known of what was stored: Cannot read the ledger')
    const json = await place.run(['check', ...words, '--json', place.url])
    const findings = json.out.split('\n').filter((line) => line.includes('"finding"'))
    expect(findings.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ kind: 'unreadable-ledger' }])
    // Moved away, the next backup begins a new one, and what it stores is known.
    renameSync(ledger, `${ledger}.old`)
    nowSeconds += 1000
    const next = await place.run([
      ...['incremental', ...words, ...more, '--current-time', String(nowSeconds), source, place.url],
    ])
    expect([next.code, next.err], said(next)).toEqual([0, ''])
    const known = await place.run(['check', ...words, place.url])
    expect(known.out, said(known)).toContain('3 backups, 1 of them as they were stored; no damage found')
  })

  it.each([
    ['a pipe', () => execFileSync('mkfifo', [ledger])],
    [
      'a file that is too large',
      () => {
        writeFileSync(ledger, '')
        truncateSync(ledger, 2 ** 29 + 1)
      },
    ],
  ])('as %s: a restore goes on', async (name, make) => {
    rmSync(ledger, { recursive: true, force: true })
    make()
    await restored(`of ${name}`)
  })

  it('because its folder is a file: a restore goes on', async () => {
    rmSync(join(place.archiveRoot, 'here', 'coalmine'), { recursive: true })
    writeFileSync(join(place.archiveRoot, 'here', 'coalmine'), '')
    await restored('without the folder')
  })

  it('unlike a journal: a folder in its place ends the backup with what to do, and no restore', async () => {
    const folder = join(place.archiveRoot, 'here', 'coalmine')
    rmSync(folder, { recursive: true })
    mkdirSync(join(folder, 'journal'), { recursive: true })
    const args = ['incremental', ...words, ...more, '--current-time', String(nowSeconds + 1000), source, place.url]
    const outcome = await place.run(args)
    expect(outcome.err, said(outcome)).toBe(
      `Cannot use the journal "${folder}/journal": there is a folder of that name, which has to be moved away\n`,
    )
    expect(outcome.code).toBe(9)
    const target = join(place.folder, 'beside a folder')
    const restore = await place.run(['restore', ...words, place.url, target])
    expect(restore.code, said(restore)).toBe(0)
  })
})
