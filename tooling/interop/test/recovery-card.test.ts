import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  peer,
  type Random,
  run,
  type Snapshot,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityEnv, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { type Encryption, encryptionOf, passphrase } from './storages.ts'
import { long } from './turns.ts'

// Judges: the commands that the recovery card prints, taken from it literally and run by sh in an empty folder, where gpg,
// tar, cat, rdiff and a few core utilities are all there is.

const isRoot = process.getuid?.() === 0
const ignore: readonly Ignored[] = [
  ...(['sockets', 'fractions', 'times-before-1970'] as const),
  ...(isRoot ? [] : (['ownership', 'set-id-bits', 'devices'] as const)),
]
const needs = ['gpg', 'tar', 'rdiff', 'bash', 'root'].map((name) => peer(name))
const utilities = ['cat', 'chmod', 'cp', 'id', 'mkdir', 'mv', 'rm', 'stty']

let folder = ''
let source = ''
const states: Snapshot[] = []

interface Chain {
  readonly name: string
  readonly version: DuplicityVersion | undefined
  readonly encryption: Encryption
  readonly prefixes: readonly string[]
}

const prefixes = ['--file-prefix', 'P-', '--file-prefix-archive', 'vols_']
const versions = Object.keys(duplicityVersions) as DuplicityVersion[]
const everyChain: readonly Chain[] = [
  { name: 'ours', version: undefined, encryption: 'passphrase', prefixes: [] },
  { name: 'ours', version: undefined, encryption: 'none', prefixes },
  ...versions.flatMap((version, at) => [
    { name: `duplicity ${version}`, version, encryption: 'passphrase', prefixes: at === 0 ? prefixes : [] } as const,
    { name: `duplicity ${version}`, version, encryption: 'none', prefixes: [] } as const,
  ]),
]

/** In the short run two of ours, and one of each version. */
const chains = long ? everyChain : everyChain.filter((_, at) => at !== 3 && at !== 4)

const placeOf = ({ name, encryption }: Chain) => join(folder, `${name} ${encryption}`)

beforeAll(async () => {
  folder = await tempDir('card')
  source = join(folder, 'source')
  const { seed } = await nastyTree(source, { big: true })
  const random = createRandom(`card ${seed}`)
  plant(random)
  for (const chain of chains) mkdirSync(join(placeOf(chain), 'storage'), { recursive: true })
  for (let set = 0; set < 3; set++) {
    if (set === 1) change(random)
    if (set === 2) changeAgain(random)
    states.push(await snapshotTree(source))
    await Promise.all([0, 1].map((half) => writeSets(set, half)))
  }
}, 1_200_000)

/** Everything whose way through a chain is special. */
function plant(random: Random): void {
  for (const path of ['t/gone/below', 't/became-file', 't/became-link', 't/we\nird\\ %s', 't/read-only', 't/=deleted='])
    mkdirSync(join(source, path), { recursive: true })
  writeFileSync(join(source, 't/large'), random.bytes(2_600_000))
  writeFileSync(join(source, 't/exact'), Buffer.alloc(131_072, 1))
  for (const path of [
    'gone/a',
    'gone/below/b',
    'became-file/1',
    'became-link/1',
    'we\nird\\ %s/c\n',
    'read-only/x',
    '=deleted=/1',
  ])
    writeFileSync(join(source, 't', path), `${path}\n`)
  for (const path of ['became-folder', '-rf', '*', 'file-became-link'])
    writeFileSync(join(source, 't', path), `${path}\n`)
  writeFileSync(join(source, 't/read-only/multi'), random.bytes(200_000))
  symlinkSync('large', join(source, 't/link'))
  symlinkSync('/etc', join(source, 't/link-became-folder'))
  chmodSync(join(source, 't/read-only'), 0o555)
  for (const path of ['gone/below', 'gone', 'read-only', '']) utimesSync(join(source, 't', path), 1e9, 1e9)
}

function change(random: Random): void {
  const at = (path: string) => join(source, 't', path)
  // More than one piece of change, over more than one volume.
  overwrite(at('large'), random.bytes(1_500_000))
  rmSync(at('gone/below'), { recursive: true })
  for (const path of ['became-file', 'became-link', 'became-folder', 'file-became-link', 'link-became-folder'])
    rmSync(at(path), { recursive: true })
  writeFileSync(at('became-file'), 'a file\n')
  symlinkSync('/etc', at('became-link'))
  mkdirSync(at('became-folder'))
  writeFileSync(at('became-folder/in it'), random.bytes(70_000))
  symlinkSync('large', at('file-became-link'))
  mkdirSync(at('link-became-folder'))
  writeFileSync(at('link-became-folder/passwd'), 'not that of /etc\n')
  writeFileSync(at('we\nird\\ %s/c\n'), 'changed\n')
  writeFileSync(at('-rf'), 'changed\n')
  chmodSync(at('*'), 0o600)
  chmodSync(at('read-only'), 0o755)
  writeFileSync(at('read-only/y'), 'y\n')
  rmSync(at('read-only/x'))
  chmodSync(at('read-only'), 0o555)
  writeFileSync(at('exact'), Buffer.alloc(65_536, 2))
  utimesSync(at('read-only'), 1.1e9, 1.1e9)
}

function changeAgain(random: Random): void {
  const at = (path: string) => join(source, 't', path)
  overwrite(at('large'), random.bytes(300_000))
  rmSync(at('gone'), { recursive: true })
  rmSync(at('we\nird\\ %s'), { recursive: true })
  rmSync(at('=deleted=/1'))
  rmSync(at('became-link'))
  mkdirSync(at('became-link'))
  renameSync(at('became-file'), at('became-link/moved'))
  // A folder whose time stays, though something in it changes.
  writeFileSync(at('became-folder/in it'), 'short\n')
  utimesSync(at('became-folder'), 1.2e9, 1.2e9)
}

function overwrite(path: string, bytes: Buffer): void {
  writeFileSync(path, bytes, { flag: 'r+' })
}

const secondsOf = (set: number) => 1_700_000_000 + set * 10_000

async function writeSets(set: number, half: number): Promise<void> {
  for (const [at, chain] of chains.entries()) {
    const { version, encryption, prefixes } = chain
    if (at % 2 !== half || (version === undefined && set > 0)) continue
    if (version !== undefined && !duplicityPeer(version).available) continue
    const place = placeOf(chain)
    const { options, env } = encryptionOf(encryption)
    const common = [...options, ...prefixes, '--volsize', '1', '--current-time', String(secondsOf(set))]
    const words = [...common, '--archive-dir', join(place, 'cache'), source, `file://${place}/storage`]
    if (version === undefined) {
      const written = await coalmine(['full', ...words], { env })
      expect(written.code, said(written)).toBe(0)
    } else {
      const home = join(folder, `home${at}`)
      mkdirSync(home, { recursive: true })
      await duplicity(version, [set === 0 ? 'full' : 'incremental', ...words], { env, home, check: true })
    }
  }
}

/** The program on a card: what stands between the two rules. */
function scriptOf(card: string): string {
  return /^-+ restore\.sh -+\n(.*)^-+ end of restore\.sh -+$/ms.exec(card)![1]!
}

/** Runs a program as the card says; nothing but what it names can be found. */
async function byHand(script: string, { encryption, version }: Chain, shell: string): Promise<string> {
  const empty = await tempDir('empty')
  const tools = await tempDir('tools')
  const programs = [
    'gpg',
    'tar',
    ...(version === undefined ? [] : ['rdiff']),
    ...(encryption === 'none' ? ['gzip'] : []),
  ]
  for (const name of [...programs, ...utilities]) {
    const { stdout } = await run(['sh', '-c', 'command -v "$1"', 'sh', name], { check: true })
    symlinkSync(stdout.toString().trim(), join(tools, name))
  }
  const home = await tempDir('h')
  const env = { ...duplicityEnv(home), PATH: tools }
  writeFileSync(join(empty, 'restore.sh'), script)
  const input = encryption === 'none' ? undefined : Buffer.from(`${passphrase.PASSPHRASE}\n`)
  const { code, stdout, stderr } = await run([shell, 'restore.sh'], { cwd: empty, env, input, timeoutMs: 600_000 })
  await run(['gpgconf', '--kill', 'gpg-agent'], { env: duplicityEnv(home) })
  expect(code, stderr.toString()).toBe(0)
  expect(stdout.toString()).toBe('Everything is in the folder snapshot\n')
  expect(stderr.toString()).not.toContain(passphrase.PASSPHRASE)
  return join(empty, 'snapshot')
}

async function cardOf(chain: Chain): Promise<string> {
  const url = `file://${placeOf(chain).replaceAll(' ', '%20')}/storage`
  // No passphrase is known: none is needed, and none can be on the card.
  const { code, stdout, stderr } = await coalmine(['recovery-card', url, ...chain.prefixes], { cwd: folder })
  expect(code, stderr.toString()).toBe(0)
  return stdout.toString()
}

describe.each(chains)('the recovery card of a storage by $name ($encryption)', (chain) => {
  const { version } = chain
  const all = version === undefined ? needs : [...needs, duplicityPeer(version)]
  const last = version === undefined ? 0 : 2

  itWith(all, 'gets everything back', async () => {
    const card = await cardOf(chain)
    const restored = await byHand(scriptOf(card), chain, '/bin/sh')
    expect(diffTrees(states[last]!, await snapshotTree(restored), { ignore })).toEqual([])
  })

  if (version === undefined) return
  itWith(all, 'gets an earlier state back where the last lines are left out, under bash', async () => {
    const lines = scriptOf(await cardOf(chain)).split('\n')
    const sets = lines.filter((line) => line.startsWith('one '))
    expect(sets).toHaveLength(3)
    const script = lines.filter((line) => line !== sets[2]).join('\n')
    const restored = await byHand(script, chain, '/bin/bash')
    expect(diffTrees(states[1]!, await snapshotTree(restored), { ignore })).toEqual([])
  })
})
