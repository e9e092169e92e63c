#!/usr/bin/env node
// Makes docs/formats/examples.md out of what our packages write; with --check it only compares.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import '../tooling/vitest/strip-types.mjs'
import { root } from './bootstrap.mjs'

const file = join(root, 'docs', 'formats', 'examples.md')

/** Every example: what it shows, and its bytes. Chance and clock are fixed. */
export async function formatExamples() {
  const format = await import('../packages/volume-format/src/index.ts')
  const rdiff = await import('../packages/rdiff/src/index.ts')
  const { encryptMessage } = await import('../packages/openpgp/src/index.ts')
  const hello = Buffer.from('hello\n')
  const common = { uid: 1000, gid: 1000, mtimeSeconds: 1_600_000_000, userName: 'ann', groupName: 'users' }
  const root = { ...common, path: '', kind: 'directory', mode: 0o755 }
  const a = { ...common, path: 'a', kind: 'file', mode: 0o644 }
  const signature = rdiff.signature(hello, { blockBytes: 512 })
  const delta = await collect(rdiff.delta(once('hello\nworld\n'), await rdiff.readSignature(once(signature))))
  const full = { type: 'full', timeSeconds: 1_700_000_000 }
  const inc = { type: 'inc', startSeconds: 1_700_000_000, endSeconds: 1_700_086_400 }
  const names = [full, inc].flatMap((set) => [
    format.formatName({ object: 'volume', set, volume: 1, suffix: '.gpg' }),
    format.formatName({ object: 'signatures', set, suffix: '.gpg' }),
    format.formatName({ object: 'manifest', set, suffix: '.gpg' }),
  ])
  const place = (path, block) => ({ path, block })
  const volume = (number, start, end, hex) => ({ number, start, end, hashes: [{ name: 'SHA1', hex }] })
  const manifest = format.formatManifest({
    hostname: 'host',
    localDir: '/home/ann/My Files',
    volumes: new Map([
      [1, volume(1, place(''), place('big', 16), '2d29c68b025b000ac71a93818501a4a567d6bc89')],
      [2, volume(2, place('big', 17), place('new\nline'), '14d8acf3267a7faa01bfc6f45e1f3c2fae2c5086')],
    ]),
    files: [
      { action: 'new', path: 'big' },
      { action: 'changed', path: 'new\nline' },
    ],
  })
  const volumeMembers = [
    { action: 'snapshot', meta: root },
    { action: 'snapshot', meta: a, data: hello },
    { action: 'deleted', path: 'gone' },
  ].map((member) => format.encodeDiffTarMember(member))
  const chunk = format.encodeDiffTarMember({ action: 'snapshot', meta: { ...a, path: 'big' }, data: hello, block: 2 })
  const signatures = [
    { action: 'snapshot', meta: root },
    { action: 'signature', meta: a, signature },
  ].map((member) => format.encodeSigTarMember(member))
  const message = encryptMessage(once(hello), {
    passphrase: 'test',
    compression: { algorithm: 'none' },
    random: (count) => Buffer.alloc(count, count),
    nowMs: () => 1_700_000_000_000,
  })
  return [
    { name: 'names', title: 'Names of a full set and an increment', text: `${names.join('\n')}\n` },
    { name: 'manifest', title: 'A manifest', text: Buffer.from(manifest).toString('latin1') },
    {
      name: 'volume',
      title: 'Three members of a volume: the root, the file `a`, a path that is gone',
      bytes: Buffer.concat(volumeMembers),
    },
    { name: 'chunk', title: 'The second chunk of the file `big`', bytes: Buffer.from(chunk) },
    { name: 'signature-file', title: 'Two members of a signature file', bytes: Buffer.concat(signatures) },
    {
      name: 'signature',
      title: 'The signature of `hello` and a line feed, in blocks of 512 bytes',
      bytes: Buffer.from(signature),
    },
    { name: 'delta', title: 'The delta from that to `hello` and `world`, each with a line feed', bytes: delta },
    {
      name: 'message',
      title: 'The six bytes encrypted with the passphrase `test`, not compressed, chance fixed',
      bytes: await collect(message),
    },
  ]
}

async function* once(content) {
  yield typeof content === 'string' ? Buffer.from(content) : content
}

async function collect(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Sixteen bytes a line, as hexdump -C has them; lines that repeat are a star. */
function dump(bytes) {
  const lines = []
  let before
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const shown = row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.')
    if (hex === before) {
      if (lines.at(-1) !== '*') lines.push('*')
      continue
    }
    before = hex
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  |${shown}|`)
  }
  return [...lines, bytes.length.toString(16).padStart(8, '0')].join('\n')
}

export async function examplesPage() {
  const parts = (await formatExamples()).map(
    ({ name, title, text, bytes }) => `## ${name}\n\n${title}.\n\n\`\`\`text\n${text ?? `${dump(bytes)}\n`}\`\`\`\n`,
  )
  return ['# Examples\n\nMade by `node scripts/format-examples.mjs`, out of what the packages write.\n', ...parts].join(
    '\n',
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = await examplesPage()
  if (!process.argv.includes('--check')) writeFileSync(file, page)
  else if (readFileSync(file, 'utf8') !== page) {
    console.log('docs/formats/examples.md is not what the packages write: run node scripts/format-examples.mjs')
    process.exitCode = 1
  }
}
