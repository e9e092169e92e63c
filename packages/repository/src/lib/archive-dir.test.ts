import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { ArchiveDir } from './archive-dir.ts'

describe('ArchiveDir', () => {
  it('has nothing where there is no folder, and makes one only to write', async () => {
    const folder = join(await tempDir('archive'), 'a', 'b')
    const archive = new ArchiveDir(folder)
    expect(archive.source('x')).toBeUndefined()
    archive.begin('x').discard()
    expect(readdirSync(folder)).toEqual(['coalmine'])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  it('shows a file under its name when it is committed, whole, and not before', async () => {
    const folder = await tempDir('archive')
    const archive = new ArchiveDir(folder)
    const file = archive.begin('x')
    file.write(Buffer.from('first, '))
    expect(archive.source('x')).toBeUndefined()
    await file.writeAll(
      (async function* () {
        yield Buffer.from('second')
      })(),
    )
    file.commit()
    file.commit()
    file.discard()
    expect(Buffer.from(await collect(archive.source('x')!.open())).toString()).toBe('first, second')
    expect(statSync(join(folder, 'x')).mode & 0o777).toBe(0o600)
    expect(() => file.write(Buffer.from('late'))).toThrow(/closed/)
    const second = archive.begin('x')
    second.write(Buffer.from('new'))
    second.commit()
    expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('new')
    expect(readdirSync(join(folder, 'coalmine'))).toEqual([])
  })

  it('says what is in the way', async () => {
    const folder = await tempDir('archive')
    writeFileSync(join(folder, 'file'), '')
    expect(() => new ArchiveDir(join(folder, 'file')).begin('x')).toThrow(/^Cannot write into the archive dir/)
    const archive = new ArchiveDir(folder)
    mkdirSync(join(folder, 'x', 'y'), { recursive: true })
    const file = archive.begin('x')
    expect(() => file.commit()).toThrow(/x/)
    file.discard()
    expect(readdirSync(join(folder, 'coalmine'))).toEqual([])
  })
})
