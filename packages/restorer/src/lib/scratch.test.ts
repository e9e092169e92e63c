import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { collect, equalBytes, type RawPath } from '@coalmine/bytes'
import { createTreeWriter, nodeEffects, type ScratchFile } from '@coalmine/filetree'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { Scratch } from './scratch.ts'

const limit = 100_000

/** As the writer of a restore into the folder gives them. */
function scratchIn(folder: string): () => ScratchFile {
  const writer = createTreeWriter(folder, { ownership: 'none', onProblem: () => undefined })
  return () => writer.scratch('a' as RawPath)
}

async function* pieces(content: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

/** Open descriptors of files in a folder, also of those without a name. */
function openIn(folder: string): string[] {
  const open = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      // The descriptor of the listing itself, which is closed by now.
      return ''
    }
  })
  return open.filter((path) => path.startsWith(folder))
}

describe('Scratch', () => {
  for (const length of [0, 1, limit - 1, limit, limit + 1, 3 * limit, 2_500_000]) {
    it(`gives back ${length} bytes, as often and in what ranges it is asked for`, async () => {
      const folder = await tempDir('scratch')
      const content = createRandom(length).bytes(length)
      const scratch = new Scratch(scratchIn(folder), limit)
      const source = await scratch.fill(pieces(content, 7777))
      expect(source.size).toBe(length)
      expect(equalBytes(await collect(source.open()), content)).toBe(true)
      for (const [start, end] of [
        [0, length],
        [length, length],
        [Math.floor(length / 3), Math.floor((length * 2) / 3)],
        [Math.max(0, length - 1), length],
      ] as const) {
        expect(equalBytes(await collect(source.open({ start, end })), content.subarray(start, end))).toBe(true)
        for await (const chunk of source.open({ start, end })) expect(chunk.length).toBeGreaterThan(0)
      }
      // In memory up to the limit; beyond it in a file that nobody finds, and that is gone when the process is.
      expect(readdirSync(folder)).toEqual([])
      if (process.platform === 'linux') {
        // The folder itself, by the writer, and the file.
        expect(openIn(folder)).toHaveLength(length > limit ? 2 : 0)
      }
      scratch.close()
      scratch.close()
      if (process.platform === 'linux') expect(openIn(folder)).toHaveLength(length > limit ? 1 : 0)
    })
  }

  it('says where there was no room, and lets go of everything', async () => {
    const nowhere = join(await tempDir('scratch'), 'nowhere')
    const scratch = new Scratch(scratchIn(join(nowhere, 'target')), 10)
    await expect(scratch.fill(pieces(Buffer.alloc(100), 9))).rejects.toMatchObject({
      name: 'FileTreeError',
      code: 'ENOENT',
    })
    scratch.close()
    // What fits in memory needs no folder.
    const small = new Scratch(scratchIn(nowhere), 100)
    expect((await small.fill(pieces(Buffer.alloc(100), 9))).size).toBe(100)

    const folder = await tempDir('scratch')
    const writer = createTreeWriter(folder, {
      ownership: 'none',
      onProblem: () => undefined,
      effects: {
        ...nodeEffects,
        write() {
          throw Object.assign(new Error('ENOSPC: …'), { code: 'ENOSPC' })
        },
      },
    })
    const full = new Scratch(() => writer.scratch('a' as RawPath), 10)
    await expect(full.fill(pieces(Buffer.alloc(100), 9))).rejects.toMatchObject({
      name: 'FileTreeError',
      code: 'ENOSPC',
      message: expect.stringContaining(`Cannot keep a large file for patching in "${folder}": `),
    })
    full.close()
    writer.close()
    if (process.platform === 'linux') expect(openIn(folder)).toEqual([])
  })

  it('lets go of the file when its content fails', async () => {
    const folder = await tempDir('scratch')
    const scratch = new Scratch(scratchIn(folder), 10)
    const failing = async function* () {
      yield Buffer.alloc(100)
      throw new Error('the volume is damaged')
    }
    await expect(scratch.fill(failing())).rejects.toThrow('the volume is damaged')
    expect(statSync(folder).isDirectory()).toBe(true)
    scratch.close()
    if (process.platform === 'linux') expect(openIn(folder)).toHaveLength(1)
  })
})
