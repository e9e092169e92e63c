import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collect, type RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createMemoryStorage, type Storage } from '@coalmine/storage'
import { gzipEnvelope, parseManifest, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { type LocalEffects, nodeLocalEffects, openRepository, type Repository } from '../src/index.ts'

const folder = fileURLToPath(new URL('../src/', import.meta.url))
const times = { type: 'full', timeSeconds: 1_700_000_000 } as const

/** The effects with `before` called ahead of each. */
function around(before: (name: keyof LocalEffects) => void): LocalEffects {
  const wrapped = Object.entries(nodeLocalEffects).map(([name, effect]) => {
    const run = effect as (...args: unknown[]) => unknown
    const call = (...args: unknown[]) => {
      before(name as keyof LocalEffects)
      return run(...args)
    }
    return [name, call]
  })
  return Object.fromEntries(wrapped) as LocalEffects
}

async function* members() {
  for (const name of ['a', 'b', 'c']) yield [{ path: name as RawPath, bytes: Buffer.alloc(2048, name) }]
}

/** Writes a set and reads it again. */
async function wholeRun(repository: Repository): Promise<void> {
  const writer = await repository.createSet({ times, volumeBytes: 3000, parallel: 2 })
  try {
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(members())
    await writer.commit({ files: [] })
  } catch (error) {
    await writer.abort(error)
    throw error
  }
  const [chain] = (await repository.collect()).chains
  const [set] = chain!.sets
  const manifest = await repository.manifest(set!)
  for await (const volume of repository.volumes(set!, manifest, [...manifest.volumes.keys()])) {
    expect((await collect(volume.open())).length).toBeGreaterThan(2047)
  }
  const [signatures] = (await repository.collect()).signatureChains
  await collect(repository.signatures({ ...signatures!.full }))
}

const keysOf = async (storage: Storage) => {
  const keys: string[] = []
  for await (const { key } of storage.list()) keys.push(key)
  return keys.sort()
}

describe('everything that is done to files of this machine', () => {
  it('goes through the port: nothing else asks for the file system', () => {
    const askers = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .filter((name) =>
        /(?:from|import|require)\s*\(?\s*['"](?:node:)?(?:fs|fs\/promises|child_process|process)['"]|bytes\/file/.test(
          readFileSync(join(folder, name), 'utf8'),
        ),
      )
    expect(askers).toEqual(['lib/local-effects.ts'])
  })

  it('may fail at any moment: no half set, nothing in the spool, no half file under its name', async () => {
    let effects = 0
    for (let nth = 1; ; nth++) {
      const base = await tempDir('effects')
      const storage = createMemoryStorage()
      let count = 0
      let failed: keyof LocalEffects | undefined
      const port = around((name) => {
        count += 1
        if (count !== nth) return
        failed = name
        throw Object.assign(new Error(`EIO: at effect ${nth}, ${name}`), { code: 'EIO' })
      })
      const archiveDir = join(base, 'archive')
      let error: unknown
      let repository: Repository | undefined
      try {
        repository = openRepository({
          ...{ storage, envelope: gzipEnvelope({}), tempDir: base, archiveDir },
          ...{ lock: true, effects: port },
        })
        await wholeRun(repository)
      } catch (thrown) {
        error = thrown
      }
      try {
        repository?.close()
      } catch (thrown) {
        error ??= thrown
      }
      if (failed === undefined) {
        expect(error).toBeUndefined()
        effects = count
        break
      }
      const at = `effect ${nth}, ${failed}: ${String(error)}`
      const keys = await keysOf(storage)
      if (keys.some((key) => key.includes('manifest'))) expect(keys, at).toHaveLength(5)
      else expect(keys, at).toEqual([])
      // What cannot be removed stays; the next run removes it when this process is gone.
      const left = readdirSync(base).filter((name) => name !== 'archive')
      if (failed !== 'remove' && failed !== 'removeFolder') expect(left, at).toEqual([])
      const names = failed === 'makeFolders' && nth < 5 ? [] : readdirSync(archiveDir)
      for (const name of names.filter((one) => one.includes('manifest'))) {
        expect(parseManifest(readFileSync(join(archiveDir, name))).volumes.size, at).toBe(3)
      }
      if (failed !== 'remove') {
        const work = names.includes('coalmine')
          ? readdirSync(join(archiveDir, 'coalmine')).filter((name) => name !== 'ledger')
          : []
        expect(work, at).toEqual([])
      }
    }
    expect(effects).toBeGreaterThan(40)
  })
})
