// Has programs newer than Debian 12 write every message of aead.json again, and openpgp.js those that none of them writes.
// They are those of a folder with Debian 13 (duplicity's of the tests, with sqop and rsop in it), entered by chroot:
// node record-aead.mjs FOLDER
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as openpgp from 'openpgp'

const debian = process.argv[2]
const place = new URL('aead.json', import.meta.url)
const file = JSON.parse(readFileSync(place, 'utf8'))
const shared = mkdtempSync(join(debian, 'tmp', 'coalmine-'))
const home = shared.slice(debian.length)
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', GNUPGHOME: home, HOME: home, LC_ALL: 'C' }

function inDebian(argv, input) {
  const { status, stdout, stderr } = spawnSync('chroot', [debian, ...argv], { env, input })
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${String(stderr)}`)
  return stdout
}

/** A packet of type 20 as GnuPG 2.3.0 wrote it with `--aead-algo EAX`, by the classes of openpgp.js. */
async function byOpenPgpJs({ version, mode, cipher, chunkOctet }, content) {
  const sealing = new openpgp.SymEncryptedSessionKeyPacket({ ...openpgp.config, s2kIterationCountByte: 0 })
  const config = { ...openpgp.config, s2kIterationCountByte: 0, aeadChunkSizeByte: chunkOctet }
  sealing.version = version
  sealing.sessionKeyAlgorithm = openpgp.enums.symmetric[cipher]
  sealing.aeadAlgorithm = openpgp.enums.aead[mode]
  await sealing.encrypt(file.passphrase, config)
  const literal = new openpgp.LiteralDataPacket()
  literal.setBytes(new Uint8Array(content), openpgp.enums.literal.binary)
  const data = new openpgp.AEADEncryptedDataPacket()
  data.aeadAlgorithm = openpgp.enums.aead[mode]
  data.packets = new openpgp.PacketList()
  data.packets.push(literal)
  await data.encrypt(sealing.sessionKeyAlgorithm, sealing.sessionKey, config)
  data.encrypted = await data.encrypted.readToEnd((pieces) => Buffer.concat(pieces))
  const packets = new openpgp.PacketList()
  packets.push(sealing, data)
  return Buffer.from(packets.write())
}

try {
  const phrase = `${home}/phrase`
  writeFileSync(join(debian, phrase), file.passphrase)
  file.versions = ['gpg', 'sqop', 'rsop'].map(
    (name) =>
      inDebian([name, name === 'gpg' ? '--version' : 'version'])
        .toString()
        .split('\n')[0],
  )
  const gpg = ['gpg', '--batch', '--pinentry-mode', 'loopback', '--s2k-count', '2048', '--trust-model', 'always']
  inDebian([...gpg, '--passphrase', '', '--quick-gen-key', 'someone@example.org', 'ed25519', 'cert', 'never'])
  const listing = inDebian([...gpg, '--with-colons', '--list-keys']).toString()
  inDebian([
    ...gpg,
    '--passphrase',
    '',
    '--quick-add-key',
    /^fpr:+([0-9A-F]{40}):/m.exec(listing)[1],
    'cv25519',
    'encr',
    'never',
  ])
  file.secretKey = inDebian([...gpg, '--export-secret-keys', '--armor']).toString()
  for (const one of file.messages) {
    const content = Buffer.from(file.contents[one.content]).subarray(0, one.bytes)
    const { by, args } = one
    const symmetric = args.includes?.('--encrypt') ? [] : ['--symmetric']
    const stored =
      by === 'gpg'
        ? inDebian([...gpg, '--passphrase-file', phrase, ...args, ...symmetric], content)
        : by === 'openpgp.js'
          ? await byOpenPgpJs(args, content)
          : inDebian([by, 'encrypt', '--no-armor', '--profile', 'rfc9580', '--with-password', phrase, ...args], content)
    one.stored = stored.toString('base64')
  }
} finally {
  spawnSync('chroot', [debian, 'gpgconf', '--kill', 'all'], { env })
  rmSync(shared, { recursive: true })
}
const lines = file.messages.map((one) => `    ${JSON.stringify(one)}`).join(',\n')
const { messages: _, ...head } = file
writeFileSync(place, `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "messages": [\n${lines}\n  ]\n}\n`)
