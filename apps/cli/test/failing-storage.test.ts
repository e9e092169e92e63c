import { cpSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRandom, diffTrees, run, snapshotTree } from '@coalmine/fixtures'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endShared, program, type World, world } from './coalmine.ts'

afterAll(endShared)

// A storage that fails for ever ends a run with one sentence and the code of the real program for it, and the next run goes
// on; one that fails once is tried again. Judge: the tree that was backed up.

const failing = fileURLToPath(new URL('failing-storage.mjs', import.meta.url))

const long = Boolean(process.env['COALMINE_LONG'])

let place: World
let source = ''
let storage = ''

beforeAll(async () => {
  place = await world({ shared: true })
  source = join(place.folder, 'source')
  storage = join(place.folder, 'storage')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), createRandom('failing').bytes(1_500_000))
  utimesSync(source, 1_600_000_000, 1_600_000_000)
  expect((await place.run(['full', '--no-encryption', '--volsize', '1', source, place.url])).code).toBe(0)
  cpSync(source, `${source}-0`, { recursive: true, preserveTimestamps: true })
  utimesSync(`${source}-0`, 1_600_000_000, 1_600_000_000)
  cpSync(storage, `${storage}-0`, { recursive: true })
  cpSync(place.archiveRoot, `${place.archiveRoot}-0`, { recursive: true })
})

async function runFailing(args: readonly string[], call: string, times: number) {
  const env = {
    ...{ PATH: process.env['PATH']!, HOME: place.folder, XDG_CACHE_HOME: join(place.folder, 'cache') },
    ...{ TMPDIR: place.folder, TZ: 'UTC', LC_ALL: 'C' },
    ...{ FAILING_CALL: call, FAILING_FOLDER: `${place.folder}/storage`, FAILING_TIMES: String(times) },
  }
  const raw = await run([process.execPath, '--import', failing, program, ...args], { env, cwd: place.folder })
  return { code: raw.code, out: raw.stdout.toString(), err: raw.stderr.toString() }
}

const rows = [
  ['full', 'open', ['full', '--no-encryption', '--volsize', '1']],
  ['incremental', 'open', ['incremental', '--no-encryption']],
  ['restore', 'open', ['restore']],
  ['check', 'readdir', ['check']],
  ['cleanup', 'unlink', ['cleanup', '--force']],
] as const

describe.each(rows.filter(([name]) => long || !['full', 'check'].includes(name)))(
  'a storage that fails: %s',
  (name, call, words) => {
    it('for ever: code 50, one sentence, and the next run succeeds; once: goes on', async () => {
      for (const times of [1, 1e9]) {
        for (const one of [storage, place.archiveRoot]) {
          rmSync(one, { recursive: true, force: true })
          cpSync(`${one}-0`, one, { recursive: true })
        }
        if (name === 'cleanup') {
          const stray = join(storage, 'duplicity-full.20230101T000000Z.vol1.difftar.gz')
          writeFileSync(stray, 'x')
          utimesSync(stray, 1_700_000_000, 1_700_000_000)
        }
        const target = join(place.folder, `${name} ${times}`)
        const operands =
          name === 'restore'
            ? [place.url, target]
            : name.endsWith('l') && name !== 'check'
              ? [source, place.url]
              : [place.url]
        if (name === 'incremental') writeFileSync(join(source, 'b'), `${times}`)
        const before = readdirSync(storage).sort()
        const outcome = await runFailing([words[0], '--num-retries', '2', ...words.slice(1), ...operands], call, times)
        const said = `code ${outcome.code}\n${outcome.out}\n${outcome.err}`
        expect(outcome.err, said).toMatch(/failed [1-9]\d* times\n$/)
        if (times === 1) expect(outcome.code, said).toBe(0)
        else {
          expect(outcome.code, said).toBe(50)
          expect(outcome.err, said).toMatch(/^Cannot [^\n]+: [^\n]*[^.\n]\nfailed \d+ times\n$/)
          const left = readdirSync(storage)
          for (const object of before) expect(left).toContain(object)
          const next = await place.run([...words, '--', ...operands])
          expect(next.code, `${next.out}${next.err}`).toBe(0)
        }
        const again = name === 'restore' ? target : `${target} restored`
        if (name !== 'restore') expect((await place.run(['restore', place.url, again])).code).toBe(0)
        const ignore = ['fractions'] as const
        const truth = name === 'full' || name === 'incremental' ? source : `${source}-0`
        expect(diffTrees(await snapshotTree(truth), await snapshotTree(again), { ignore: [...ignore] })).toEqual([])
        if (name === 'cleanup') expect(readdirSync(storage).sort()).toEqual(readdirSync(`${storage}-0`).sort())
      }
    })
  },
)
