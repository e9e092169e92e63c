import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { itWith } from '@coalmine/fixtures'
import { expect } from 'vitest'
import { file, folder, root, symlink } from './hostile-tar.ts'
import { changesAround, hostileWorld, restoreIn, set, surroundings } from './hostile-world.ts'

// Root restores into a folder that another user may write to, and that user keeps putting links in the place of folders.
const swapping = `
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.chdir(sys.argv[1])
outside = sys.argv[2]
turns = 0
while os.path.exists(sys.argv[3]):
    turns += 1
    for name in ("d0", "d1", "d2", "d1/sub"):
        try:
            os.rename(name, "was%d" % turns)
            os.symlink(outside, name)
            if turns % 3:
                os.unlink(name)
        except OSError:
            pass
print(turns)
`

itWith(['root', 'python3'], 'what root restores is led nowhere by one who swaps folders meanwhile', async () => {
  const members = ['d0', 'd1', 'd2'].flatMap((name) => [
    folder(name, { mode: 0o777 }),
    ...Array.from({ length: 60 }, (_, at) => file(`${name}/f${at}`, 'ours', { mode: 0o4777 })),
    symlink(`${name}/link`, 'x'),
    file(`${name}/secret`, 'ours', { mode: 0o4777 }),
    folder(`${name}/sub`, { mode: 0o777 }),
    file(`${name}/sub/secret`, 'ours', { mode: 0o4777 }),
  ])
  const world = await hostileWorld(() => [set(root({ mode: 0o777 }), ...members)])
  chmodSync(world.base, 0o755)
  chownSync(world.target, 65_534, 65_534)
  const before = surroundings(world)
  const going = join(world.work, 'going')
  mkdirSync(going)
  const argv = ['-c', swapping, world.target, world.outside, going]
  const swapper = spawn('python3', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let turns = ''
  swapper.stdout.on('data', (chunk: Buffer) => (turns += chunk.toString()))
  const ended = once(swapper, 'close')
  const codes = new Set<number>()
  try {
    for (let time = 0; time < (process.env['COALMINE_LONG'] ? 100 : 5); time++) {
      chownSync(world.target, 65_534, 65_534)
      codes.add((await restoreIn(world, ['--force', '--numeric-owner'])).code)
      expect(changesAround(before, world)).toEqual([])
    }
  } finally {
    rmdirSync(going)
    await ended
  }
  expect(Number(turns)).toBeGreaterThan(100)
  // It came to its end each time: whole, or with what was in the way told.
  expect([...codes].filter((code) => code !== 0 && code !== 1)).toEqual([])
  expect(lstatSync(join(world.outside, 'secret')).mode & 0o7777).toBe(0o640)
  expect(readdirSync(world.outside).sort()).toEqual(['empty', 'link', 'secret', 'sub'])
})
