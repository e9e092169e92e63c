import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  diffTrees,
  type Ignored,
  itWith,
  nastyTree,
  recordCase,
  run,
  type Snapshot,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { duplicity, duplicityEnv, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { copyHome, emptyHome, gpgIn, type HomeKeys, makeKeyHome, phrases } from './key-home.ts'
import { long } from './turns.ts'

// What neither program keeps; the reasons are with the names.
const notRoot: readonly Ignored[] = process.getuid?.() === 0 ? [] : ['ownership', 'set-id-bits', 'devices']
const always: readonly Ignored[] = ['sockets', 'fractions', 'times-before-1970', ...notRoot]
const byDuplicity: readonly Ignored[] = [...always, 'symlink-times']

let source = ''
let expected: Snapshot = new Map()
let made: HomeKeys

beforeAll(async () => {
  source = join(await tempDir('keys'), 'source')
  mkdirSync(source)
  await nastyTree(source)
  writeFileSync(join(source, 'several volumes'), createRandom('volumes').bytes(2_500_000))
  expected = await snapshotTree(source)
  made = await makeKeyHome()
}, 300_000)

interface Kind {
  readonly title: string
  readonly encryption: 'public key' | 'signed'
  /** For writing. */
  readonly options: (keys: HomeKeys) => string[]
  /** For reading. */
  readonly reading?: (keys: HomeKeys) => string[]
  readonly writingEnv?: Record<string, string>
  readonly readingEnv?: Record<string, string>
}

const kinds: readonly Kind[] = [
  {
    title: 'several recipients, one of them hidden',
    encryption: 'public key',
    options: ({ open, rsa }) => ['--encrypt-key', rsa, '--hidden-encrypt-key', open],
    readingEnv: { PASSPHRASE: '' },
  },
  {
    title: 'a recipient whose key has a passphrase',
    encryption: 'public key',
    options: ({ locked }) => ['--encrypt-key', locked.slice(-8), '--gpg-options', '--cipher-algo AES192'],
    readingEnv: { PASSPHRASE: phrases.recipient },
  },
  {
    title: 'signed by another key, both with passphrases',
    encryption: 'signed',
    options: ({ locked, signer }) => ['--encrypt-key', locked, '--sign-key', signer],
    reading: ({ signer }) => ['--sign-key', signer.slice(-16)],
    writingEnv: { SIGN_PASSPHRASE: phrases.signer },
    readingEnv: { PASSPHRASE: phrases.recipient },
  },
  {
    title: 'signed by the recipient',
    encryption: 'signed',
    options: ({ locked }) => ['--encrypt-sign-key', locked],
    reading: ({ locked }) => ['--sign-key', locked],
    writingEnv: { PASSPHRASE: phrases.recipient },
    readingEnv: { PASSPHRASE: phrases.recipient },
  },
  {
    title: 'a passphrase, signed',
    encryption: 'signed',
    options: ({ signer }) => ['--sign-key', signer],
    reading: ({ signer }) => ['--sign-key', signer],
    writingEnv: { PASSPHRASE: phrases.signer, SIGN_PASSPHRASE: phrases.signer },
    readingEnv: { PASSPHRASE: phrases.signer },
  },
]

const timeoutMs = 300_000
const versions = Object.keys(duplicityVersions) as DuplicityVersion[]

/** In the short run each kind goes in each direction with one of the versions; with each, one is signed and one is not. */
function isTried(kind: Kind, version: DuplicityVersion, writer: 'us' | 'them'): boolean {
  const at = kinds.indexOf(kind)
  const shift = kind.encryption === 'signed' && writer === 'them' ? 1 : 0
  return long || versions.indexOf(version) === (at + shift) % versions.length
}

for (const version of versions) {
  for (const kind of kinds) {
    if (!isTried(kind, version, 'us') && !isTried(kind, version, 'them')) continue
    describe(`a full backup with keys and duplicity ${version} (${kind.title})`, () => {
      const { encryption, options, reading = () => [], writingEnv: writing = {}, readingEnv: env = {} } = kind
      const record = (direction: 'coalmine-to-duplicity' | 'duplicity-to-coalmine', differences: readonly string[]) => {
        const outcome = differences.length === 0 ? ('same' as const) : ('different' as const)
        recordCase({ version, direction, encryption, volsize: 1, outcome, name: kind.title })
        expect(differences).toEqual([])
      }
      const worlds = async (name: string) => {
        const folder = await tempDir(name)
        mkdirSync(join(folder, 'storage'))
        // Each program has a copy of the keyring: a newer gpg may rewrite its own.
        const [ours, theirs] = [await copyHome(made), await copyHome(made)]
        return { folder, url: `file://${folder}/storage`, ours, theirs, target: join(folder, 'restored') }
      }
      const cache = (folder: string, name: string) => ['--archive-dir', join(folder, name)]

      const peers = [duplicityPeer(version), 'gpg']
      const itTries = (writer: 'us' | 'them', name: string, fn: () => Promise<void>) => {
        if (isTried(kind, version, writer)) itWith(peers, name, fn, 600_000)
      }

      itTries('us', 'ours, restored by the real program, which finds the signature it demands', async () => {
        const { folder, url, ours, theirs, target } = await worlds('ours')
        const args = ['full', source, url, '--volsize', '1', ...options(ours), ...cache(folder, 'a')]
        const written = await coalmine(args, { env: writing, home: ours.home, timeoutMs })
        expect(written.code, said(written)).toBe(0)
        const volumes = readdirSync(join(folder, 'storage')).filter((name) => name.includes('.vol'))
        expect(volumes.length).toBeGreaterThan(2)
        for (const name of volumes) expect(statSync(join(folder, 'storage', name)).size).toBeLessThanOrEqual(1_048_576)
        const words = ['restore', url, target, ...reading(theirs), ...cache(folder, 'b')]
        const restored = await duplicity(version, words, { env, home: theirs.home, timeoutMs })
        expect(restored.code, said(restored)).toBe(0)
        record('coalmine-to-duplicity', diffTrees(expected, await snapshotTree(target), { ignore: byDuplicity }))
      })

      itTries('them', "the real program's, restored by ours, which finds the signature it demands", async () => {
        const { folder, url, ours, theirs, target } = await worlds('theirs')
        const args = ['full', source, url, '--volsize', '1', ...options(theirs), ...cache(folder, 'a')]
        const written = await duplicity(version, args, { env: writing, home: theirs.home, timeoutMs })
        expect(written.code, said(written)).toBe(0)
        const words = ['restore', url, target, ...reading(ours), ...cache(folder, 'b')]
        const restored = await coalmine(words, { env, home: ours.home, timeoutMs })
        expect(restored.code, said(restored)).toBe(0)
        record('duplicity-to-coalmine', diffTrees(expected, await snapshotTree(target), { ignore: always }))
      })
    })
  }

  // What differs between the versions is their gpg alone.
  if (!long && version !== versions[0]) continue
  describe(`what duplicity ${version} and ours refuse, with the same code`, () => {
    itWith(
      [duplicityPeer(version), 'gpg'],
      'another signer, none, no secret key, a wrong passphrase',
      async () => {
        const folder = await tempDir('refused')
        const small = join(folder, 'small')
        mkdirSync(small)
        writeFileSync(join(small, 'a'), 'hello\n')
        const keys = await copyHome(made)
        const theirs = await copyHome(made)
        const server = await emptyHome()
        const publicKey = await run(['gpg', '--export', made.locked], { env: duplicityEnv(keys.home), check: true })
        await gpgIn(server, ['--import'], publicKey.stdout)
        const storages = {
          signed: ['--encrypt-key', keys.open, '--sign-key', keys.signer],
          unsigned: ['--encrypt-key', keys.open],
          locked: ['--encrypt-key', keys.locked],
        }
        for (const [name, options] of Object.entries(storages)) {
          const args = ['full', small, `file://${folder}/${name}`, ...options, '--archive-dir', join(folder, 'a')]
          const written = await coalmine(args, { env: { SIGN_PASSPHRASE: phrases.signer }, home: keys.home })
          expect(written.code, said(written)).toBe(0)
        }
        let count = 0
        const codes = async (name: string, options: string[], env: Record<string, string>, homes: [string, string]) => {
          count += 1
          const words = (who: string) => {
            const target = join(folder, `${who}-${count}`)
            return ['restore', `file://${folder}/${name}`, target, ...options, '--archive-dir', `${target}-cache`]
          }
          const real = await duplicity(version, words('theirs'), { env, home: homes[0] })
          const own = await coalmine(words('ours'), { env, home: homes[1] })
          return [real.code, own.code]
        }
        const both: [string, string] = [theirs.home, keys.home]
        const none = { PASSPHRASE: '' }
        expect(await codes('signed', ['--sign-key', keys.signer], none, both)).toEqual([0, 0])
        expect(await codes('signed', ['--sign-key', keys.rsa], none, both)).toEqual([22, 22])
        expect(await codes('unsigned', ['--sign-key', keys.signer], none, both)).toEqual([22, 22])
        expect(await codes('locked', [], { PASSPHRASE: 'wrong' }, both)).toEqual([31, 31])
        expect(await codes('locked', [], { PASSPHRASE: phrases.recipient }, [server, server])).toEqual([31, 31])
      },
      600_000,
    )
  })
}
