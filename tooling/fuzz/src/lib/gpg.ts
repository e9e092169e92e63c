import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { output } from './program.ts'

/** The system's GnuPG with an empty home. */
export class Gpg {
  #home = ''

  /** What it makes of a message under the passphrase `x`; `undefined` when it refuses. */
  async decrypt(message: Uint8Array): Promise<Buffer | undefined> {
    const env = this.#environment()
    const loopback = ['--pinentry-mode', 'loopback', '--passphrase', 'x']
    const argv = ['gpg', '--batch', '--quiet', ...loopback, '--max-output', '1000000', '--decrypt']
    const { code, stdout } = await output(argv, { env, input: message })
    return code === 0 ? stdout : undefined
  }

  async close(): Promise<void> {
    if (this.#home === '') return
    await output(['gpgconf', '--kill', 'gpg-agent'], { env: this.#environment() })
    rmSync(this.#home, { recursive: true, force: true })
    this.#home = ''
  }

  #environment(): NodeJS.ProcessEnv {
    if (this.#home === '') {
      this.#home = mkdtempSync(join(tmpdir(), 'coalmine-gpg-'))
      chmodSync(this.#home, 0o700)
    }
    return { PATH: process.env['PATH'], GNUPGHOME: this.#home, LC_ALL: 'C' }
  }
}
