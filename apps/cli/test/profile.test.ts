import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { endShared, said, world } from './coalmine.ts'

afterAll(endShared)

// Whether other programs read what is written: tooling/interop. Here: where the option counts, and what it excludes.

async function planted() {
  const place = await world({ shared: true })
  const source = join(place.folder, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), 'hello\n')
  return { ...place, source }
}

/** Of the passphrase packets with which stored objects begin. */
function versions(place: Awaited<ReturnType<typeof planted>>): Set<number | undefined> {
  const storage = join(place.folder, 'storage')
  return new Set(readdirSync(storage).map((name) => readFileSync(join(storage, name))[2]))
}

describe('--openpgp-profile', () => {
  it('rfc9580 writes full and incremental sets so, which are read and listed without it', async () => {
    const place = await planted()
    const profile = ['--openpgp-profile', 'rfc9580', '--volsize', '1']
    const full = await place.run(['full', place.source, place.url, ...profile, '--current-time', '1700000000'])
    expect(full.code, said(full)).toBe(0)
    expect(versions(place)).toEqual(new Set([6]))
    writeFileSync(join(place.source, 'a'), 'hello again\n')
    writeFileSync(join(place.source, 'b'), 'b')
    const inc = await place.run(['incremental', place.source, place.url, ...profile, '--current-time', '1700010000'])
    expect(inc.code, said(inc)).toBe(0)
    expect(versions(place)).toEqual(new Set([6]))
    const restored = await place.run(['restore', place.url, place.target])
    expect(restored.code, said(restored)).toBe(0)
    expect(readFileSync(join(place.target, 'a'), 'utf8')).toBe('hello again\n')
    const listed = await place.run(['list-current-files', place.url])
    expect([listed.code, listed.out]).toEqual([0, expect.stringContaining(' b\n')])

    const card = await place.run(['recovery-card', place.url])
    expect([card.code, card.err]).toEqual([33, expect.stringContaining('which gpg does not read')])
    expect(card.err).toContain('the set of 20231114T221320Z')
    const wrong = await place.run(['restore', place.url, `${place.target}2`], { env: { PASSPHRASE: 'wrong' } })
    expect([wrong.code, wrong.err]).toEqual([31, expect.stringContaining('the passphrase does not open it')])
  }, 60_000)

  it('is refused where it means nothing', async () => {
    const place = await planted()
    const refusals: [string[], number, string][] = [
      [['--openpgp-profile', 'rfc2440'], 23, 'the profiles are rfc4880 and rfc9580'],
      [['--openpgp-profile', 'rfc9580', '--no-encryption'], 23, 'both "--no-encryption" and "--openpgp-profile"'],
      [['--openpgp-profile', 'rfc9580', '--gpg-options', '--s2k-digest-algo SHA512'], 23, 'stretches by Argon2'],
      [['--openpgp-profile', 'rfc9580', '--gpg-options', '--cipher-algo CAMELLIA256'], 23, 'AES in OCB mode'],
    ]
    for (const [options, code, words] of refusals) {
      const outcome = await place.run(['full', place.source, place.url, ...options])
      expect([outcome.code, outcome.err]).toEqual([code, expect.stringContaining(words)])
    }
    const restore = await place.run(['restore', place.url, place.target, '--openpgp-profile', 'rfc9580'])
    expect([restore.code, restore.err]).toEqual([23, expect.stringContaining('it belongs to full and incremental')])
    const same = await place.run(['full', place.source, place.url, '--openpgp-profile', 'rfc4880'])
    expect(same.code, said(same)).toBe(0)
    expect(versions(place)).toEqual(new Set([4]))
  }, 60_000)
})
