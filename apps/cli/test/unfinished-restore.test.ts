import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom, diffTrees, snapshotTree } from '@coalmine/fixtures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endShared, program, said, type World, world } from './coalmine.ts'

afterAll(endShared)

// A restore that breaks off in the middle, and the next one. Judge: the tree that was backed up.

let place: World
let source = ''
let volume = ''
let whole: Buffer

beforeAll(async () => {
  place = await world({ shared: true })
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

/** Starts a restore and kills it when that volume is through. */
async function killed(url: string, target: string, volume: number): Promise<void> {
  const argv = [program, 'restore', '-v5', '--force', url, target]
  const env = { PATH: process.env['PATH'], HOME: place.folder, XDG_CACHE_HOME: join(place.folder, 'cache'), TZ: 'UTC' }
  const child = spawn(process.execPath, argv, { env, cwd: place.folder, stdio: ['ignore', 'pipe', 'ignore'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
    if (out.includes(`Processed volume ${volume} of `)) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect(signal, out).toBe('SIGKILL')
}

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
    for (const number of ['7', '1z']) writeFileSync(join(target, `.coalmine-0123456789abcdef-${number}`), 'half a file')
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
    const endless = JSON.stringify({ url: place.url, path: '' }).replace('}', ',"setSeconds":1e999}')
    for (const text of ['', 'null', '{}', '{"url":1}', 'x'.repeat(100_000), endless]) {
      writeFileSync(join(target, '.coalmine-restore'), text)
      const outcome = await place.run(['restore', place.url, target])
      expect([outcome.code, outcome.err], said(outcome)).toEqual([11, expect.stringContaining('it is not empty')])
    }
  })

  it('spares volumes whose files are right, and mends what somebody has changed since', async () => {
    const target = join(place.folder, 'four')
    await broken(target)
    // The first volume holds `a` and the beginning of `d/b`; with `a` whole, the rest of the full set is in the others.
    writeFileSync(join(target, 'a'), createRandom('somebody').bytes(700_000))
    utimesSync(join(target, 'a'), 1_600_000_000, 1_600_000_000)
    const mended = await place.run(['restore', '-v5', place.url, target])
    expect(mended.code, said(mended)).toBe(0)
    expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
    // As if it had been killed before the mark was taken away.
    const again = await place.run(['restore', '--keep-going', place.url, join(place.folder, 'marked')])
    expect(again.code, said(again)).toBe(0)
    writeFileSync(
      join(target, '.coalmine-restore'),
      JSON.stringify({ url: place.url, setSeconds: 1_700_001_000, path: '' }),
    )
    const rest = await place.run(['restore', '-v5', place.url, target])
    expect(rest.code, said(rest)).toBe(0)
    expect(rest.out).toContain('3 files of the unfinished restore stayed as restored; 3 volumes less to fetch\n')
    expect(rest.out).not.toMatch(/^Reading .*vol/m)
    expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
  })

  it('killed with -9 in the middle of a chain, fetches fewer volumes the next time', async () => {
    const many = join(place.folder, 'many')
    mkdirSync(many)
    const random = createRandom('many')
    for (let at = 0; at < 60; at++) writeFileSync(join(many, `f${String(at).padStart(2, '0')}`), random.bytes(150_000))
    const url = `file://${place.folder}/storage-2`
    for (const [at, action] of ['full', 'incremental'].entries()) {
      const words = ['--no-encryption', '--volsize', '1', '--current-time', String(1_700_000_000 + at * 1000)]
      const outcome = await place.run([action, ...words, many, url])
      expect(outcome.code, said(outcome)).toBe(0)
      for (const file of ['f03', 'f55']) writeFileSync(join(many, file), random.bytes(150_000))
    }
    const last = await place.run([
      ...['incremental', '--no-encryption', '--volsize', '1', '--current-time', '1700002000', many, url],
    ])
    expect(last.code, said(last)).toBe(0)
    const target = join(place.folder, 'killed')
    const whole = await place.run(['restore', '-v5', url, join(place.folder, 'never killed')])
    const volumes = whole.out.match(/^Reading .*vol\d/gm)!.length
    await killed(url, target, 7)
    expect(readdirSync(target)).toContain('.coalmine-restore')
    const next = await place.run(['restore', '-v5', url, target])
    expect(next.code, said(next)).toBe(0)
    expect(next.out).toMatch(/files? of the unfinished restore stayed as restored; \d+ volumes less to fetch\n/)
    const fetched = next.out.match(/^Reading .*vol\d/gm)!.length
    expect(fetched, next.out).toBeLessThanOrEqual(volumes - 3)
    expect(diffTrees(await snapshotTree(many), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
  })
})
