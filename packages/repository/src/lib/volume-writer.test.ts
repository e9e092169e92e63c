import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { concat, type RawPath } from '@coalmine/bytes'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import {
  type Envelope,
  encodeDiffTarMember,
  type EntryMeta,
  gzipEnvelope,
  plainEnvelope,
} from '@coalmine/volume-format'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Spool } from './spool.ts'
import { type Member, type SpooledVolume, VolumeWriter } from './volume-writer.ts'

const meta = (path: string): EntryMeta => ({
  path: path as RawPath,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 1,
  userName: '',
  groupName: '',
})

const pool = Buffer.alloc(1 << 20)
for (let at = 0; at < pool.length; at++) pool[at] = Math.imul(at, 0x9e3779b1) >>> (at & 512 ? 31 : 13)

function members(sizes: readonly number[]): Member[] {
  return sizes.map((size, index) => {
    const path = `f${String(index).padStart(4, '0')}`
    // Half of it shrinks, half does not, and no two are alike.
    const data = pool.subarray(index * 997, index * 997 + size)
    return { bytes: encodeDiffTarMember({ action: 'snapshot', meta: meta(path), data }), path: path as RawPath }
  })
}

/** The members in batches, each handed over after a pause that chance decides: timing must not matter. */
async function* jittered(all: readonly Member[], batch: number): AsyncIterable<readonly Member[]> {
  for (let at = 0; at < all.length; at += batch) {
    if (Math.random() < 0.3) await new Promise((resolve) => setImmediate(resolve))
    yield all.slice(at, at + batch)
  }
}

let folder: Promise<string> | undefined

async function writeAll(all: readonly Member[], envelope: Envelope, volumeBytes: number, batch = 7) {
  const spool = new Spool(await (folder ??= tempDir('volume-writer')))
  const writer = new VolumeWriter(jittered(all, batch), { envelope, spool, volumeBytes, encrypted: false })
  const volumes: { stored: Uint8Array; volume: SpooledVolume }[] = []
  for (;;) {
    const volume = await writer.next()
    if (volume === undefined) break
    volumes.push({ stored: readFileSync(volume.file.path), volume })
  }
  spool.close()
  return volumes
}

describe('VolumeWriter', () => {
  it('writes every member once, in order, and names the first and last of each volume', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 600, max: 12_000 }),
        async (sizes, volumeBytes) => {
          const all = members(sizes)
          const volumes = await writeAll(all, plainEnvelope(), volumeBytes)
          expect(
            Buffer.compare(concat(volumes.map(({ stored }) => stored)), concat(all.map(({ bytes }) => bytes))),
          ).toBe(0)
          let at = 0
          for (const [index, { stored, volume }] of volumes.entries()) {
            expect(volume.manifest.number).toBe(index + 1)
            expect(volume.manifest.start.path).toBe(all[at]!.path)
            for (let left = stored.length; left > 0; at++) left -= all[at]!.bytes.length
            expect(volume.manifest.end.path).toBe(all[at - 1]!.path)
            expect(volume.manifest.hashes).toEqual([
              { name: 'SHA1', hex: createHash('sha1').update(stored).digest('hex') },
            ])
            // Never over the size, unless a single member is larger.
            const single = volume.manifest.start.path === volume.manifest.end.path
            if (!single) expect(stored.length).toBeLessThanOrEqual(volumeBytes)
          }
          expect(at).toBe(all.length)
        },
      ),
      { numRuns: 1000 },
    )
  }, 120_000)

  it('cuts at the same places whatever the timing', async () => {
    const all = members(Array.from({ length: 400 }, (_, index) => (index * 977) % 40_000))
    const envelope = gzipEnvelope({ level: 4, mtime: 0 })
    const first = await writeAll(all, envelope, 800_000)
    expect(first.length).toBeGreaterThan(2)
    for (let round = 0; round < 4; round++) {
      const again = await writeAll(all, envelope, 800_000)
      expect(again.map(({ volume }) => volume.manifest)).toEqual(first.map(({ volume }) => volume.manifest))
    }
  })

  itWith(['tar'], 'makes each volume a tar of its own for GNU tar', async () => {
    const volumes = await writeAll(members([10, 4000, 0, 70_000, 512, 9]), gzipEnvelope({}), 20_000)
    const names: string[] = []
    for (const { stored } of volumes) {
      const { code, stdout } = await run(['tar', 'tzf', '-'], { input: stored })
      expect(code).toBe(0)
      names.push(...stdout.toString().trim().split('\n'))
    }
    expect(names).toEqual([0, 1, 2, 3, 4, 5].map((index) => `snapshot/f000${index}`))
  })
})
