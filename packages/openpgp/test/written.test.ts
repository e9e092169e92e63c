import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { createRandom, itWith, run } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import * as openpgp from 'openpgp'
import { describe, expect, it } from 'vitest'
import { encryptMessage, type PassphraseOptions } from '../src/index.ts'
import { content, edges } from './content.ts'
import { createGpg } from './gpg.ts'

const passphrase = 'correct horse \u00fc'
const quick = { passphrase, s2kCount: 1024 }

async function readByOpenPgpJs(stored: Uint8Array, password = passphrase): Promise<Uint8Array> {
  const message = await openpgp.readMessage({ binaryMessage: stored })
  const { data } = await openpgp.decrypt({ message, passwords: [password], format: 'binary' })
  return data
}

describe('encryptMessage()', () => {
  it('writes what openpgp.js reads, for any pieces and sizes (judge: openpgp.js)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          { weight: 12, arbitrary: fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 6 }) },
          { weight: 2, arbitrary: fc.array(fc.constantFrom(1, 8186, 8192, 16_384, 20_000), { maxLength: 4 }) },
        ),
        fc.integer({ min: 0, max: content.length - 100_000 }),
        fc.constantFrom<PassphraseOptions['compression']>(
          undefined,
          { algorithm: 'none' },
          { algorithm: 'zip', level: 0 },
          { algorithm: 'zip', level: 9, chunkBytes: 5000, parallel: 3 },
        ),
        async (sizes, from, compression) => {
          let at = from
          const pieces = sizes.map((size) => content.subarray(at, (at += size)))
          const stored = await collect(encryptMessage(fromChunks(pieces), { ...quick, compression }))
          const plain = await readByOpenPgpJs(stored)
          expect(Buffer.compare(plain, content.subarray(from, at))).toBe(0)
        },
      ),
      { numRuns: 1000 },
    )
  })

  itWith('gpg', 'writes what gpg reads, at every edge (judge: gpg)', async () => {
    const gpg = await createGpg(passphrase)
    const random = createRandom('written')
    const names: string[] = []
    const written = new Map<string, Uint8Array>()
    for (const algorithm of ['zip', 'none'] as const) {
      for (const size of edges) {
        const path = join(gpg.dir, `${algorithm}-${size}`)
        const from = random.integer(0, content.length - size)
        const plain = content.subarray(from, from + size)
        const pieces = fromBytes(plain, random.pick([1000, 8192, 65_536, 1_048_576])).open()
        await writeFile(`${path}.gpg`, await collect(encryptMessage(pieces, { ...quick, compression: { algorithm } })))
        names.push(`${path}.gpg`)
        written.set(path, plain)
      }
    }
    const { code, stderr } = await gpg.run(['--decrypt-files', ...names])
    expect(`${code} ${stderr.toString()}`).not.toMatch(/warning|error|fail|bad/i)
    for (const [path, plain] of written) expect(Buffer.compare(await readFile(path), plain), path).toBe(0)
  })

  for (const algorithm of ['zip', 'none'] as const) {
    itWith(
      'gpg',
      `writes with ${algorithm} what gpg reads without a warning and lists as promised (judge: gpg)`,
      async () => {
        const gpg = await createGpg(passphrase)
        const plain = content.subarray(0, 300_000)
        const nowMs = () => Date.UTC(2024, 1, 29, 12) + 999
        const options = { passphrase, nowMs, compression: { algorithm } }
        const stored = await collect(encryptMessage(fromBytes(plain).open(), options))

        const { code, stdout, stderr } = await gpg.decrypt(stored)
        expect({ code, same: stdout.equals(plain) }).toEqual({ code: 0, same: true })
        const said = stderr.toString()
        // Cipher 9 is AES-256; 2 is the version of the modification detection code.
        expect(said).toContain('[GNUPG:] DECRYPTION_INFO 2 9')
        expect(said).toContain('[GNUPG:] GOODMDC')
        expect(said).toContain(`[GNUPG:] PLAINTEXT 62 ${Date.UTC(2024, 1, 29, 12) / 1000} \n`)
        expect(said.split('\n').filter((line) => line !== '' && !/^\[GNUPG:\]|keybox .* created$/.test(line))).toEqual([
          'gpg: AES256.CFB encrypted session key',
          'gpg: encrypted with 1 passphrase',
        ])

        const list = await gpg.run(['--list-packets', join(gpg.dir, 'message.gpg')])
        const packets = list.stdout.toString().replaceAll(/salt [0-9A-F]{16}/g, 'salt …')
        const lines = packets.split('\n').filter((line) => /^:|^\tsalt|ctb=/.test(line))
        expect(lines.map((line) => line.trim().replace(/^# off=\d+ /, ''))).toEqual([
          'ctb=c3 tag=3 hlen=2 plen=46 new-ctb',
          ':symkey enc packet: version 4, cipher 9, aead 0,s2k 3, hash 8, seskey 256 bits',
          'salt …, count 65011712 (255)',
          'ctb=d2 tag=18 hlen=2 plen=0 partial new-ctb',
          ':encrypted data packet:',
          ...(algorithm === 'zip' ? ['ctb=a3 tag=8 hlen=1 plen=0 indeterminate', ':compressed packet: algo=1'] : []),
          'ctb=cb tag=11 hlen=2 plen=0 partial new-ctb',
          ':literal data packet:',
        ])
      },
    )
  }

  itWith(['gpg', 'duplicity'], 'is read by gpg with the options duplicity gives it (judge: gpg)', async () => {
    const gpg = await createGpg(passphrase)
    const path = join(gpg.dir, 'volume.gpg')
    await writeFile(path, await collect(encryptMessage(fromBytes(content).open(), { passphrase })))
    const { code, stdout } = await run(
      ['gpg', '--passphrase-fd', '0', '--batch', '--no-tty', '--no-secmem-warning', '--ignore-mdc-error'].concat([
        '--pinentry-mode=loopback',
        '--homedir',
        gpg.dir,
        '--decrypt',
        path,
      ]),
      { input: Buffer.from(passphrase) },
    )
    expect({ code, same: stdout.equals(content) }).toEqual({ code: 0, same: true })
  })

  it('takes a passphrase as bytes', async () => {
    const passphrase = Buffer.from('gr\u00fc\u00df', 'utf8')
    const stored = await collect(encryptMessage(fromBytes(content.subarray(0, 9)).open(), { ...quick, passphrase }))
    expect(Buffer.compare(await readByOpenPgpJs(stored, 'gr\u00fc\u00df'), content.subarray(0, 9))).toBe(0)
  })

  it('refuses wrong options at once', () => {
    const nothing = () => fromBytes(new Uint8Array(0)).open()
    expect(() => encryptMessage(nothing(), { passphrase: '' })).toThrow(RangeError)
    expect(() => encryptMessage(nothing(), { passphrase, s2kCount: 1000 })).toThrow(RangeError)
    const algorithm = 'bzip2' as 'zip'
    expect(() => encryptMessage(nothing(), { passphrase, compression: { algorithm } })).toThrow(RangeError)
    expect(() => encryptMessage(nothing(), { passphrase: undefined as unknown as string })).toThrow(TypeError)
  })

  it('uses no salt, session key or noise twice', async () => {
    const seen: string[] = []
    const random = (count: number) => {
      const bytes = globalThis.crypto.getRandomValues(new Uint8Array(count))
      seen.push(Buffer.from(bytes).toString('hex'))
      return bytes
    }
    for (let i = 0; i < 3; i++) await collect(encryptMessage(fromChunks([]), { ...quick, random }))
    expect(seen.map((hex) => hex.length / 2)).toEqual([8, 32, 16, 8, 32, 16, 8, 32, 16])
    expect(new Set(seen).size).toBe(9)
  })
})
