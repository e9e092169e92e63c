import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { collect } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { localWriteError } from './errors.ts'
import { Spool } from './spool.ts'

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
    const source = await file.source()
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

  it('is not hurt by a file that somebody else removed', async () => {
    const spool = new Spool(await tempDir('spool'))
    const file = spool.create()
    rmSync(file.path)
    file.remove()
    spool.close()
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
