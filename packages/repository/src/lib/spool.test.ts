import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { collect } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { localWriteError } from './errors.ts'
import { nodeLocalEffects } from './local-effects.ts'
import { spoolFolderName } from './spool-name.ts'
import { Spool, volumesInFlight } from './spool.ts'

/** Descriptors of this process that lead below a folder. */
function openBelow(folder: string): number {
  const links = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      // That of the listing itself.
      return ''
    }
  })
  return links.filter((link) => link.startsWith(folder)).length
}

describe('Spool', () => {
  it('keeps what is on its way for its owner alone, and goes away with everything in it', async () => {
    const folder = await tempDir('spool')
    const spool = new Spool(folder)
    const [written, open] = [spool.create(), spool.create()]
    written.write(Buffer.from('sealed'))
    written.finish()
    open.write(Buffer.from('half'))
    expect(statSync(spool.folder).mode & 0o777).toBe(0o700)
    expect(statSync(written.path).mode & 0o777).toBe(0o600)
    spool.close()
    expect(readdirSync(folder)).toEqual([])
    spool.close()
    expect(() => spool.create()).toThrow(/there is no such folder/)
  })

  it('gives what was written as often as it is asked for, with its digest', async () => {
    const spool = new Spool(await tempDir('spool'))
    const file = spool.create()
    const pieces = [Buffer.from('one'), Buffer.alloc(3_000_000, 'two'), Buffer.alloc(0), Buffer.from('three')]
    await file.writeAll(
      (async function* () {
        yield* pieces
      })(),
    )
    const all = Buffer.concat(pieces)
    expect(file.bytes).toBe(all.length)
    expect(file.sha1).toBe(createHash('sha1').update(all).digest('hex'))
    const source = file.source()
    expect(source.size).toBe(all.length)
    for (let time = 0; time < 2; time++) expect(Buffer.compare(await collect(source.open()), all)).toBe(0)
    expect(Buffer.from(await collect(source.open({ start: 1, end: 5 }))).toString()).toBe('netw')
    expect(readFileSync(file.path)).toHaveLength(all.length)
    expect(() => file.write(Buffer.from('late'))).toThrow(/closed/)
    file.remove()
    file.remove()
    expect(existsSync(file.path)).toBe(false)
    spool.close()
  })

  it('is for its owner alone whatever the umask is', async () => {
    const folder = await tempDir('spool')
    const before = process.umask(0)
    try {
      const spool = new Spool(folder)
      expect(statSync(spool.folder).mode & 0o7777).toBe(0o700)
      expect(statSync(spool.create().path).mode & 0o7777).toBe(0o600)
      spool.close()
    } finally {
      process.umask(before)
    }
  })

  it.runIf(process.platform === 'linux')('reads what it wrote, whatever has its name by then', async () => {
    const spool = new Spool(await tempDir('spool'))
    const file = spool.create()
    file.write(Buffer.from('what was checked'))
    const { path } = file
    rmSync(path)
    writeFileSync(path, 'something other')
    const source = file.source()
    const open = source.open()[Symbol.asyncIterator]()
    expect(Buffer.from((await open.next()).value as Uint8Array).toString()).toBe('what was checked')
    // What is being read still comes to its end; nothing new begins.
    file.remove()
    expect(openBelow(spool.folder)).toBe(1)
    expect((await open.next()).done).toBe(true)
    expect(openBelow(spool.folder)).toBe(0)
    await expect(collect(source.open())).rejects.toThrow(`Cannot read the spool file "${path}": it is removed`)
    expect(() => source.open({ start: 2, end: 1 })).toThrow(RangeError)
    spool.close()
  })

  it('tells when a file is shorter than what was written', async () => {
    const effects = { ...nodeLocalEffects, read: () => Promise.resolve(0) }
    const spool = new Spool(await tempDir('spool'), effects)
    const file = spool.create()
    file.write(Buffer.from('12345'))
    await expect(collect(file.source().open())).rejects.toThrow(/to byte 5: the file ends at 0$/)
    spool.close()
  })

  it('takes no folder for its own that was there, nor a link', async () => {
    const folder = await tempDir('spool')
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    for (const make of [
      (path: string) => mkdirSync(path),
      (path: string) => symlinkSync(outside, path),
      (path: string) => writeFileSync(path, ''),
    ]) {
      const effects = {
        ...nodeLocalEffects,
        // Somebody guessed the name.
        makeFolder(path: string) {
          make(path)
          nodeLocalEffects.makeFolder(path)
        },
      }
      expect(() => new Spool(folder, effects)).toThrow(/EEXIST/)
      const spool = new Spool(folder, {
        ...nodeLocalEffects,
        createFile(path) {
          symlinkSync(join(outside, 'new'), path)
          return nodeLocalEffects.createFile(path)
        },
      })
      expect(() => spool.create()).toThrow(/EEXIST/)
      rmSync(spool.folder, { recursive: true })
      spool.close()
    }
    expect(readdirSync(outside)).toEqual([])
  })

  it('removes what a killed run of ours left there', async () => {
    const folder = await tempDir('spool')
    const left = join(folder, spoolFolderName({ ...nodeLocalEffects.process(), pid: 4_194_305 }))
    mkdirSync(left, { mode: 0o700 })
    const spool = new Spool(folder)
    expect(readdirSync(folder)).toEqual([spool.folder.slice(folder.length + 1)])
    // One that is in use stays.
    const second = new Spool(folder)
    expect(existsSync(spool.folder)).toBe(true)
    spool.close()
    second.close()
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves what somebody else put into its folder', async () => {
    const spool = new Spool(await tempDir('spool'))
    writeFileSync(join(spool.folder, 'theirs'), '')
    spool.create()
    spool.close()
    expect(readdirSync(spool.folder)).toEqual(['theirs'])
  })

  it('is not hurt by a file that somebody else removed', async () => {
    const spool = new Spool(await tempDir('spool'))
    const file = spool.create()
    rmSync(file.path)
    file.remove()
    spool.close()
  })
})

describe('volumesInFlight()', () => {
  it('is what there is room for beside a volume that is made and the signatures, and at least one', async () => {
    const folder = await tempDir('space')
    let free: number | undefined = 0
    const spool = new Spool(folder, { ...nodeLocalEffects, freeBytes: () => free })
    const how = (bytes: number | undefined, wanted = 4) => {
      free = bytes
      return volumesInFlight(1000, wanted, spool)
    }
    expect(how(2299 + 1)).toBe(1)
    expect(how(3299)).toBe(1)
    expect(how(3301)).toBe(2)
    expect(how(1_000_000)).toBe(4)
    expect(how(1_000_000, 2 ** 40)).toBe(998)
    expect(how(undefined)).toBe(4)
    for (const volumeBytes of [1, 3, 7, 1000, 1_048_576, 209_715_200]) {
      free = Math.ceil(volumeBytes * 2.3)
      expect(volumesInFlight(volumeBytes, 3, spool)).toBe(1)
      free -= 1
      expect(() => volumesInFlight(volumeBytes, 3, spool)).toThrow(
        expect.objectContaining({
          name: 'RepositoryError',
          code: 'no-space',
          message: `Cannot keep volumes on their way in "${spool.folder}": ${free + 1} bytes are needed there and ${free} are free`,
        }),
      )
    }
    spool.requireSpace(free)
    expect(() => spool.requireSpace(free! + 1)).toThrow(/bytes are needed there/)
    spool.close()
  })

  it('asks the file system, and goes on where that tells nothing', async () => {
    const folder = await tempDir('space')
    const spool = new Spool(folder)
    expect(spool.freeBytes()).toBeGreaterThan(0)
    const silent = new Spool(folder, {
      ...nodeLocalEffects,
      freeBytes() {
        throw Object.assign(new Error('no'), { code: 'ENOSYS' })
      },
    })
    silent.requireSpace(1e18)
    expect(volumesInFlight(1e15, 3, silent)).toBe(3)
    spool.close()
    silent.close()
  })
})

describe('localWriteError()', () => {
  const system = (code: string) => Object.assign(new Error(`${code}: …`), { code })

  it('says in one sentence what the system means', () => {
    const cases: [string, string, string][] = [
      ['ENOSPC', 'no-space', 'no space is left on the device'],
      ['EDQUOT', 'no-space', 'no space is left on the device'],
      ['EACCES', 'denied', 'permission denied (EACCES)'],
      ['EPERM', 'denied', 'permission denied (EPERM)'],
      ['EROFS', 'denied', 'permission denied (EROFS)'],
      ['ENOENT', 'denied', 'there is no such folder'],
      ['ENOTDIR', 'denied', 'a part of the path is no folder'],
    ]
    for (const [code, ours, text] of cases) {
      const cause = system(code)
      expect(localWriteError(cause, 'write "x"')).toMatchObject({
        name: 'RepositoryError',
        code: ours,
        message: `Cannot write "x": ${text}`,
        cause,
      })
    }
  })

  it('leaves everything else as it is', () => {
    for (const error of [system('EIO'), new Error('no code'), 'a string', undefined]) {
      expect(localWriteError(error, 'write')).toBe(error)
    }
  })
})
