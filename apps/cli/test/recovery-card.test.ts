import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { afterAll, describe, expect, it } from 'vitest'
import { endShared, said, type World, world } from './coalmine.ts'

afterAll(endShared)

// What the card's program restores is tried in tooling/interop; here is what gets onto the card, and what must not.

async function backedUp(storage = 'storage', ...options: string[]) {
  const place: World = await world({ shared: true })
  mkdirSync(join(place.folder, 'source'))
  writeFileSync(join(place.folder, 'source', 'a'), 'hello\n')
  const url = `file://${place.folder}/${encodeURI(storage).replaceAll('#', '%23').replaceAll('?', '%3F')}`
  const outcome = await place.run([
    'full',
    join(place.folder, 'source'),
    url,
    '--current-time',
    '1700000000',
    ...options,
  ])
  expect(outcome.code, said(outcome)).toBe(0)
  return { ...place, url, storage: join(place.folder, storage) }
}

const none = { env: { PASSPHRASE: undefined } }
const scriptOf = (card: string) => /^-+ restore\.sh -+\n(.*)^-+ end of restore\.sh -+$/ms.exec(card)![1]!

/** What a shell takes `from` and the sets for. Judge: sh. */
async function understood(script: string): Promise<string[]> {
  const lines = script.split('\n').filter((line) => /^(from=|one )/.test(line))
  const program = `one() { printf '%s\\0' "$@"; }\n${lines.join('\n')}\nprintf '%s\\0' "$from"`
  const { stdout } = await run(['sh', '-c', program], { check: true })
  return stdout.toString().split('\0').slice(0, -1)
}

describe('coalmine recovery-card', () => {
  it('says what is there and what is needed, without being given the passphrase', async () => {
    const { run, url, storage } = await backedUp()
    const { code, out, err } = await run(['recovery-card', url, '--current-time', '1700000100'], none)
    expect(code, err).toBe(0)
    expect(out).toContain(`Storage: ${url}\nPrinted: 2023-11-14 22:15 UTC by coalmine `)
    expect(out).toMatch(
      / {2}full, 2023-11-14 22:13:20 UTC, 1 volume, \d+ bytes\n {4}duplicity-full\.20231114T221320Z\n/,
    )
    expect(out).toContain('The passphrase with which the backup was begun. It is not on this card.')
    expect(await understood(scriptOf(out))).toEqual([
      'duplicity-full.20231114T221320Z.vol',
      '1',
      '.difftar.gpg',
      storage,
    ])
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(160)
  })

  it('has no secret on it, at any verbosity', async () => {
    const { run, url } = await backedUp()
    for (const options of [[], ['--html']]) {
      const outcome = await run(['recovery-card', url, '-v9', ...options], { env: { PASSPHRASE: 'hunter2' } })
      expect(outcome.code).toBe(0)
      expect(outcome.out + outcome.err).not.toContain('hunter2')
    }
  })

  it('asks for what the storage needs: nothing where nothing is encrypted, a key where keys are', async () => {
    const plain = await backedUp('storage', '--no-encryption')
    const gzip = await plain.run(['recovery-card', plain.url], none)
    expect(gzip.out).toContain('gzip')
    expect(gzip.out).not.toMatch(/assphrase with which|secret key/)
    const { run, url, storage } = await backedUp()
    const manifest = readdirSync(storage).find((name) => name.includes('manifest'))!
    // The first packet of what is for a key; the rest does not matter here.
    writeFileSync(join(storage, manifest), Buffer.from('84', 'hex'))
    const keys = await run(['recovery-card', url], none)
    expect(keys.out).toContain('The secret key, in the keyring of gpg')
    expect(keys.out).toContain('  gpg --quiet --decrypt "$1"\n')
    expect(keys.out).not.toContain('read -r pass')
  })

  it.each([
    '$(touch pwned)',
    "it's `id`",
    '"; rm -rf ~ #',
    "'\\''",
    '*',
    '<script>alert(1)</script>',
    '-rf',
    '&amp; ü',
  ])('takes a folder named %s for nothing else', async (name) => {
    const { run, url, storage } = await backedUp(name)
    const card = await run(['recovery-card', url], none)
    expect(card.code, card.err).toBe(0)
    expect((await understood(scriptOf(card.out))).at(-1)).toBe(storage)
    const page = (await run(['recovery-card', url, '--html'], none)).out
    expect(page).not.toContain('<script')
    expect(page.match(/&(?!(amp|lt|gt|quot|#39);)/g)).toBeNull()
  })

  it('leaves out a folder whose name paper does not show', async () => {
    const place = await backedUp()
    for (const name of ['%0Aid%0A', '%1b[31m', '%e2%80%ae', '%ff']) {
      const url = `${place.url}/../${name}`
      symlinkSync(place.storage, Buffer.concat([Buffer.from(`${place.folder}/`), bytesOf(name)]))
      const { code, out, err } = await place.run(['recovery-card', url], none)
      expect(code, err).toBe(0)
      expect((await understood(scriptOf(out))).at(-1)).toBe('files')
      expect(out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f\u202e\ufffd]/)
    }
  })

  it('refuses names that are not written today, which nobody has checked', async () => {
    for (const strange of ['.difftar.$(id).gpg', '.difftar.gpg;id.gpg', '.difftar.gpg.gpg']) {
      const { run, url, storage } = await backedUp()
      const volume = readdirSync(storage).find((name) => name.includes('.vol1.'))!
      renameSync(join(storage, volume), join(storage, volume.replace('.difftar.gpg', strange)))
      const { code, out, err } = await run(['recovery-card', url], none)
      expect(code, out).toBe(33)
      expect(out).toBe('')
      expect(err).toContain('is no name that is written today')
    }
  })

  it('says which volumes are missing', async () => {
    const { run, url, storage } = await backedUp()
    const volume = readdirSync(storage).find((name) => name.includes('.vol1.'))!
    renameSync(join(storage, volume), join(storage, volume.replace('vol1', 'vol3')))
    const { out } = await run(['recovery-card', url], none)
    expect(out).toContain('3 volumes')
    expect(out).toContain('MISSING: volume 1, 2')
    expect((await run(['recovery-card', url, '--html'], none)).out).toContain('MISSING: volume 1, 2')
  })

  it('has older chains as comments', async () => {
    const place = await backedUp()
    await place.run(['full', join(place.folder, 'source'), place.url, '--current-time', '1700100000'])
    const { out } = await place.run(['recovery-card', place.url], none)
    expect(out).toContain(
      'one duplicity-full.20231116T020000Z.vol 1 .difftar.gpg\n# An older chain, in their place:\n' +
        '# one duplicity-full.20231114T221320Z.vol 1 .difftar.gpg\n',
    )
    expect((await understood(scriptOf(out)))[0]).toBe('duplicity-full.20231116T020000Z.vol')
  })

  it('needs a backup', async () => {
    const { run, url } = await world({ shared: true })
    const { code, err } = await run(['recovery-card', url], none)
    expect(code).toBe(30)
    expect(err).toContain('the storage holds no backup')
  })

  itWith(['gpg', 'tar'], 'says of a wrong passphrase that nothing came back', async () => {
    const { run: coalmine, url, folder } = await backedUp()
    const { out } = await coalmine(['recovery-card', url], none)
    const empty = join(folder, 'empty')
    const home = join(folder, 'h')
    for (const path of [empty, home]) mkdirSync(path, { mode: 0o700 })
    writeFileSync(join(empty, 'restore.sh'), scriptOf(out))
    const env = { PATH: process.env['PATH']!, HOME: home, LC_ALL: 'C' }
    const { code, stdout, stderr } = await run(['sh', 'restore.sh'], { cwd: empty, env, input: Buffer.from('wrong\n') })
    await run(['gpgconf', '--kill', 'gpg-agent'], { env })
    expect(code).toBe(1)
    expect(stdout.toString()).toBe('')
    expect(stderr.toString()).toContain('Not everything is there')
    mkdirSync(join(empty, 'snapshot'))
    const second = await run(['sh', 'restore.sh'], { cwd: empty, env, input: Buffer.from('test\n') })
    expect(second.code).toBe(1)
    expect(second.stderr.toString()).toContain('There is a snapshot already')
  })
})

describe('the recovery card of a storage for a key', () => {
  itWith(['gpg', 'tar'], 'gets everything back with the key of gpg, and asks for no passphrase', async () => {
    const { run: coalmine, url, folder } = await world({ shared: true })
    const home = await tempDir('g')
    const env = { PATH: process.env['PATH']!, HOME: home, GNUPGHOME: home, LC_ALL: 'C' }
    const gpg = ['gpg', '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '']
    try {
      await run([...gpg, '--quick-gen-key', 'me@example.org', 'default', 'default', 'never'], { env, check: true })
      mkdirSync(join(folder, 'source'))
      writeFileSync(join(folder, 'source', 'a'), 'hello\n'.repeat(30_000))
      const words = ['full', join(folder, 'source'), url, '--encrypt-key', 'me@example.org']
      const written = await coalmine(words, { env: { PASSPHRASE: undefined, GNUPGHOME: home } })
      expect(written.code, said(written)).toBe(0)
      const { out } = await coalmine(['recovery-card', url], none)
      expect(out).toContain('The secret key, in the keyring of gpg')
      const empty = await tempDir('empty')
      writeFileSync(join(empty, 'restore.sh'), scriptOf(out))
      const { code, stderr } = await run(['sh', 'restore.sh'], { cwd: empty, env })
      expect(code, stderr.toString()).toBe(0)
      expect(readFileSync(join(empty, 'snapshot', 'a'), 'utf8')).toBe('hello\n'.repeat(30_000))
    } finally {
      await run(['gpgconf', '--kill', 'gpg-agent'], { env })
    }
  })
})

describe('coalmine recovery-card --html', () => {
  it('is a page that loads nothing', async () => {
    const { run, url } = await backedUp()
    const { out } = await run(['recovery-card', url, '--html'], none)
    expect(out).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    )
    expect(out).not.toMatch(/\b(src|href|action)=|url\(|@import|<(link|img|iframe|script|object|form)/i)
  })

  it('has the same program as the text', async () => {
    const { run, url } = await backedUp('a <b> & "c"')
    const text = scriptOf((await run(['recovery-card', url], none)).out)
    const page = (await run(['recovery-card', url, '--html'], none)).out
    const names: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' }
    const pre = /<pre>(.*)<\/pre>/s
      .exec(page)![1]!
      .replaceAll(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => names[name]!)
    expect(pre).toBe(text)
  })
})

function bytesOf(name: string): Buffer {
  return Buffer.from(
    name.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  )
}
