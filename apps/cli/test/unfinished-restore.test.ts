import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom, diffTrees, snapshotTree } from '@coalmine/fixtures'
import { beforeAll, describe, expect, it } from 'vitest'
import { said, type World, world } from './coalmine.ts'

// A restore that breaks off in the middle, and the next one. Judge: the tree that was backed up.

let place: World
let source = ''
let volume = ''
let whole: Buffer

beforeAll(async () => {
  place = await world()
  source = join(place.folder, 'source')
  mkdirSync(join(source, 'd'), { recursive: true })
  const random = createRandom('unfinished')
  writeFileSync(join(source, 'a'), random.bytes(700_000))
  writeFileSync(join(source, 'd', 'b'), random.bytes(900_000))
  writeFileSync(join(source, 'd', 'c'), 'the last\n')
  for (const path of ['a', 'd/b', 'd/c', 'd', '']) utimesSync(join(source, path), 1_600_000_000, 1_600_000_000)
  for (const [at, action] of ['full', 'incremental'].entries()) {
    const words = ['--no-encryption', '--volsize', '1', '--current-time', String(1_700_000_000 + at * 1000)]
    const outcome = await place.run([action, ...words, source, place.url])
    expect(outcome.code, said(outcome)).toBe(0)
  }
  const name = readdirSync(join(place.folder, 'storage')).find((one) => one.includes('full.') && one.includes('vol2'))!
  volume = join(place.folder, 'storage', name)
  whole = readFileSync(volume)
})

/** Restores from a storage whose second volume is damaged. */
async function broken(target: string): Promise<void> {
  writeFileSync(volume, whole.subarray(100))
  const outcome = await place.run(['restore', '--num-retries', '1', place.url, target])
  writeFileSync(volume, whole)
  expect([outcome.code, outcome.err], said(outcome)).toEqual([21, expect.stringContaining('its SHA-1 is')])
  expect(outcome.err).toContain('"restore --keep-going" gets everything else')
}

describe('a restore that breaks off', () => {
  it('leaves its mark, and a second one goes on without --force', async () => {
    const target = join(place.folder, 'one')
    await broken(target)
    expect(readdirSync(target).sort()).toContain('.coalmine-restore')
    expect(statSync(join(target, '.coalmine-restore')).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(join(target, '.coalmine-restore'), 'utf8'))).toEqual({
      url: place.url,
      setSeconds: 1_700_001_000,
      path: '',
    })
    // What a killed run leaves beside it, and what somebody else has there.
    writeFileSync(join(target, '.coalmine-0123456789abcdef-7'), 'half a file')
    const outcome = await place.run(['restore', place.url, target])
    expect(outcome.code, said(outcome)).toBe(0)
    expect(outcome.out).toContain('Going on with the unfinished restore')
    expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
    const third = await place.run(['restore', place.url, target])
    expect([third.code, third.err]).toEqual([11, expect.stringContaining('it is not empty')])
  })

  it('is not gone on with by one of another time, path or storage', async () => {
    const target = join(place.folder, 'two')
    await broken(target)
    cpSync(join(place.folder, 'storage'), join(place.folder, 'copy'), { recursive: true })
    for (const words of [['-t', '1700000000', place.url], ['-r', 'd', place.url], [`file://${place.folder}/copy`]]) {
      const outcome = await place.run(['restore', ...words, target])
      expect(outcome.code, said(outcome)).toBe(11)
      expect(outcome.err).toContain('an unfinished restore of something else is there')
    }
    const forced = await place.run(['restore', '--force', '-t', '1700000000', place.url, target])
    expect(forced.code, said(forced)).toBe(0)
    expect(readdirSync(target).sort()).toEqual(['a', 'd'])
  })

  it('is no reason to write into a folder with any other file of that name', async () => {
    const target = join(place.folder, 'three')
    mkdirSync(target)
    for (const text of ['', 'null', '{}', '{"url":1}', 'x'.repeat(100_000)]) {
      writeFileSync(join(target, '.coalmine-restore'), text)
      const outcome = await place.run(['restore', place.url, target])
      expect([outcome.code, outcome.err], said(outcome)).toEqual([11, expect.stringContaining('it is not empty')])
    }
  })
})
