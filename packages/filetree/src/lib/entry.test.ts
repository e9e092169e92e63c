import { itWith, run } from '@coalmine/fixtures'
import { constants } from 'node:fs'
import { expect, it } from 'vitest'
import { entryKinds, kindNumber, splitDevice } from './entry.ts'

it('kindNumber() knows every kind, and none for what is none', () => {
  const modes = [
    constants.S_IFREG,
    constants.S_IFDIR,
    constants.S_IFLNK,
    constants.S_IFIFO,
    constants.S_IFSOCK,
    constants.S_IFCHR,
    constants.S_IFBLK,
  ]
  expect(modes.map((mode) => kindNumber(mode | 0o7777))).toEqual([...entryKinds.keys()])
  expect(kindNumber(0o777)).toBe(-1)
  expect(kindNumber(0o150000)).toBe(-1)
})

itWith('python3', 'splitDevice() splits device numbers as python3 does', async () => {
  const pairs = [
    [0, 0],
    [1, 3],
    [8, 1],
    [255, 255],
    [4095, 1_048_575],
    [4096, 256],
    [1_000_000, 2_000_000_000],
    [2_147_483_647, 2_147_483_647],
  ]
  const script = `import os, sys; print([os.makedev(a, b) for a, b in ${JSON.stringify(pairs)}])`
  const { stdout } = await run(['python3', '-c', script], { check: true })
  const made = [...stdout.toString().matchAll(/\d+/g)].map(([digits]) => BigInt(digits))
  expect(made.map((rdev) => splitDevice(rdev, 'linux'))).toEqual(pairs)
})

it('splitDevice() splits the device numbers of macOS', () => {
  // /dev/null and /dev/random there: 3, 2 and 14, 0.
  expect(splitDevice(0x3000002n, 'darwin')).toEqual([3, 2])
  expect(splitDevice(0xe000000n, 'darwin')).toEqual([14, 0])
})
