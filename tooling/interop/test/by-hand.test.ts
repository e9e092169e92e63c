import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  run,
  type Snapshot,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicityEnv } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { type Encryption, encryptionOf, passphrase } from './storages.ts'

// Judges: gpg, gunzip, tar, find and sh alone get everything back from our volumes, by the commands that the README has.

const readme = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8')

/** The shell commands of the README's section about recovering by hand. */
function readmeCommands(): string[] {
  const section = /^## Recovering by hand\n(.*?)^## /ms.exec(readme)?.[1] ?? ''
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!)
}

// One tar for all volumes, told to set the times of folders at the very end, so that none of them changes afterwards; names
// never pass through a pipe or a word of the shell; a large file gets the attributes of its first piece, and its folder
// keeps its time.
const commands = readmeCommands()

const programs = ['gpg', 'tar', 'find']
const always: readonly Ignored[] = ['sockets', 'fractions', 'times-before-1970']
const notRoot: readonly Ignored[] = process.getuid?.() === 0 ? [] : ['ownership', 'set-id-bits', 'devices']
// Names of files that are stored in pieces, and what a shell could make of them.
const largeNames = [
  'new\nline',
  '\n',
  'ends\n',
  ' ',
  ' a  b ',
  '-rf',
  '1',
  "it's",
  '"',
  '$(id)',
  '`id`',
  '*',
  '\\',
  'caf\xe9',
]

let folder = ''
let home = ''
let expected: Snapshot = new Map()

beforeAll(async () => {
  folder = await tempDir('hand')
  const source = join(folder, 'source')
  await nastyTree(source, { big: true })
  mkdirSync(join(source, 'large', '2'), { recursive: true })
  const names = process.platform === 'darwin' ? largeNames.slice(0, -1) : largeNames
  for (const [at, name] of names.entries()) {
    const path = Buffer.from(join(source, 'large', name === '1' ? join('2', name) : name), 'latin1')
    writeFileSync(path, `${at} of these `.repeat(65_536 / 8).slice(0, [65_536, 65_537, 131_072][at % 3]))
  }
  expected = await snapshotTree(source)
  // What a person would type at the prompt; everything else is as gpg comes.
  home = join(folder, 'home')
  const { GNUPGHOME } = duplicityEnv(home)
  writeFileSync(join(home, 'passphrase'), passphrase.PASSPHRASE)
  writeFileSync(join(GNUPGHOME!, 'gpg.conf'), `batch\npinentry-mode loopback\npassphrase-file ${home}/passphrase\n`)
}, 60_000)

describe.each<Encryption>(['passphrase', 'none'])('a backup of ours (%s), by hand', (encryption) => {
  let storage = ''

  beforeAll(async () => {
    storage = join(folder, encryption)
    const { options, env } = encryptionOf(encryption)
    const words = ['full', ...options, '--volsize', '1', join(folder, 'source'), `file://${storage}`]
    const written = await coalmine([...words, '--archive-dir', join(folder, 'cache')], { env, ownS2k: true })
    expect(written.code, said(written)).toBe(0)
  }, 60_000)

  itWith(programs, 'is all there, with owners, modes and times', async () => {
    expect(readdirSync(storage).filter((name) => name.includes('.difftar')).length).toBeGreaterThan(5)
    const script = commands.map((block) => (encryption === 'none' ? forGzip(block) : block)).join('')
    const { code, stderr } = await run(['sh', '-e', '-c', script], { cwd: storage, env: duplicityEnv(home) })
    expect(code, stderr.toString()).toBe(0)
    const differences = diffTrees(expected, await snapshotTree(join(storage, 'out', 'snapshot')), {
      ignore: [...always, ...notRoot],
    })
    expect(differences).toEqual([])
  })

  itWith(programs, 'names the SHA-1 of every volume in its manifest', async () => {
    const name = readdirSync(storage).find((one) => one.includes('.manifest'))!
    const argv = encryption === 'none' ? ['cat', name] : ['gpg', '-d', name]
    const { stdout } = await run(argv, { cwd: storage, env: duplicityEnv(home), check: true })
    const named = [...stdout.toString('latin1').matchAll(/^Volume (\d+):.*?^ {4}Hash SHA1 (\S+)$/gms)]
    const volumes = readdirSync(storage).filter((one) => one.includes('.difftar'))
    const actual = volumes.map((one) => [/vol(\d+)/.exec(one)![1]!, sha1(join(storage, one))] as const)
    expect(new Map(named.map(([, number, hash]) => [number!, hash!]))).toEqual(new Map(actual))
  })
})

/** The same commands where nothing is encrypted, as the README says. */
function forGzip(block: string): string {
  return block.replace('difftar.gpg', 'difftar.gz').replace('gpg --decrypt', 'gunzip -c')
}

function sha1(path: string): string {
  return createHash('sha1').update(readFileSync(path)).digest('hex')
}
