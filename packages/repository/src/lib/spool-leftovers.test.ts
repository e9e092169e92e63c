import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import { beforeEach, describe, expect, it } from 'vitest'
import { type LocalEffects, nodeLocalEffects, type ProcessFacts } from './local-effects.ts'
import { removeLeftOvers } from './spool-leftovers.ts'
import { isSpoolFileName, ownerOf, randomName, spoolFolderName } from './spool-name.ts'

const own = nodeLocalEffects.process()
/** Larger than the largest number that a process can have on Linux. */
const nobody = 4_194_305

let folder: string

beforeEach(async () => {
  folder = await tempDir('left')
})

/** A spool folder with two files, as a run of that process would have left it. */
function left(facts: Partial<ProcessFacts> = {}): string {
  const path = join(folder, spoolFolderName({ ...own, pid: nobody, ...facts }))
  mkdirSync(path, { mode: 0o700 })
  for (let file = 0; file < 2; file++) writeFileSync(join(path, randomName()), 'sealed', { mode: 0o600 })
  return path
}

const gone = (effects: LocalEffects = nodeLocalEffects) => {
  removeLeftOvers(folder, effects)
  return readdirSync(folder)
}

describe('spoolFolderName()', () => {
  it('says whose the folder is, and no two are the same', () => {
    const names = [spoolFolderName(own), spoolFolderName(own)]
    expect(names.map(ownerOf)).toEqual([own, own])
    expect(names[0]).not.toBe(names[1])
    expect(names[0]).toMatch(/^[\x21-\x7e]{1,200}$/)
    expect(isSpoolFileName(randomName())).toBe(true)
    for (const name of ['', 'coalmine-x', 'coalmine-spool-1-2-3-4-5-6', `${names[0]}/..`, `x${names[0]}`]) {
      expect(ownerOf(name), name).toBeUndefined()
    }
  })
})

describe('removeLeftOvers()', () => {
  it('removes what a process left that is gone, in this start of the machine or an earlier one', () => {
    left()
    // The number is in use again, by another process.
    if (own.began !== '0') left({ pid: process.pid, began: String(Number(own.began) - 1) })
    if (own.boot !== '0') left({ pid: process.pid, boot: '01234567' })
    expect(gone()).toEqual([])
  })

  it('leaves what is in use, and what nothing can be known of', () => {
    const kept = [
      left({ pid: process.pid }),
      left({ host: '01234567' }),
      left({ space: '01234567' }),
      left({ pid: 1, began: '0' }),
    ]
    expect(gone().sort()).toEqual(kept.map((path) => path.slice(folder.length + 1)).sort())
    // Without /proc the number alone is known.
    const blind = { ...own, boot: '0', space: '0', began: '0' }
    const effects: LocalEffects = {
      ...nodeLocalEffects,
      process: () => blind,
      began: (pid) => (pid === 77 ? '0' : undefined),
    }
    const inUse = left({ ...blind, pid: 77, began: '5' })
    const over = left({ ...blind, pid: 78 })
    gone(effects)
    expect([existsSync(inUse), existsSync(over)]).toEqual([true, false])
  })

  it('touches nothing of another name, no link, no folder that is open to others', () => {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    const secret = join(outside, randomName())
    writeFileSync(secret, 'theirs')
    const link = left()
    renameSync(link, join(folder, 'moved'))
    symlinkSync('outside', link)
    mkdirSync(join(folder, 'coalmine-x'))
    const open = left()
    chmodSync(open, 0o755)
    const file = join(folder, spoolFolderName({ ...own, pid: nobody }))
    writeFileSync(file, '')
    const before = readdirSync(folder).sort()
    expect(gone().sort()).toEqual(before)
    expect(readdirSync(outside)).toHaveLength(1)
    expect(readdirSync(open)).toHaveLength(2)
  })

  it('removes nothing that it did not make: what is in the folder besides stays, with the folder', () => {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'theirs')
    const path = left()
    symlinkSync('../outside', join(path, randomName()))
    symlinkSync('../outside/secret', join(path, randomName()))
    mkdirSync(join(path, randomName()))
    writeFileSync(join(path, 'notes'), 'mine')
    gone()
    expect(readdirSync(path)).toHaveLength(4)
    expect(readdirSync(outside)).toEqual(['secret'])
  })

  it('does not look where others could put something else in the place of what was looked at', () => {
    const path = left()
    chmodSync(folder, 0o777)
    gone()
    expect(existsSync(path)).toBe(true)
    // As /tmp is: nobody but the owner can move a folder there.
    chmodSync(folder, 0o1777)
    gone()
    expect(existsSync(path)).toBe(false)
  })

  itWith(['root'], 'leaves what belongs to others', () => {
    const path = left()
    chownSync(path, 65_534, 65_534)
    gone()
    expect(existsSync(path)).toBe(true)
    chownSync(path, 0, 0)
    chownSync(folder, 65_534, 65_534)
    gone()
    expect(existsSync(path)).toBe(true)
  })

  it('is not stopped by what it cannot do', () => {
    const path = left()
    const denied = Object.assign(new Error('no'), { code: 'EACCES' })
    for (const name of ['facts', 'list', 'ownFacts', 'remove', 'removeFolder'] as const) {
      const effects = {
        ...nodeLocalEffects,
        [name]: () => {
          throw denied
        },
      }
      expect(gone(effects)).toHaveLength(1)
    }
    expect(lstatSync(path).isDirectory()).toBe(true)
    removeLeftOvers(join(folder, 'nowhere'), nodeLocalEffects)
    const broken = {
      ...nodeLocalEffects,
      list: () => {
        throw new TypeError('a mistake of ours')
      },
    }
    expect(() => removeLeftOvers(folder, broken)).toThrow('a mistake of ours')
  })
})

describe.runIf(process.platform === 'linux')('nodeLocalEffects.began()', () => {
  itWith(['sleep'], 'tells processes apart, and those that are gone or were never there', async () => {
    expect(nodeLocalEffects.began(process.pid)).toBe(own.began)
    expect(own.began).toMatch(/^[1-9]\d*$/)
    expect(own.space).not.toBe('0')
    expect(own.boot).not.toBe('0')
    expect(nodeLocalEffects.began(nobody)).toBeUndefined()
    const child = spawn('sleep', ['60'])
    const began = nodeLocalEffects.began(child.pid!)
    expect(Number(began)).toBeGreaterThanOrEqual(Number(own.began))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(nodeLocalEffects.began(child.pid!)).toBeUndefined()
  })

  itWith(['python3'], 'counts a dead process that nobody has waited for as gone, whatever its name', async () => {
    // Its child dies and is not waited for: a zombie with a name that looks like the fields of another process.
    const script = [
      'import ctypes, os, sys, time',
      'pid = os.fork()',
      'if pid == 0:',
      '    ctypes.CDLL(None).prctl(15, b") R 1 1 ((", 0, 0, 0)',
      '    os._exit(0)',
      'while open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] != "Z": time.sleep(0.01)',
      'print(pid, flush=True)',
      'sys.stdin.read()',
    ]
    const child = spawn('python3', ['-c', script.join('\n')], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const zombie = Number(line.toString())
    expect((await run(['cat', `/proc/${zombie}/stat`])).stdout.toString()).toMatch(/\) Z /)
    expect(nodeLocalEffects.began(zombie)).toBeUndefined()
    child.stdin.end()
    await once(child, 'exit')
  })
})
