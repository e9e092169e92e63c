import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffTrees, itWith, type RunResult, snapshotTree, tempDir } from '@coalmine/fixtures'
import { expect } from 'vitest'
import { duplicity, duplicityPeer } from '../src/index.ts'
import { runBoth } from './both.ts'
import { coalmine, said } from './coalmine.ts'
import { encryptionOf } from './storages.ts'
import { long } from './turns.ts'

// Statistics for programs, which the real program has since 2.1. Judge: its own of the same backup, and what it reads.

type Json = Record<string, unknown> & { readonly backup_meta: Record<string, unknown> }

const jsonIn = ({ stdout }: RunResult): Json => JSON.parse(/^\{\n.*?^\}$/ms.exec(stdout.toString())![0]) as Json

/** Without what differs between two runs: when, where to, and how well it was compressed. */
function comparable({ backup_meta, ...numbers }: Json): unknown {
  const {
    StartTime,
    EndTime,
    ElapsedTime,
    StartTime_str,
    EndTime_str,
    TotalDestinationSizeChange: _,
    ...rest
  } = numbers
  for (const time of [StartTime, EndTime, ElapsedTime]) expect(time).toBeTypeOf('number')
  for (const time of [StartTime_str, EndTime_str]) expect(time).toMatch(/^\d{8}T\d{6}Z$/)
  return { ...rest, backup_meta: { ...backup_meta, target: '' } }
}

itWith(
  [duplicityPeer('3.0.4'), duplicityPeer('0.8.22')],
  '--jsonstat: told, stored and read as by duplicity 3.0.4',
  async () => {
    const source = join(await tempDir('jsonstat'), 'söurce')
    mkdirSync(join(source, 'd'), { recursive: true })
    for (const name of ['a', 'd/b', 'straße']) writeFileSync(join(source, name), name)
    const { options, env } = encryptionOf('passphrase')
    const clock = (time: number) => ['--current-time', String(time)]
    const owns: string[] = []
    const full = await runBoth(
      '3.0.4',
      (own) => {
        owns.push(own)
        mkdirSync(join(own, 'storage'))
        return ['full', '--jsonstat', ...options, ...clock(1_700_000_000), source, `file://${own}/storage`]
      },
      { env },
    )
    expect(full.ours.result.code, said(full.ours.result)).toBe(0)
    expect(comparable(jsonIn(full.ours.result))).toEqual(comparable(jsonIn(full.theirs.result)))
    // The page is written member for member in the same order.
    const shape = ({ stdout }: RunResult) => stdout.toString().match(/^ +"\w+":/gm)
    expect(shape(full.ours.result)).toEqual(shape(full.theirs.result))
    const again =
      (time: number, ...more: string[]) =>
      async () => {
        const [theirs, ours] = owns.map((own) => {
          const cache = ['--archive-dir', join(own, 'cache'), '--jsonstat', ...more]
          return ['incremental', ...options, ...cache, ...clock(time), source, `file://${own}/storage`]
        }) as [string[], string[]]
        return [await duplicity('3.0.4', theirs, { env, check: true }), await coalmine(ours, { env })] as const
      }
    writeFileSync(join(source, 'a'), 'changed')
    // Deltas of so short a file are of one size.
    for (const inc of [again(1_700_001_000), again(1_700_002_000, '--skip-if-no-change'), again(1_700_003_000)]) {
      const [theirs, ours] = await inc()
      expect(ours.code, said(ours)).toBe(0)
      expect(comparable(jsonIn(ours))).toEqual(comparable(jsonIn(theirs)))
    }
    const [theirs, ours] = owns as [string, string]
    expect(readdirSync(join(ours, 'storage'))).toEqual(readdirSync(join(theirs, 'storage')))
    // Each reads the other's, with an empty archive dir.
    for (const number of long ? ['0', '1', '2'] : ['0', '2']) {
      const words = ['collection-status', '--jsonstat', '--show-changes-in-set', number, ...options]
      for (const own of owns) {
        const url = `file://${own}/storage`
        const [one, other] = [
          await duplicity('3.0.4', [...words, '--archive-dir', join(own, 'cache'), url], { env, check: true }),
          await coalmine([...words, '--archive-dir', join(own, 'empty'), url], { env }),
        ]
        expect(jsonIn(other)).toEqual(jsonIn(one))
        expect(Object.keys(Object.values(jsonIn(other))[0] as object)).toEqual(['json_stat', 'files_changed'])
      }
    }
    // To the version that does not know them they are in nobody's way.
    const target = join(ours, 'restored')
    const restored = await duplicity('0.8.22', ['restore', ...options, `file://${ours}/storage`, target], { env })
    expect(restored.code, said(restored)).toBe(0)
    expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
    const removed = await coalmine(['remove-all-but-n-full', '1', '--force', `file://${ours}/storage`], { env })
    expect(removed.code, said(removed)).toBe(0)
    const next = await coalmine(['full', ...options, source, `file://${ours}/storage`], { env })
    expect(next.code, said(next)).toBe(0)
    await coalmine(['remove-all-but-n-full', '1', '--force', `file://${ours}/storage`], { env })
    expect(readdirSync(join(ours, 'storage')).filter((name) => name.includes('jsonstat'))).toEqual([])
  },
)
