// Has the installed GnuPG write every message of gpg.json again: node record.mjs
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const place = new URL('gpg.json', import.meta.url)
const file = JSON.parse(readFileSync(place, 'utf8'))
const home = mkdtempSync(join(tmpdir(), 'coalmine-gpg-'))
const env = { ...process.env, GNUPGHOME: home, LC_ALL: 'C' }
const gpg = (args, input) => {
  const { status, stdout, stderr } = spawnSync('gpg', ['--batch', '--pinentry-mode', 'loopback', ...args], {
    env,
    input,
  })
  if (status !== 0) throw new Error(`gpg ${args.join(' ')}: ${String(stderr)}`)
  return stdout
}
try {
  file.version = gpg(['--version']).toString().split('\n')[0]
  const phrase = join(home, 'phrase')
  writeFileSync(phrase, file.passphrase)
  gpg(['--passphrase', '', '--quick-gen-key', 'someone@example.org', 'future-default', 'default', 'never'])
  for (const one of file.messages) {
    const content = Buffer.from(file.contents[one.content].repeat(one.times ?? 1))
    const args = ['--s2k-count', '2048', '--trust-model', 'always', '--passphrase-file', phrase, ...one.args]
    one.stored = gpg(one.args.includes('--encrypt') ? args : [...args, '--symmetric'], content).toString('base64')
  }
} finally {
  spawnSync('gpgconf', ['--kill', 'gpg-agent'], { env })
  rmSync(home, { recursive: true })
}
const lines = file.messages.map((one) => `    ${JSON.stringify(one)}`).join(',\n')
const { messages: _, ...head } = file
writeFileSync(place, `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "messages": [\n${lines}\n  ]\n}\n`)
