import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { root } from './bootstrap.mjs'
import { examplesPage, formatExamples } from './format-examples.mjs'

const examples = new Map((await formatExamples()).map((one) => [one.name, one]))
const bytesOf = (name) => examples.get(name).bytes

// Judges: tar, rdiff and gpg read the very bytes that docs/formats shows.

describe('docs/formats/examples.md', () => {
  it('is what the packages write', async () => {
    const page = readFileSync(join(root, 'docs', 'formats', 'examples.md'), 'utf8')
    expect(page === (await examplesPage()), 'run node scripts/format-examples.mjs').toBe(true)
  })

  it('is pointed to by every description', () => {
    for (const name of ['names', 'manifest', 'volumes', 'signatures', 'encryption']) {
      const text = readFileSync(join(root, 'docs', 'formats', `${name}.md`), 'utf8')
      const targets = [...text.matchAll(/examples\.md#([\w-]+)/g)].map(([, target]) => target)
      expect(targets.length).toBeGreaterThan(0)
      for (const target of targets) expect(examples.has(target), target).toBe(true)
    }
  })

  itWith(['tar'], 'has volumes and signature files that tar lists', async () => {
    const list = async (name) => {
      const argv = ['tar', '-tvf', '-', '--full-time', '--utc']
      const { stdout } = await run(argv, {
        input: bytesOf(name),
        check: true,
        env: { PATH: process.env.PATH, LC_ALL: 'C' },
      })
      return stdout.toString().replaceAll(/ +/g, ' ').trim().split('\n')
    }
    const time = '2020-09-13 12:26:40'
    expect(await list('volume')).toEqual([
      `drwxr-xr-x ann/users 0 ${time} snapshot/./`,
      `-rw-r--r-- ann/users 6 ${time} snapshot/a`,
      '---------- 0/0 0 1970-01-01 00:00:00 deleted/gone',
    ])
    expect(await list('chunk')).toEqual([`-rw-r--r-- ann/users 6 ${time} multivol_snapshot/big/2`])
    expect(await list('signature-file')).toEqual([
      `drwxr-xr-x ann/users 0 ${time} snapshot/`,
      `-rw-r--r-- ann/users 24 ${time} signature/a`,
    ])
  })

  itWith(['rdiff'], 'has a signature that rdiff makes too, and a delta that it applies', async () => {
    const folder = await tempDir('formats')
    const [old, signature, delta, fresh] = ['old', 'signature', 'delta', 'new'].map((name) => join(folder, name))
    writeFileSync(old, 'hello\n')
    await run(['rdiff', '-H', 'md4', '-R', 'rollsum', '-b', '512', '-S', '8', 'signature', old, signature], {
      check: true,
    })
    expect(readFileSync(signature).equals(bytesOf('signature'))).toBe(true)
    writeFileSync(delta, bytesOf('delta'))
    await run(['rdiff', 'patch', old, delta, fresh], { check: true })
    expect(readFileSync(fresh, 'utf8')).toBe('hello\nworld\n')
  })

  itWith(['gpg'], 'has a message that gpg opens, made of the packets that are described', async () => {
    const home = await tempDir('g')
    const env = { PATH: process.env.PATH, HOME: home, GNUPGHOME: home, LC_ALL: 'C' }
    writeFileSync(join(home, 'passphrase'), 'test')
    const gpg = ['gpg', '--batch', '--pinentry-mode', 'loopback', '--passphrase-file', join(home, 'passphrase')]
    try {
      const { stdout } = await run([...gpg, '--decrypt'], { env, input: bytesOf('message'), check: true })
      expect(stdout.toString()).toBe('hello\n')
      const packets = await run([...gpg, '--list-packets'], { env, input: bytesOf('message') })
      const text = packets.stdout.toString()
      expect(text).toContain('ctb=c3 tag=3 hlen=2 plen=46 new-ctb')
      expect(text).toContain('symkey enc packet: version 4, cipher 9,')
      expect(text).toContain('s2k 3, hash 8')
      expect(text).toContain('count 65011712 (255)')
      expect(text).toContain('ctb=d2 tag=18')
    } finally {
      await run(['gpgconf', '--kill', 'gpg-agent'], { env })
    }
  })
})
