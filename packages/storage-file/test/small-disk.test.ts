import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, tempDir } from '@coalmine/fixtures'
import { expect, it } from 'vitest'

const program = fileURLToPath(new URL('on-small-disk.ts', import.meta.url))

// A mount of its own needs rights that not even root has everywhere.
const [unshare, ...alone] = ['unshare', '-m'] as const
const canMount = spawnSync(unshare, [...alone, 'true']).status === 0

// Judge: the kernel, by a tmpfs of 1 MiB that is full and then read-only.
it.skipIf(!canMount)('a file storage says when the disk is full, and when it is read-only', async () => {
  const disk = await tempDir('disk')
  const spool = join(await tempDir('spool'), 'spool')
  const mounted =
    'mount -t tmpfs -o size=1m,mode=700 tmpfs "$1" && disk=$1 && spool=$2 && shift 2 && exec "$@" "$disk" "$spool"'
  const argv = [
    unshare,
    ...alone,
    'sh',
    '-c',
    mounted,
    'sh',
    disk,
    spool,
    process.execPath,
    ...process.execArgv,
    program,
  ]
  const { stdout } = await run(argv, { check: true })
  const said = JSON.parse(stdout.toString()) as Record<string, unknown>
  const full = (key: string) => ({
    code: 'no-space',
    retry: 'never',
    message: `Cannot put "${key}" in file://DISK/storage: no space left on device (ENOSPC)`,
  })
  const readOnly = (what: string) => ({
    code: 'denied',
    retry: 'never',
    message: `Cannot ${what} in file://DISK/storage: read-only file system (EROFS)`,
  })
  expect(said).toEqual({
    fits: 'done',
    full: full('full'),
    copied: full('copied'),
    replaced: full('fits'),
    names: ['fits'],
    usage: { totalBytes: 1_048_576, usedBytes: expect.any(Number) as number, freeBytes: expect.any(Number) as number },
    small: 'done',
    'read-only put': readOnly('put "new"'),
    'read-only delete': readOnly('delete "small"'),
    'read-only stat': 'done',
    'names in the end': ['fits', 'small'],
  })
})
