import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffTrees, itWith, nastyTree, snapshotTree, tempDir } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { duplicity, duplicityPeer, type DuplicityVersion, duplicityVersions } from '../src/peers.ts'

// The real programs by themselves: what they lose on the nasty tree is not ours to keep, and a test that compares with
// them knows from here what to expect.
describe.each(Object.keys(duplicityVersions) as DuplicityVersion[])('duplicity %s', (version) => {
  itWith([duplicityPeer(version), 'root'], 'runs, sees the same paths and hands over its exit code', async () => {
    const dir = await tempDir('real')
    mkdirSync(join(dir, 'source'))
    writeFileSync(join(dir, 'source', 'file'), 'content')
    expect((await duplicity(version, ['--version'])).stdout.toString()).toMatch(new RegExp(`^duplicity ${version}\\b`))
    const url = `file://${dir}/storage`
    const made = await duplicity(version, ['full', `${dir}/source`, url], { env: { PASSPHRASE: 'secret' }, cwd: dir })
    expect(made.stderr.toString()).toBe('')
    expect(made.code).toBe(0)
    expect(readdirSync(join(dir, 'storage')).filter((name) => name.endsWith('.gpg'))).toHaveLength(3)
    const list = await duplicity(version, ['list-current-files', url], { env: { PASSPHRASE: 'secret' } })
    expect(list.stdout.toString()).toMatch(/ file$/m)
    expect(
      (await duplicity(version, ['full', `${dir}/nowhere`, url], { env: { PASSPHRASE: 'secret' } })).code,
    ).not.toBe(0)
    expect(existsSync(join(dir, 'storage'))).toBe(true)
  })

  itWith(
    [duplicityPeer(version), 'root'],
    'gives its own backup of the nasty tree back, but for what is named',
    async () => {
      const dir = await tempDir('real')
      const source = join(dir, 'source')
      await nastyTree(source, { without: ['times-before-1970'] })
      const url = `file://${dir}/storage`
      const plain = ['--no-encryption', '--volsize', '1']
      await duplicity(version, ['full', ...plain, source, url], { check: true })
      await duplicity(version, ['restore', ...plain, url, join(dir, 'restored')], { check: true })
      const lines = diffTrees(await snapshotTree(source), await snapshotTree(join(dir, 'restored')), {
        ignore: ['sockets', 'fractions', 'symlink-times'],
      })
      expect(lines).toEqual([])
    },
  )
})
