import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { duplicity, type DuplicityVersion } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'

export const passphrase = { PASSPHRASE: 'päss wörd "quoted" \\' }

export type Encryption = 'none' | 'passphrase'

/** What both programs are given so that a storage is read, or written, with that encryption. */
export function encryptionOf(encryption: Encryption): { options: string[]; env: Record<string, string> } {
  return encryption === 'none' ? { options: ['--no-encryption'], env: {} } : { options: [], env: passphrase }
}

/** When the sets of {@link makeChains} were made, as names of objects carry it. */
export const times = {
  full1: '20231114T221320Z',
  inc1: '20231116T020000Z',
  full2: '20231117T054640Z',
  inc2: '20231118T093320Z',
  inc3: '20231119T132000Z',
} as const

const seconds = [1_700_000_000, 1_700_100_000, 1_700_200_000, 1_700_300_000, 1_700_400_000] as const

/**
 * Has the real program write two chains of a small source into `folder/storage`: a full set with one increment, and a
 * full set with two. The source stays at `folder/source`.
 */
export async function makeChains(version: DuplicityVersion, folder: string, encryption: Encryption): Promise<string> {
  const source = join(folder, 'source')
  const storage = join(folder, 'storage')
  mkdirSync(join(source, 'folder'), { recursive: true })
  mkdirSync(storage)
  writeFileSync(join(source, 'folder', 'large'), 'two chunks '.repeat(7000))
  symlinkSync('first', join(source, 'link'))
  const { options, env } = encryptionOf(encryption)
  // A home of its own: at the end of each run the agent of that home is told to end.
  const home = join(folder, 'home')
  mkdirSync(home)
  for (const [at, second] of seconds.entries()) {
    writeFileSync(join(source, ['first', 'second', 'third', 'fourth', 'new\nline'][at]!), `content ${at}\n`)
    if (at === 4) rmSync(join(source, 'second'))
    for (const path of ['', 'folder', 'first']) utimesSync(join(source, path), second - 50, second - 50)
    const action = at === 0 || at === 2 ? 'full' : 'incremental'
    const clock = ['--current-time', String(second), '--archive-dir', join(folder, 'cache')]
    await duplicity(version, [action, ...options, ...clock, source, `file://${storage}`], { env, home, check: true })
  }
  return storage
}

/** Ours writes a full set after them. */
export async function addOurs(folder: string, storage: string, encryption: Encryption): Promise<void> {
  const { options, env } = encryptionOf(encryption)
  const clock = ['--current-time', '1700500000', '--archive-dir', join(folder, 'our-cache')]
  const written = await coalmine(['full', ...options, ...clock, join(folder, 'source'), `file://${storage}`], { env })
  if (written.code !== 0) throw new Error(said(written))
}

/** A copy of a storage without the objects whose names match. At least one must. */
export function copyWithout(storage: string, target: string, pattern: RegExp): string {
  const lost = readdirSync(storage).filter((name) => pattern.test(name))
  if (lost.length === 0) throw new Error(`Cannot damage a storage: nothing in it matches ${String(pattern)}`)
  cpSync(storage, target, { recursive: true, filter: (path) => !lost.some((name) => path.endsWith(`/${name}`)) })
  return target
}
