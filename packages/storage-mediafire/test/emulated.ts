import { randomBytes } from 'node:crypto'
import { tempDir } from '@coalmine/fixtures'
import { createMediaFire, type MediaFireOptions, passwordAuth } from '@coalmine/mediafire'
import { type Emulator, type EmulatorOptions, startEmulator } from '@coalmine/mediafire-emulator'
import type { Storage } from '@coalmine/storage'
import { createMediaFireStorage, type MediaFireStorageOptions } from '../src/index.ts'

export const account = { email: 'me@example.com', password: 'a long password' }

/** An emulator and what is needed to open storages in it. Pauses of clients let its clock go on at once. */
export interface Emulated {
  /** Where the emulator keeps everything. */
  readonly dataDir: string
  readonly emulator: Emulator
  readonly client: MediaFireOptions
  readonly open: (options?: Partial<MediaFireStorageOptions>) => Storage
}

export async function emulated(options: Partial<EmulatorOptions> = {}): Promise<Emulated> {
  const dataDir = await tempDir('emulator')
  const emulator = await startEmulator({ dataDir, accounts: [account], ...options })
  const client: MediaFireOptions = {
    baseUrl: emulator.url,
    auth: passwordAuth(account),
    now: () => emulator.clock.now(),
    random: () => 0.5,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      emulator.clock.advance(Math.ceil(ms))
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  const open: Emulated['open'] = (rest = {}) =>
    createMediaFireStorage({
      client: createMediaFire(client),
      folder: ['Coalmine', 'Backup'],
      listLagMs: 0,
      now: () => emulator.clock.now(),
      ...rest,
    })
  return { dataDir, emulator, client, open }
}

export function bytesOf(size: number): Uint8Array {
  return new Uint8Array(randomBytes(size))
}
