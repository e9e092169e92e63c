import { expect, it } from 'vitest'
import { mapGpgOptions } from './gpg-options.ts'

it('mapGpgOptions() takes what has a meaning here, in every form that gpg takes', () => {
  const all =
    '--cipher-algo AES192 --digest-algo=SHA384 --s2k-mode 3  --s2k-digest-algo SHA512 --s2k-count 70000 --homedir /k'
  expect(mapGpgOptions([all, '--trust-model always', '-z9'])).toEqual({
    cipher: 'AES192',
    digest: 'SHA384',
    s2kDigest: 'SHA512',
    // The next that an octet stands for.
    s2kCount: 73_728,
    home: '/k',
    trustAll: true,
    compression: { algorithm: 'zip', level: 9 },
  })
  expect(mapGpgOptions(['--always-trust'])).toEqual({ trustAll: true })
  expect(mapGpgOptions(['-z 0'])).toEqual({ compression: { algorithm: 'none' } })
  expect(mapGpgOptions(['--compress-algo none'])).toEqual({ compression: { algorithm: 'none' } })
  expect(mapGpgOptions(['--compress-level=3'])).toEqual({ compression: { algorithm: 'zip', level: 3 } })
  expect(mapGpgOptions(['--s2k-cipher-algo AES'])).toEqual({ cipher: 'AES' })
  expect(mapGpgOptions(['--cipher-algo AES256 --s2k-cipher-algo AES'])).toEqual({ cipher: 'AES256' })
  expect(mapGpgOptions([])).toEqual({})
})

it('mapGpgOptions() refuses everything else by its name', () => {
  const refused = [
    ['--recipient x', '--recipient'],
    ['--default-key x', '--default-key'],
    ['-o /x', '-o'],
    ['word', 'word'],
    ['--cipher-algo', '--cipher-algo'],
    ['--compress-algo bzip2', '--compress-algo bzip2'],
    ['--s2k-mode 0', '--s2k-mode 0'],
    ['--s2k-count many', '--s2k-count many'],
    ['--trust-model tofu', '--trust-model tofu'],
    ['-z11', '--compress-level 11'],
  ] as const
  for (const [text, name] of refused) {
    expect(() => mapGpgOptions([text]), text).toThrow(`Cannot take "--gpg-options ${name}": `)
  }
})
