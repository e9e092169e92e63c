import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, diffTrees, nastyTree, type Snapshot, snapshotTree } from '@coalmine/fixtures'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { endShared, program, said, type World, world } from './coalmine.ts'

afterAll(endShared)

// Restores of more than 8 MiB write in a thread of their own. Judge: the tree that was backed up.

const long = Boolean(process.env['COALMINE_LONG'])
const files = 400
const rounds = long ? 40 : 3

let place: World
let source = ''
let expected: Snapshot

beforeAll(async () => {
  place = await world()
  source = join(place.folder, 'source')
  mkdirSync(source)
  await nastyTree(join(source, 'nasty'), { seed: 7 })
  const random = createRandom('large restore')
  writeFileSync(join(source, 'large'), random.bytes(3_500_000))
  for (let at = 0; at < files; at++) {
    const folder = join(source, `folder ${at % 20}`)
    mkdirSync(folder, { recursive: true })
    const path = join(folder, String(at))
    writeFileSync(path, random.bytes((at * 7919) % 40_000))
    chmodSync(path, 0o600 + (at % 64))
    utimesSync(path, 1_500_000_000 + at, 1_500_000_000 + at)
  }
  const outcome = await place.run(['full', '--no-encryption', '--volsize', '2', source, place.url])
  expect(outcome.code, said(outcome)).toBe(0)
  expected = await snapshotTree(source)
})

async function requireRight(target: string): Promise<void> {
  const found = await snapshotTree(target)
  expect(diffTrees(expected, found, { ignore: ['fractions', 'times-before-1970', 'sockets'] })).toEqual([])
}

it('writes everything as it was', async () => {
  const outcome = await place.run(['restore', place.url, place.target])
  expect(outcome.code, said(outcome)).toBe(0)
  await requireRight(place.target)
})

it('killed at any moment, is gone on with', async () => {
  const target = join(place.folder, 'killed')
  const env = { PATH: process.env['PATH'], HOME: place.folder, XDG_CACHE_HOME: join(place.folder, 'cache'), TZ: 'UTC' }
  let begun = 0
  for (let round = 0; round < rounds; round++) {
    rmSync(target, { recursive: true, force: true })
    const child = spawn(process.execPath, [program, 'restore', place.url, target], { env, stdio: 'ignore' })
    const closed = once(child, 'close')
    // At a share of what is to be written, whatever the machine does meanwhile.
    const share = (files * round) / rounds
    while (child.exitCode === null && filesIn(target) < share) await sleep(2)
    child.kill('SIGKILL')
    await closed
    if (existsSync(join(target, '.coalmine-restore'))) begun += 1
    else rmSync(target, { recursive: true, force: true })
    const outcome = await place.run(['restore', place.url, target])
    expect(outcome.code, said(outcome)).toBe(0)
    await requireRight(target)
  }
  expect(begun).toBeGreaterThan(0)
})

function filesIn(target: string): number {
  if (!existsSync(target)) return 0
  const folders = readdirSync(target).filter((name) => name.startsWith('folder '))
  return folders.reduce((sum, name) => sum + readdirSync(join(target, name)).length, 0)
}

it('tells what cannot be written, and writes the rest', async () => {
  const target = join(place.folder, 'forced')
  mkdirSync(join(target, 'large', 'in the way'), { recursive: true })
  const outcome = await place.run(['restore', '--force', place.url, target])
  expect(outcome.code, said(outcome)).toBe(1)
  expect(outcome.out + outcome.err).toMatch(/Error restoring large: Cannot write "large": directory not empty/)
  expect(outcome.out + outcome.err).toContain('1 entry could not be restored as it was; see above')
  const found = await snapshotTree(target)
  expect(found.size).toBe([...expected.values()].filter(({ kind }) => kind !== 'socket').length + 1)
})
