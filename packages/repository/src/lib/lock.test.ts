import { spawn } from 'node:child_process'
import { existsSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { lockArchiveDir } from './lock.ts'

// What the real program does: fcntl.lockf on "lockfile", exclusive and without waiting.
const tryPython =
  'import fcntl,sys\nf=open(sys.argv[1],"a")\ntry:\n fcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB)\n print("got")\nexcept OSError:\n print("refused")'
const holdPython = `${tryPython}\nsys.stdout.flush()\nsys.stdin.read()`

describe('lockArchiveDir()', () => {
  itWith(['python3'], 'keeps the real program away, and lets it in again when released', async () => {
    const folder = await tempDir('lock')
    const lock = lockArchiveDir(folder)
    expect(lock.kind).toBe('shared')
    const ask = async () => (await run(['python3', '-c', tryPython, join(folder, 'lockfile')])).stdout.toString().trim()
    expect(await ask()).toBe('refused')
    lock.release()
    expect(await ask()).toBe('got')
  })

  itWith(['python3'], 'is refused while the real program holds the lock', async () => {
    const folder = await tempDir('lock')
    const holder = spawn('python3', ['-c', holdPython, join(folder, 'lockfile')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    expect(() => lockArchiveDir(folder)).toThrow(/another backup program is using it/)
    holder.stdin.end()
    await new Promise((resolve) => holder.once('exit', resolve))
    lockArchiveDir(folder).release()
  })

  it('keeps two of one process apart', async () => {
    const folder = await tempDir('lock')
    const first = lockArchiveDir(folder)
    expect(() => lockArchiveDir(folder)).toThrow(/another backup program/)
    first.release()
    lockArchiveDir(folder).release()
  })

  it('notices that the file it locked was removed meanwhile', async () => {
    const folder = await tempDir('lock')
    let calls = 0
    const lock = lockArchiveDir(folder, () => () => {
      // The real program ended between our open and our lock, and removed its file.
      if (calls++ === 0) unlinkSync(join(folder, 'lockfile'))
      return true
    })
    expect(calls).toBe(2)
    expect(existsSync(join(folder, 'lockfile'))).toBe(true)
    lock.release()
  })

  it('without the binding takes a lock of its own, over a dead owner but not over a living one', async () => {
    const folder = await tempDir('lock')
    const path = join(folder, 'coalmine.lock')
    const lock = lockArchiveDir(folder, () => undefined)
    expect(lock.kind).toBe('own')
    expect(existsSync(path)).toBe(true)
    lock.release()
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, `${hostname()} ${process.pid}\n`)
    expect(() => lockArchiveDir(folder, () => undefined)).toThrow(/another backup program/)
    writeFileSync(path, `${hostname()} 4194305\n`)
    lockArchiveDir(folder, () => undefined).release()
    // Of another machine, or cut off by a crash: who it is cannot be asked, so it is named.
    for (const text of ['elsewhere 1\n', '']) {
      writeFileSync(path, text)
      expect(() => lockArchiveDir(folder, () => undefined)).toThrow(`is using it; if none is, remove "${path}"`)
    }
  })
})
