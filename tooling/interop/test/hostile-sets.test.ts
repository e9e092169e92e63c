import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe } from 'vitest'
import { hostile } from './hostile-case.ts'
import { file, folder, member, root } from './hostile-tar.ts'
import { type HostileSet, set } from './hostile-world.ts'

const sha1 = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex')
const good: HostileSet = {
  volumes: [
    [root(), file('a', 'good')],
    [folder('d'), file('d/x', 'good'), file('z', 'good')],
  ],
}
const whole = { a: 'file good', d: 'dir', 'd/x': 'file good', z: 'file good' }

describe('a manifest that lies', () => {
  hostile('with ranges that lead out: they only say where to look', {
    sets: () => [
      {
        ...good,
        manifest: (text) => text.replaceAll(' .  \n', ' ../../outside  \n').replaceAll('\xff\xff', '/etc/passwd'),
      },
    ],
    restored: whole,
    whoeverRestores: true,
  })

  hostile('with ranges that do not hold what is asked for: it is not there', {
    options: ['--path-to-restore', 'd/x'],
    target: 'missing',
    sets: () => [{ ...good, manifest: (text) => text.replaceAll('\xff\xff', 'b') }],
    code: 19,
    says: /^Cannot restore "d\/x": it is not in the backup$/,
    restored: {},
    whoeverRestores: true,
  })

  hostile('and names no path with its way out', {
    options: ['--path-to-restore', '../outside/secret'],
    target: 'missing',
    sets: () => [good],
    code: 19,
    restored: {},
    whoeverRestores: true,
  })

  hostile('about what a volume is', {
    sets: () => [{ ...good, manifest: (text) => text.replace(/SHA1 [0-9a-f]{40}/, `SHA1 ${'0'.repeat(40)}`) }],
    code: 21,
    says: /its SHA-1 is [0-9a-f]{40}, but the manifest says 0{40}$/,
    restored: {},
  })

  for (const [name, change, says] of [
    [
      'leaves out a volume',
      (text: string) => text.replace('Volume 1:', 'Volume 3:'),
      /the manifest leaves out volume 1$/,
    ],
    [
      'names more volumes than there are',
      (text: string) => `${text}${text.slice(text.indexOf('Volume 2')).replace('2', '3')}`,
      /volume 3, .*: it is not on the storage$/,
    ],
    [
      'numbers one beyond all numbers',
      (text: string) => text.replace('Volume 2:', 'Volume 99999999999999999999:'),
      /Cannot read the manifest /,
    ],
    [
      'numbers one as far as numbers go',
      (text: string) => text.replace('Volume 2:', 'Volume 9007199254740991:'),
      /the manifest leaves out volume 2$/,
    ],
    [
      'says nothing of digests',
      (text: string) => text.replace(/ {4}Hash .*\n/, ''),
      /the manifest has no SHA-1 of it$/,
    ],
    [
      'is none',
      () => '\x00\x01\x02 no manifest',
      /the manifest (?:names no volume|is cut off before volume 1, which is on the storage)$/,
    ],
  ] as const) {
    hostile(`or ${name}`, {
      sets: () => [{ ...good, manifest: change }],
      code: name.startsWith('numbers one beyond') || name.startsWith('says nothing') ? 1 : 30,
      says,
      restored: name.startsWith('names more') ? whole : {},
      whoeverRestores: true,
    })
  }
})

describe('a volume in the place of another', () => {
  hostile('is noticed by its digest', {
    sets: () => [{ ...good, stored: ([one, two]) => [two!, one!] }],
    code: 21,
    restored: {},
    whoeverRestores: true,
  })

  hostile('that the manifest was made to fit still leads nowhere', {
    sets: () => [
      {
        ...good,
        stored: ([, two]) => [two!, gzipSync(member('snapshot/../../outside/new', { data: 'ours' }))],
        manifest: (text, [one, two]) =>
          text
            .replace(sha1(one!), sha1(two!))
            .replace(
              new RegExp(`(Volume 2:[^]*SHA1 )${sha1(two!)}`),
              `$1${sha1(gzipSync(member('snapshot/../../outside/new', { data: 'ours' })))}`,
            ),
      },
    ],
    code: 30,
    says: /vol2.*its name leads out of the tree$/,
    restored: { d: 'dir', 'd/x': 'file good', z: 'file good' },
    whoeverRestores: true,
  })

  hostile('of another set of the chain is noticed by its digest', {
    sets: () => [good, { volumes: [[root(), file('a', 'new')]], stored: () => [gzipSync(Buffer.from('another'))] }],
    code: 21,
    restored: {},
    whoeverRestores: true,
  })

  hostile('that is no archive is refused', {
    sets: () => [{ volumes: [[Buffer.alloc(2048, 'x')]] }],
    code: 30,
    says: /its checksum does not match$/,
    restored: {},
    whoeverRestores: true,
  })

  hostile('with nothing in it restores nothing, and says so', {
    sets: () => [set()],
    code: 19,
    says: /it is not in the backup$/,
    restored: {},
    whoeverRestores: true,
  })
})
