import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { tempDir } from '@coalmine/fixtures'
import type { Storage } from '@coalmine/storage'
import { describe, expect, it } from 'vitest'
import {
  aroundEffects,
  createFileStorage,
  type FileStorageEffects,
  nodeFileStorageEffects,
  type OpenFile,
} from '../src/index.ts'

// The port lets a test count every effect, fail each, and die before, in the middle of and after each. Whatever
// happens: the key shows the old object or the new one, whole, and nothing else shows. Judged by reading the folder.

const old = Buffer.alloc(300_000, 'old ')
const fresh = Buffer.alloc(700_000, 'new ')

type Blow = 'error' | 'death before' | 'death after' | 'death midway'

class Death extends Error {}

/** Effects that strike at the nth. After a death nothing more is done, as when the process is gone. */
function striking(nth: number, blow: Blow) {
  const log: string[] = []
  let dead = false
  const open = new Set<OpenFile>()
  const inner: FileStorageEffects = {
    ...nodeFileStorageEffects,
    async write(file, bytes) {
      if (log.length === nth && blow === 'death midway') {
        await nodeFileStorageEffects.write(file, bytes.subarray(0, bytes.length / 2))
        dead = true
        throw new Death()
      }
      await nodeFileStorageEffects.write(file, bytes)
    },
    async copyFile(from, to) {
      if (log.length === nth && blow === 'death midway') {
        await writeFile(to, readFileSync(from).subarray(0, 1000))
        dead = true
        throw new Death()
      }
      await nodeFileStorageEffects.copyFile(from, to)
    },
  }
  const effects = aroundEffects(inner, async (name, run) => {
    if (dead) throw new Death()
    log.push(name)
    const strikes = log.length === nth
    if (strikes && blow === 'error') throw Object.assign(new Error('EIO: i/o error, x'), { code: 'EIO' })
    if (strikes && blow === 'death before') {
      dead = true
      throw new Death()
    }
    const result = await run()
    if (name === 'createFile' || name === 'reopenFile' || name === 'openFile') open.add(result as OpenFile)
    if (strikes && blow === 'death after') {
      dead = true
      throw new Death()
    }
    return result
  })
  /** The system closes the files of a process that is gone. */
  const bury = async (): Promise<void> => {
    for (const file of open) await file.close().catch(() => undefined)
  }
  return { effects, log, bury }
}

interface Act {
  name: string
  /** Whether there is an old object. */
  before: boolean
  /** What may be there in the end. */
  run(storage: Storage, spool: string): Promise<unknown>
  after: Buffer | undefined
}

const acts: Act[] = [
  { name: 'a first put', before: false, run: (storage) => storage.put('k', fromBytes(fresh)), after: fresh },
  {
    name: 'a put over an old object',
    before: true,
    run: (storage) => storage.put('k', fromBytes(fresh)),
    after: fresh,
  },
  {
    name: 'a put with ifAbsent',
    before: false,
    run: (storage) => storage.put('k', fromBytes(fresh), { ifAbsent: true }),
    after: fresh,
  },
  {
    name: 'a put of a local file',
    before: true,
    run: async (storage, spool) => storage.put('k', await fromFile(spool)),
    after: fresh,
  },
  { name: 'a delete', before: true, run: (storage) => storage.delete('k'), after: undefined },
]

async function perform(act: Act, nth: number, blow: Blow) {
  const root = await tempDir('strike')
  const path = join(root, 'a', 'b')
  const spool = join(root, 'spool')
  await writeFile(spool, fresh)
  if (act.before) {
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'k'), old)
  }
  const { effects, log, bury } = striking(nth, blow)
  const storage = createFileStorage({ path, effects })
  const error = await act.run(storage, spool).then(
    () => undefined,
    (error: unknown) => error,
  )
  await bury()
  const reopened = createFileStorage({ path })
  const keys: string[] = []
  for await (const { key } of reopened.list()) keys.push(key)
  let content: Buffer | undefined
  try {
    content = readFileSync(join(path, 'k'))
  } catch {
    content = undefined
  }
  return { error, log, keys, content, path, reopened }
}

describe.each(acts)('$name', (act) => {
  it.each(['error', 'death before', 'death midway', 'death after'] as const)(
    'leaves the old object or the new one, whole, after %s at any effect',
    async (blow) => {
      const { log: effects } = await perform(act, Number.POSITIVE_INFINITY, blow)
      expect(effects.length).toBeGreaterThan(act.name === 'a delete' ? 0 : 7)
      let struck = 0
      for (let nth = 1; nth <= effects.length; nth++) {
        const { error, keys, content, path, reopened } = await perform(act, nth, blow)
        const what = `${blow} at effect ${nth}, ${effects[nth - 1]}`
        const isOld = act.before ? content?.equals(old) === true : content === undefined
        const isNew = act.after === undefined ? content === undefined : content?.equals(act.after) === true
        expect(isOld || isNew, what).toBe(true)
        expect(keys, what).toEqual(content === undefined ? [] : ['k'])
        if (error === undefined) expect(isNew, `${what}, and no error`).toBe(true)
        else struck += 1
        // An error is cleaned up after; what a death leaves is a name that begins with .coalmine-tmp-.
        const left = act.before || content !== undefined ? readdirSync(path).filter((name) => name !== 'k') : []
        if (blow === 'error' && !['remove', 'link'].includes(effects[nth - 1]!)) expect(left, what).toEqual([])
        for (const name of left) expect(name).toMatch(/^\.coalmine-tmp-[0-9a-f]{16}$/)
        // And the next run goes on.
        await reopened.put('k', fromBytes(fresh))
        expect(readFileSync(join(path, 'k')).equals(fresh), what).toBe(true)
      }
      // Only a write and a copy have a middle.
      expect(struck > 0).toBe(!(act.name === 'a delete' && blow === 'death midway'))
    },
  )
})

it('a put flushes the file before it has its name, and the folder after', async () => {
  const { log, error } = await perform(acts[1]!, Number.POSITIVE_INFINITY, 'error')
  expect(error).toBeUndefined()
  expect(log.filter((name) => name !== 'write')).toEqual([
    'makeFolder',
    'facts',
    'list',
    'createFile',
    'factsOfFile',
    'syncFile',
    'closeFile',
    'rename',
    'syncFolder',
  ])
})

it('a put that makes folders flushes those above them', async () => {
  const { log } = await perform(acts[0]!, Number.POSITIVE_INFINITY, 'error')
  expect(log.slice(0, 5)).toEqual(['makeFolder', 'makeFolder', 'syncFolder', 'makeFolder', 'syncFolder'])
})

it('a put that need not be durable flushes nothing', async () => {
  const path = await tempDir('fast')
  const log: string[] = []
  const effects = aroundEffects(nodeFileStorageEffects, (name, run) => (log.push(name), run()))
  const storage = createFileStorage({ path, effects, durable: false })
  await storage.put('k', fromBytes(fresh))
  await storage.delete('k')
  await storage.close()
  expect(log.filter((name) => name.startsWith('sync'))).toEqual([])
})

it('close() flushes what was deleted last', async () => {
  const path = await tempDir('flush')
  const log: string[] = []
  const effects = aroundEffects(nodeFileStorageEffects, (name, run) => (log.push(name), run()))
  const storage = createFileStorage({ path, effects })
  await storage.put('k', fromBytes(fresh))
  await storage.delete('k')
  log.length = 0
  await storage.close()
  await storage.close()
  expect(log).toEqual(['syncFolder'])
})
