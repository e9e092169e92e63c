// The tour as `npm start` takes it, over a folder of the test's own. Judges: its exit code, what it leaves, and the folder.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

it('backs up into an account, twice, gets it back, and leaves nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tour-test-'))
  try {
    const [source, temporary] = [join(folder, 'source'), join(folder, 'tmp')]
    mkdirSync(join(source, 'letters'), { recursive: true })
    mkdirSync(temporary)
    writeFileSync(join(source, 'letters', 'aunt.txt'), 'Dear aunt')
    writeFileSync(join(source, 'odd name'), 'x')
    writeFileSync(join(source, 'new'), 'later')
    const env = { ...process.env, TMPDIR: temporary }
    const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/tour.mjs', source], {
      env,
      encoding: 'utf8',
    })
    expect(status, stdout + stderr).toBe(0)
    expect(stdout).toContain('The full backup leaves out new, as if it came later.')
    expect(stdout).toContain('all 5 are the same')
    const files = stdout
      .match(/^\/Coalmine\/Backup\/duplicity-\S+/gm)
      ?.map((path) => path.replaceAll(/\d{8}T\d{6}Z/g, 'T'))
    expect(files).toEqual([
      '/Coalmine/Backup/duplicity-full-signatures.T.sigtar.gpg',
      '/Coalmine/Backup/duplicity-full.T.manifest.gpg',
      '/Coalmine/Backup/duplicity-full.T.vol1.difftar.gpg',
      '/Coalmine/Backup/duplicity-inc.T.to.T.manifest.gpg',
      '/Coalmine/Backup/duplicity-inc.T.to.T.vol1.difftar.gpg',
      '/Coalmine/Backup/duplicity-new-signatures.T.to.T.sigtar.gpg',
    ])
    expect(readdirSync(temporary).filter((name) => name.startsWith('coalmine-tour-'))).toEqual([])
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('later')
    // Nobody answers at the account's address any more.
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(stdout)[0]
    const asked = `fetch('${address}').then(() => process.exit(1), () => process.exit(0))`
    expect(spawnSync(process.execPath, ['-e', asked]).status).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 120_000)
