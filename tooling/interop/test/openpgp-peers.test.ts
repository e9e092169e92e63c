import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom, itWith, type Peer, run, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityEnv, duplicityPeer, inWorldOf, trixiePeer } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { emptyHome, gpgIn } from './key-home.ts'
import { passphrase as env } from './storages.ts'

// OpenPGP of other programs than the gpg here: gpg 2.4, Sequoia and rPGP, those of Debian 13. Judges: what they read of
// ours, and that what they write, by themselves or for duplicity, is read by us.

let folder = ''
let source = ''
const content = createRandom('other programs').bytes(150_000)

beforeAll(async () => {
  folder = await tempDir('others')
  source = join(folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'file'), content)
  writeFileSync(join(folder, 'phrase'), env.PASSPHRASE)
})

const profile = ['--openpgp-profile', 'rfc9580']

/** A full backup by us; the paths of what was stored. */
async function written(
  name: string,
  options: readonly string[],
  more: Record<string, string> = env,
): Promise<string[]> {
  const words = ['full', source, `file://${folder}/${name}`, ...options, '--archive-dir', join(folder, `${name}-cache`)]
  const outcome = await coalmine(words, { env: more })
  expect(outcome.code, said(outcome)).toBe(0)
  return readdirSync(join(folder, name)).map((one) => join(folder, name, one))
}

async function restores(name: string, options: readonly string[], more: Record<string, string>, home?: string) {
  const target = join(folder, `${name}-restored`)
  const words = ['restore', `file://${folder}/${name}`, target, ...options, '--archive-dir', `${target}-cache`]
  const outcome = await coalmine(words, { env: more, home })
  expect(outcome.code, said(outcome)).toBe(0)
  expect(Buffer.compare(readFileSync(join(target, 'file')), content)).toBe(0)
}

interface Reader {
  readonly name: string
  readonly peer: Peer
  readonly argv: (path: string) => string[]
  /** By SOP's rules they read standard input. */
  readonly input?: boolean
}

const readers: readonly Reader[] = [
  {
    name: 'sq',
    peer: trixiePeer('sq'),
    argv: (path) => ['sq', 'decrypt', '--password-file', `${folder}/phrase`, path],
  },
  ...(['sqop', 'rsop'] as const).map((name) => ({
    name,
    peer: trixiePeer(name),
    argv: () => [name, 'decrypt', '--with-password', `${folder}/phrase`],
    input: true,
  })),
]
const gpg24: Reader = {
  name: 'gpg 2.4',
  peer: trixiePeer('gpg'),
  argv: (path) => [
    'gpg',
    '--batch',
    '--pinentry-mode',
    'loopback',
    '--passphrase-file',
    `${folder}/phrase`,
    '-d',
    path,
  ],
}

async function readBy({ argv, input }: Reader, path: string, home: string) {
  const options = { env: duplicityEnv(home), input: input === true ? readFileSync(path) : undefined }
  return run(inWorldOf('3.0.4', argv(path), { cwd: home }), options)
}

/** What begins a volume, a signature file and a manifest. */
const beginnings = [/^multivol_snapshot|^snapshot/, /^signature/, /^Hostname/]

describe('what is written under a passphrase', () => {
  let paths: string[] = []
  let newPaths: string[] = []
  beforeAll(async () => {
    paths = await written('default', [])
    newPaths = await written('rfc9580', profile)
  })

  const isRead = async (reader: Reader, stored: readonly string[]) => {
    const home = await emptyHome()
    expect(stored.length).toBe(3)
    for (const path of stored) {
      const { code, stdout, stderr } = await readBy(reader, path, home)
      expect(code, stderr.toString()).toBe(0)
      expect(beginnings.some((one) => one.test(stdout.toString('latin1')))).toBe(true)
    }
  }

  for (const reader of readers) {
    itWith([reader.peer], `is read by ${reader.name}, both profiles (judge: ${reader.name})`, async () => {
      await isRead(reader, paths)
      await isRead(reader, newPaths)
    })
  }

  itWith(
    [gpg24.peer],
    'is read by gpg 2.4, but not the profile rfc9580, as the help says (judge: gpg 2.4)',
    async () => {
      await isRead(gpg24, paths)
      expect((await readBy(gpg24, newPaths[0]!, await emptyHome())).code).toBe(2)
    },
  )
})

describe('keys of Sequoia as of RFC 9580', () => {
  for (const version of ['rfc9580', 'rfc4880']) {
    itWith([trixiePeer('sqop')], `made with its profile ${version}: ours is for them (judge: sqop)`, async () => {
      const home = await emptyHome()
      const sop = async (args: string[], input?: Uint8Array) => {
        const world = inWorldOf('3.0.4', ['sqop', ...args], { cwd: home })
        return (await run(world, { env: duplicityEnv(home), input, check: true })).stdout
      }
      const [key, certificate] = [join(home, 'key.pgp'), join(home, 'certificate.asc')]
      const secret = await sop(['generate-key', '--no-armor', '--profile', version, 'someone'])
      writeFileSync(key, secret)
      writeFileSync(certificate, await sop(['extract-cert'], secret))
      const name = `sequoia ${version}`
      const paths = await written(name, ['--encrypt-key', certificate, ...profile], {})
      for (const path of paths) {
        const plain = await sop(['decrypt', key], readFileSync(path))
        expect(beginnings.some((one) => one.test(plain.toString('latin1')))).toBe(true)
      }
      await restores(name, ['--encrypt-secret-keyring', key], {}, home)
    })
  }
})

describe('what the real duplicity writes by gpg 2.4 with authenticated encryption', () => {
  const peers = [duplicityPeer('3.0.4'), trixiePeer('gpg'), 'gpg']
  const forced = ['--gpg-options=--force-ocb']

  itWith(peers, 'under a passphrase is restored by us', async () => {
    const words = ['full', source, `file://${folder}/ocb`, ...forced, '--archive-dir', join(folder, 'ocb-cache')]
    mkdirSync(join(folder, 'ocb'))
    const outcome = await duplicity('3.0.4', words, { env })
    expect(outcome.code, said(outcome)).toBe(0)
    expectOcb('ocb')
    await restores('ocb', [], env)
  })

  itWith(peers, 'for a key is restored by us, with the keyring: the gpg here opens its session keys', async () => {
    const [home, theirs] = [await emptyHome(), await emptyHome()]
    await gpgIn(home, ['--passphrase', '', '--quick-gen-key', 'someone', 'ed25519', 'sign', 'never'])
    const listing = await gpgIn(home, ['--with-colons', '--list-keys'])
    const key = /^fpr:+([0-9A-F]{40}):/m.exec(listing)![1]!
    await gpgIn(home, ['--passphrase', '', '--quick-add-key', key, 'cv25519', 'encr', 'never'])
    const exported = await run(['gpg', '--export', key], { env: duplicityEnv(home), check: true })
    await gpgIn(theirs, ['--import'], exported.stdout)
    mkdirSync(join(folder, 'ocb-key'))
    const words = ['full', source, `file://${folder}/ocb-key`, '--archive-dir', join(folder, 'ocb-key-cache')]
    const how = ['--encrypt-key', key, '--gpg-options', '--force-ocb --trust-model=always']
    const outcome = await duplicity('3.0.4', [...words, ...how], { home: theirs })
    expect(outcome.code, said(outcome)).toBe(0)
    expectOcb('ocb-key')
    await restores('ocb-key', [], { PASSPHRASE: '' }, home)
  })
})

/** Each object has a packet of type 20 after that of its session key. */
function expectOcb(name: string): void {
  const stored = readdirSync(join(folder, name)).map((one) => readFileSync(join(folder, name, one)))
  expect(stored.length).toBe(3)
  for (const bytes of stored) expect(bytes[2 + bytes[1]!]).toBe(0xd4)
}
