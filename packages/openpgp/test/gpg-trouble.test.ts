import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes } from '@coalmine/bytes'
import { itWith, tempDir } from '@coalmine/fixtures'
import { beforeAll, describe, expect } from 'vitest'
import { createKeyEnvelope, type GpgOptions, type KeyEnvelopeOptions } from '../src/index.ts'
import { encodePacket } from '../src/lib/packet-writer.ts'
import { agentSettings, createKeyring, type Keyring, scriptFor } from './keyring.ts'

const secret = 'geheim-Xyzzy-42'
let ring: Keyring
let key = ''
let stored: Uint8Array

beforeAll(async () => {
  ring = await createKeyring()
  key = await ring.make('locked', { passphrase: secret })
  stored = await ring.out(['--recipient', key, '--encrypt'], Buffer.from('hello'))
  await ring.forget()
}, 120_000)

async function read(options: KeyEnvelopeOptions, bytes = stored): Promise<string> {
  const envelope = createKeyEnvelope({ keyPassphrase: secret, ...options })
  return Buffer.from(await collect(envelope.open('volume', fromBytes(bytes)))).toString()
}

async function refusedBy(gpg: GpgOptions, words: RegExp, options: KeyEnvelopeOptions = {}) {
  const reading = read({ gpg, ...options })
  await expect(reading).rejects.toMatchObject({ name: 'OpenPgpError', code: 'gpg' })
  await expect(reading).rejects.toThrow(words)
  await expect(reading).rejects.toThrow(/^Cannot [^\n]*[^.\n]$/)
}

/** The settings of the home, for the time of a test. */
async function withSettings(file: string, text: string, run: () => Promise<void>): Promise<void> {
  const path = join(ring.home, file)
  const before = file === 'gpg.conf' ? '' : agentSettings
  writeFileSync(path, before + text)
  await ring.forget()
  try {
    await run()
  } finally {
    writeFileSync(path, before)
    await ring.forget()
  }
}

describe('a gpg', () => {
  itWith('gpg', 'that is not there, or does not start, is named', async () => {
    await refusedBy({ binary: '/nowhere/gpg' }, /with "\/nowhere\/gpg": there is no such program/)
    await refusedBy({ binary: join(ring.home, 'pubring.kbx') }, /it does not start \(EACCES\)/)
    for (const options of [{ recipients: [key] }, { passphrase: 'x', signer: key }] as KeyEnvelopeOptions[]) {
      const envelope = createKeyEnvelope({ ...options, gpg: { binary: '/nowhere/gpg' } })
      await expect(envelope.prepare('seal')).rejects.toMatchObject({ code: 'gpg' })
      await expect(envelope.prepare('seal')).rejects.toThrow(new RegExp(`the key "${key}" with "/nowhere/gpg": there`))
    }
  })

  itWith('gpg', 'that hangs is ended', async () => {
    const binary = await scriptFor('trap "" TERM; sleep 600 & wait; wait')
    await refusedBy({ binary, timeoutMs: 300 }, /it has not answered for 0.3 seconds/)
  })

  itWith('gpg', 'that hangs while it takes content to sign is ended', async () => {
    const hanging = await scriptFor(`case "$*" in *--list*) exec gpg "$@";; esac
if [ -e "$0.once" ]; then exec sleep 600; fi
touch "$0.once"; exec gpg "$@"`)
    const options = { passphrase: 'x', s2kCount: 1024, signer: key, signPassphrase: secret }
    const envelope = createKeyEnvelope({ ...options, gpg: { binary: hanging, home: ring.home, timeoutMs: 3000 } })
    const sealing = collect(envelope.seal('volume', fromBytes(new Uint8Array(2_000_000)).open()))
    await expect(sealing).rejects.toThrow(/sign with the key.*it has not answered for 3 seconds/)
  })

  itWith('gpg', 'that does not stop talking is ended', async () => {
    const status = await scriptFor('while :; do echo "[GNUPG:] NOTHING"; done >&4')
    await refusedBy({ binary: status }, /its answer is longer than \d+ bytes/)
    const output = await scriptFor('exec yes')
    const envelope = createKeyEnvelope({ recipients: [key], gpg: { binary: output } })
    await expect(envelope.prepare('seal')).rejects.toThrow(/its answer is longer than \d+ bytes/)
    const words = await scriptFor('yes | head -c 30000000 >&2; printf "gpg: \\033[31mlast\\n" >&2; exit 2')
    await refusedBy({ binary: words }, /it said "\?\[31mlast"$/)
  })

  itWith('gpg', 'that answers nonsense opens nothing', async () => {
    for (const line of [
      'SESSION_KEY 9:00',
      'SESSION_KEY 9:zz',
      `SESSION_KEY 99:${'AB'.repeat(32)}`,
      `SESSION_KEY 9:${'AB'.repeat(32)}`,
    ]) {
      const binary = await scriptFor(`cat > /dev/null; echo "[GNUPG:] ${line}" >&4`)
      await expect(read({ gpg: { binary } }), line).rejects.toMatchObject({ name: 'OpenPgpError' })
    }
  })

  itWith('gpg', 'is ended when the run is', async () => {
    const binary = await scriptFor('exec sleep 600')
    const controller = new AbortController()
    const reading = read({ gpg: { binary }, signal: controller.signal })
    setTimeout(() => controller.abort('enough'), 200)
    await expect(reading).rejects.toBe('enough')
  })

  itWith('gpg', 'without its agent, or one that takes no passphrase from us, says what is wrong', async () => {
    await withSettings('gpg.conf', 'no-autostart\n', async () => {
      await refusedBy(
        { home: ring.home },
        /gpg does not get the secret key \w+ from its agent: it said "no gpg-agent running/,
      )
      const envelope = createKeyEnvelope({ passphrase: 'x', s2kCount: 1024, signer: key, gpg: { home: ring.home } })
      await expect(envelope.prepare('seal')).rejects.toThrow(/agent/)
      await expect(envelope.prepare('seal')).rejects.toMatchObject({ code: 'gpg' })
    })
    await withSettings('gpg-agent.conf', 'no-allow-loopback-pinentry\n', async () => {
      await refusedBy({ home: ring.home }, /it said "setting pinentry mode 'loopback' failed/)
    })
    await withSettings('gpg-agent.conf', 'pinentry-program /nowhere/pinentry\n', async () => {
      await refusedBy({ home: ring.home }, /gpg cannot use the secret key .*No pinentry/, { keyPassphrase: undefined })
    })
  })
})

describe('secrets', () => {
  itWith(
    'gpg',
    'are in no argument, no environment and no file of settings that log (judge: what gpg was given)',
    async () => {
      const seen = join(await tempDir('seen'), 'seen')
      const binary = await scriptFor(
        `tr '\\0' '\\n' < /proc/$$/cmdline >> ${seen}; tr '\\0' '\\n' < /proc/$$/environ >> ${seen}; exec gpg "$@"`,
      )
      const leak = join(ring.home, 'leak')
      process.env['PASSPHRASE'] = secret
      process.env['SOME_PASSWORD'] = secret
      try {
        await withSettings('gpg.conf', `log-file ${leak}\noutput ${leak}2\narmor\nverbose\n`, async () => {
          const options = { gpg: { binary, home: ring.home }, signPassphrase: secret }
          expect(await read(options)).toBe('hello')
          const envelope = createKeyEnvelope({ ...options, recipients: [key], signer: key, keyPassphrase: secret })
          const sealed = await collect(envelope.seal('volume', fromBytes(Buffer.from('ours')).open()))
          expect(await read(options, sealed)).toBe('ours')
        })
      } finally {
        delete process.env['PASSPHRASE']
        delete process.env['SOME_PASSWORD']
      }
      const given = readFileSync(seen, 'latin1')
      expect(given).toContain('--show-session-key')
      expect(given).toContain('--detach-sign')
      expect(given).not.toContain(secret)
      for (const file of ['leak', 'leak2']) expect(() => readFileSync(join(ring.home, file))).toThrow(/ENOENT/)
    },
  )

  itWith('gpg', 'the content never goes to gpg when a message is opened (judge: what gpg was given)', async () => {
    const seen = join(await tempDir('seen'), 'seen')
    const binary = await scriptFor(`tee ${seen} | gpg "$@"`)
    const large = await ring.out(['--recipient', key, '--encrypt'], Buffer.alloc(1_000_000, 'secret '))
    expect(await read({ gpg: { binary, home: ring.home } }, large)).toHaveLength(1_000_000)
    expect(readFileSync(seen).length).toBeLessThan(150)
  })
})

describe('a message with many recipients', () => {
  itWith('gpg', 'is opened, and refused where there are more than anybody has', async () => {
    const own = Buffer.from(stored.subarray(2, 96))
    const strange = (count: number) =>
      Array.from({ length: count }, (_, at) => {
        const body = Buffer.from(own)
        body.writeUInt32BE(at, 1)
        return encodePacket(1, body)
      })
    expect(await read({ gpg: { home: ring.home } }, Buffer.concat([...strange(200), stored]))).toBe('hello')
    await expect(read({ gpg: { home: ring.home } }, Buffer.concat([...strange(300), stored]))).rejects.toMatchObject({
      code: 'too-large',
    })
    const hidden = Array.from({ length: 33 }, () => encodePacket(1, Buffer.from(own).fill(0, 1, 9)))
    const secretKeys = [{ name: 'k', bytes: await ring.out(['--passphrase', secret, '--export-secret-keys', key]) }]
    for (const options of [{ gpg: { home: ring.home } }, { secretKeys }]) {
      const reading = read(options, Buffer.concat([...hidden, stored]))
      await expect(reading).rejects.toMatchObject({ code: 'too-large' })
      await expect(reading).rejects.toThrow(/more than 32 hidden recipients/)
    }
    const long = encodePacket(1, Buffer.alloc(5000, 3))
    await expect(read({ secretKeys }, Buffer.concat([long, stored]))).rejects.toMatchObject({ code: 'too-large' })
  })

  itWith('gpg', 'whose session key packet was damaged is refused', async () => {
    const secretKeys = [{ name: 'k', bytes: await ring.out(['--passphrase', secret, '--export-secret-keys', key]) }]
    const damaged = Buffer.from(stored)
    damaged[60]! ^= 1
    for (const options of [{ gpg: { home: ring.home } }, { secretKeys }]) {
      await expect(read(options, damaged)).rejects.toMatchObject({ name: 'OpenPgpError' })
    }
  })
})
