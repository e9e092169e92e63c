import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, tempDir, type RunResult } from '@coalmine/fixtures'
import { afterAll } from 'vitest'

export interface Gpg {
  /** A folder of its own. */
  readonly dir: string
  /** Runs it with a passphrase from a file; warnings and status lines are on stderr. */
  run(args: readonly string[], input?: Uint8Array): Promise<RunResult>
  decrypt(stored: Uint8Array): Promise<RunResult>
}

/** A GnuPG with an empty home, ended after the test file. */
export async function createGpg(passphrase: string): Promise<Gpg> {
  const dir = await tempDir('gpg')
  const env = { ...process.env, GNUPGHOME: dir, LC_ALL: 'C' }
  const phraseFile = join(dir, 'phrase')
  await writeFile(phraseFile, passphrase)
  const always = [
    'gpg',
    '--batch',
    '--no-permission-warning',
    '--pinentry-mode',
    'loopback',
    '--passphrase-file',
    phraseFile,
  ]
  afterAll(async () => {
    await run(['gpgconf', '--kill', 'gpg-agent'], { env })
  })
  return {
    dir,
    run: async (args, input) => run([...always, ...args], { env, input }),
    // As duplicity does it: the passphrase through a descriptor, the message from a file or pipe.
    async decrypt(stored) {
      const path = join(dir, 'message.gpg')
      await writeFile(path, stored)
      const argv = ['gpg', '--batch', '--no-permission-warning', '--pinentry-mode', 'loopback', '--status-fd', '2']
      return run([...argv, '--passphrase-fd', '0', '--decrypt', path], { env, input: Buffer.from(passphrase) })
    },
  }
}
