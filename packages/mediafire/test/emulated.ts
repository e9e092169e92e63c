import { tempDir } from '@coalmine/fixtures'
import { type Emulator, type EmulatorOptions, startEmulator } from '@coalmine/mediafire-emulator'
import { Agent } from 'undici'
import { onTestFinished } from 'vitest'
import {
  createMediaFire,
  type MediaFire,
  type MediaFireEvent,
  type MediaFireOptions,
  passwordAuth,
} from '../src/index.ts'

export const email = 'me+tag@example.com'
export const password = 'pä ss&wörd=1'

/** An emulator for one test. */
export async function emulate(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const dataDir = await tempDir('mediafire')
  const emulator = await startEmulator({ dataDir, accounts: [{ email, password }], ...options })
  onTestFinished(() => emulator.stop())
  return emulator
}

/** A client that lives by the emulator's clock: its pauses move it on. */
export function clientOf(
  emulator: Emulator,
  options: MediaFireOptions = {},
): { mediafire: MediaFire; events: MediaFireEvent[] } {
  const events: MediaFireEvent[] = []
  const pem = emulator.certificate?.pem
  const dispatcher = pem === undefined ? undefined : new Agent({ connect: { ca: pem } })
  const mediafire = createMediaFire({
    baseUrl: emulator.url,
    auth: passwordAuth({ email, password }),
    dispatcher,
    now: () => emulator.clock.now(),
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      emulator.clock.advance(ms)
      await new Promise((resolve) => setTimeout(resolve, 2))
    },
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(async () => {
    await mediafire.close()
    await dispatcher?.close()
  })
  return { mediafire, events }
}
