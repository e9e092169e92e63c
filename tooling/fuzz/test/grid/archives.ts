import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRandom, run, tempDir } from '@coalmine/fixtures'

/** How the objects of an archive are stored. */
export type Form = 'passphrase' | 'gzip' | 'plain'

/** An archive as a program left it. */
export interface Archive {
  readonly name: string
  readonly by: 'coalmine' | 'duplicity'
  readonly form: Form
  readonly folder: string
  readonly objects: ReadonlyMap<string, Buffer>
}

export const passphrase = 'the canary sings'
const program = fileURLToPath(new URL('../../../../apps/cli/bin/coalmine.js', import.meta.url))

const optionsOf: Readonly<Record<Form, readonly string[]>> = {
  passphrase: [],
  gzip: ['--no-encryption'],
  plain: ['--no-encryption', '--no-compression'],
}

/** A small tree: its archive has so few bytes that each can be damaged. */
export async function makeSource(): Promise<string> {
  const source = await tempDir('grid')
  mkdirSync(join(source, 'folder'))
  writeFileSync(join(source, 'a file'), 'canary\n')
  writeFileSync(join(source, 'folder', 'random'), createRandom('grid').bytes(700))
  writeFileSync(join(source, 'folder', 'zeros'), Buffer.alloc(3000))
  symlinkSync('a file', join(source, 'link'))
  for (const path of ['a file', 'folder/random', 'folder/zeros', 'folder', '']) {
    utimesSync(join(source, path), 1_600_000_000, 1_600_000_000)
  }
  return source
}

/** Of the same length, so that its time alone tells an increment that it has changed. */
function changeFile(source: string, at: number): void {
  writeFileSync(join(source, 'a file'), `canary ${at}\n`)
  utimesSync(join(source, 'a file'), 1_600_000_000 + at * 100, 1_600_000_000 + at * 100)
}

/** The command line, as a user starts it. */
export async function coalmine(words: readonly string[], folder: string, secret = passphrase) {
  const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, TZ: 'UTC', LC_ALL: 'C', PASSPHRASE: secret }
  return run([process.execPath, program, ...words], { env, cwd: folder })
}

/** Full sets, of two times, of the same tree but for one file. */
export async function writeOurs(source: string, form: Form): Promise<Archive> {
  const folder = await tempDir(`ours-${form}`)
  for (const [at, second] of [1_700_000_000, 1_700_100_000].entries()) {
    changeFile(source, at)
    const clock = ['--current-time', String(second)]
    const words = ['full', ...optionsOf[form], ...clock, source, `file://${folder}/storage`]
    const { code, stderr } = await coalmine(words, folder)
    if (code !== 0) throw new Error(`Cannot write an archive: ${stderr.toString()}`)
  }
  return { name: `coalmine, ${form}`, by: 'coalmine', form, folder, objects: readObjects(join(folder, 'storage')) }
}

/** By the installed duplicity: a full set and an increment. */
export async function writeTheirs(source: string, form: Form): Promise<Archive> {
  const folder = await tempDir(`theirs-${form}`)
  const storage = join(folder, 'storage')
  mkdirSync(storage)
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, TMPDIR: folder, TZ: 'UTC', LC_ALL: 'C' }
  for (const [at, second] of [1_700_000_000, 1_700_100_000].entries()) {
    changeFile(source, at)
    const clock = ['--current-time', String(second), '--archive-dir', join(folder, 'cache')]
    const words = [at === 0 ? 'full' : 'incremental', ...optionsOf[form], ...clock, source, `file://${storage}`]
    await run(['duplicity', ...words], { env: { ...env, PASSPHRASE: passphrase }, check: true })
  }
  await run(['gpgconf', '--kill', 'gpg-agent'], { env })
  return { name: `duplicity, ${form}`, by: 'duplicity', form, folder, objects: readObjects(storage) }
}

function readObjects(storage: string): Map<string, Buffer> {
  return new Map(
    readdirSync(storage)
      .sort()
      .map((key) => [key, readFileSync(join(storage, key))]),
  )
}
