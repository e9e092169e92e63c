import { randomBytes } from 'node:crypto'
import { collect, fromBytes } from '@coalmine/bytes'
import type { Storage } from '@coalmine/storage'
import { findPlace, type PlaceOptions, status } from './install.ts'
import { openStorage, requireNoPassword } from './open-storage.ts'

export interface DoctorOptions extends PlaceOptions {
  /** A place to try. */
  readonly url?: string
  readonly say: (line: string) => void
}

/** Looks at everything that can be wrong, and says it. @returns Whether all is well. */
export async function examine({ url, say, ...options }: DoctorOptions): Promise<boolean> {
  let isWell = true
  const check = async (what: string, act: () => Promise<string>): Promise<void> => {
    try {
      say(`ok      ${what}: ${await act()}`)
    } catch (error) {
      isWell = false
      say(`FAILED  ${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await check('Node', async () => `${process.versions.node} (${process.execPath})`)
  await check('duplicity', async () => {
    const { facts, path, python } = await findPlace(options)
    if (facts.duplicity === '') throw new Error(`${python.join(' ')} finds none (${facts.mf})`)
    return `${facts.duplicity} (${path}), Python ${facts.version} (${python.join(' ')})`
  })
  await check('installed', async () => {
    const { isEffective, lines } = await status(options)
    if (isEffective) return lines.slice(1).join('; ')
    if (lines.length <= 2) return lines.at(-1)!
    throw new Error(lines.slice(1).join('; '))
  })
  if (url !== undefined) await checkStorage(url, options.env, check)
  return isWell
}

type Check = (what: string, act: () => Promise<string>) => Promise<void>

async function checkStorage(url: string, env: NodeJS.ProcessEnv, check: Check): Promise<void> {
  let storage: Storage | undefined
  const place = requireNoPassword(url.replace(/^coalmine\+/, '')).display
  await check(place, async () => {
    storage = await openStorage(url.replace(/^coalmine\+/, ''), { env })
    let count = 0
    for await (const _ of storage.list()) count += 1
    return `signed in where that is needed, ${count} objects there`
  })
  if (storage === undefined) return
  const opened = storage
  try {
    await check('a small object', () => roundTrip(opened))
  } finally {
    await opened.close()
  }
}

/** Neither duplicity nor Coalmine takes that name for anything of theirs. */
async function roundTrip(storage: Storage): Promise<string> {
  const key = `.coalmine-doctor-${randomBytes(8).toString('hex')}`
  const content = randomBytes(1000)
  const startMs = performance.now()
  try {
    await storage.put(key, fromBytes(content))
    const back = await collect(storage.get(key))
    if (!content.equals(back)) throw new Error('what came back is not what was put')
  } finally {
    await storage.delete(key)
  }
  if ((await storage.stat(key)) !== undefined) throw new Error('it was deleted, and is there')
  return `put, got back, deleted in ${Math.round(performance.now() - startMs)} ms`
}
