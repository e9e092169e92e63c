import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ByteSource, collect, fromBytes } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { itWith, run, tempDir } from '@coalmine/fixtures'
import type { ObjectInfo, PutProgress, Storage } from '@coalmine/storage'
import { describe, expect, it } from 'vitest'
import { aroundEffects, type FileStorageEffects, nodeFileStorageEffects } from './effects.ts'
import { createFileStorage } from './file-storage.ts'

const bytes = Buffer.alloc(700_000, 'some content ')

async function setup(options: Partial<Parameters<typeof createFileStorage>[0]> = {}) {
  const path = await tempDir('file')
  return { path, storage: createFileStorage({ path, ...options }) }
}

/** Effects of which one fails as the system would. */
function failing(name: keyof FileStorageEffects, code: string): FileStorageEffects {
  return aroundEffects(nodeFileStorageEffects, async (effect, run) => {
    if (effect === name) throw Object.assign(new Error(`${code}: the words of the system, ${name}`), { code })
    return await run()
  })
}

async function list(storage: Storage): Promise<{ infos: ObjectInfo[]; foreign: string[] }> {
  const infos: ObjectInfo[] = []
  const foreign: string[] = []
  for await (const info of storage.list({ onForeign: (name) => foreign.push(name) })) infos.push(info)
  return { infos: infos.sort((a, b) => (a.key < b.key ? -1 : 1)), foreign: foreign.sort() }
}

describe('createFileStorage()', () => {
  it('says what it is, and touches nothing', async () => {
    const path = join(await tempDir('file'), 'a b')
    expect(createFileStorage({ path: `${path}//` }).info).toEqual({
      scheme: 'file',
      display: `file://${path}`,
      capabilities: { ranges: true, putIfAbsent: true, parallel: 4, listLagMs: 0, digests: [] },
    })
    expect(createFileStorage({ path, verify: true }).info.capabilities.digests).toEqual(['sha1'])
    expect(createFileStorage({ path: Buffer.from('/caf\xe9\n', 'latin1') }).info.display).toBe('file:///caf\\xe9\\n')
    expect(existsSync(path)).toBe(false)
    expect(() => createFileStorage({ path: '' })).toThrow(TypeError)
    expect(() => createFileStorage({ path: '/a\0b' })).toThrow(TypeError)
  })

  it('reads a folder that is not there as one without objects', async () => {
    const storage = createFileStorage({ path: join(await tempDir('file'), 'missing') })
    expect(await list(storage)).toEqual({ infos: [], foreign: [] })
    expect(await storage.stat('k')).toBeUndefined()
    await expect(collect(storage.get('k'))).rejects.toMatchObject({ code: 'not-found' })
    await storage.delete('k')
    expect((await storage.usage!()).freeBytes).toBeGreaterThan(0)
    await storage.close()
  })

  it('makes folders and files for their owner only', async () => {
    const root = await tempDir('file')
    const path = join(root, 'x', 'y')
    const storage = createFileStorage({ path })
    await storage.put('k', fromBytes(bytes))
    const open = join(root, 'open')
    writeFileSync(open, bytes)
    chmodSync(open, 0o444)
    await storage.put('copied', await fromFile(open))
    const modes = [join(root, 'x'), path, join(path, 'k'), join(path, 'copied')].map(
      (one) => statSync(one).mode & 0o777,
    )
    expect(modes).toEqual([0o700, 0o700, 0o600, 0o600])
  })

  it('takes paths of any bytes', async () => {
    const path = Buffer.concat([Buffer.from(await tempDir('file')), Buffer.from('/caf\xe9', 'latin1')])
    const storage = createFileStorage({ path })
    await storage.put('k', fromBytes(bytes))
    expect(readdirSync(path)).toEqual(['k'])
    expect(Buffer.compare(await collect(storage.get('k')), bytes)).toBe(0)
  })

  it('refuses to make a folder below a file, and where the system refuses it again and again', async () => {
    const { path } = await setup()
    writeFileSync(join(path, 'file'), '')
    const below = createFileStorage({ path: join(path, 'file', 'a') })
    await expect(below.put('k', fromBytes(bytes))).rejects.toMatchObject({
      code: 'failed',
      message: `Cannot put "k" in file://${path}/file/a: not a directory (ENOTDIR)`,
    })
    await expect(list(below)).rejects.toMatchObject({ code: 'failed', operation: 'list' })
    await expect(below.stat('k')).rejects.toMatchObject({ code: 'failed', operation: 'stat' })
    const never = createFileStorage({ path: join(path, 'a', 'b', 'c'), effects: failing('makeFolder', 'ENOENT') })
    await expect(never.put('k', fromBytes(bytes))).rejects.toMatchObject({ code: 'failed' })
  })
})

describe('errors of the system', () => {
  it.each([
    ['write', 'ENOSPC', 'no-space', 'never'],
    ['syncFile', 'EDQUOT', 'no-space', 'never'],
    ['createFile', 'EACCES', 'denied', 'never'],
    ['createFile', 'EROFS', 'denied', 'never'],
    ['rename', 'EPERM', 'denied', 'never'],
    ['write', 'EFBIG', 'too-large', 'never'],
    ['createFile', 'ENAMETOOLONG', 'invalid-key', 'never'],
    ['write', 'EIO', 'unavailable', 'later'],
    ['syncFolder', 'EIO', 'unavailable', 'later'],
    ['createFile', 'EMFILE', 'unavailable', 'later'],
    ['rename', 'EXDEV', 'failed', 'never'],
  ] as const)('a put whose %s fails with %s is %s', async (effect, errno, code, retry) => {
    const { path, storage } = await setup({ effects: failing(effect, errno) })
    await expect(storage.put('k', fromBytes(bytes))).rejects.toMatchObject({
      name: 'StorageError',
      code,
      retry,
      operation: 'put',
      key: 'k',
      message: `Cannot put "k" in file://${path}: the words of the system (${errno})`,
      cause: { code: errno },
    })
    expect(readdirSync(path)).toEqual(effect === 'syncFolder' ? ['k'] : [])
  })

  it('of the other calls are told as they are', async () => {
    const { path, storage } = await setup()
    await storage.put('k', fromBytes(bytes))
    const broken = (name: keyof FileStorageEffects) => createFileStorage({ path, effects: failing(name, 'EACCES') })
    const denied = { code: 'denied' }
    await expect(collect(broken('openFile').get('k'))).rejects.toMatchObject({ ...denied, operation: 'get', key: 'k' })
    await expect(collect(broken('read').get('k'))).rejects.toMatchObject(denied)
    await expect(broken('facts').stat('k')).rejects.toMatchObject({ ...denied, operation: 'stat' })
    await expect(broken('remove').delete('k')).rejects.toMatchObject({ ...denied, operation: 'delete' })
    await expect(list(broken('list'))).rejects.toMatchObject({ ...denied, operation: 'list', key: undefined })
    await expect(list(broken('facts'))).rejects.toMatchObject(denied)
    await expect(broken('space').usage!()).rejects.toMatchObject({ ...denied, operation: 'usage' })
    const closing = createFileStorage({ path, effects: failing('syncFolder', 'EIO') })
    await closing.delete('k')
    await expect(closing.close()).rejects.toMatchObject({ code: 'unavailable', operation: 'close' })
  })

  it('of a source are passed on as they are, also when they look like those of the system', async () => {
    const { path, storage } = await setup()
    const source: ByteSource = { size: 5, localPath: '/nowhere/at/all', open: () => readMissing() }
    await expect(storage.put('k', source)).rejects.toMatchObject({ name: 'Error', code: 'ENOENT' })
    expect(readdirSync(path)).toEqual([])
  })
})

async function* readMissing(): AsyncIterable<Uint8Array> {
  yield new Uint8Array(readFileSync('/nowhere/at/all'))
}

describe('put() of a local file', () => {
  async function withLocalFile() {
    const root = await tempDir('local')
    const local = join(root, 'spool')
    writeFileSync(local, bytes)
    const log: string[] = []
    const effects = aroundEffects(nodeFileStorageEffects, (name, run) => (log.push(name), run()))
    const path = join(root, 'storage')
    return { local, log, path, storage: createFileStorage({ path, effects }) }
  }

  it('copies it without reading', async () => {
    const { local, log, path, storage } = await withLocalFile()
    const source: ByteSource = {
      size: bytes.length,
      localPath: local,
      open: () => {
        throw new Error('read')
      },
    }
    const told: PutProgress[] = []
    await storage.put('k', source, { onProgress: (progress) => told.push(progress) })
    expect(readFileSync(join(path, 'k')).equals(bytes)).toBe(true)
    expect(told).toEqual([{ phase: 'sent', bytes: bytes.length }])
    expect(log).not.toContain('write')
  })

  it.each(['longer', 'shorter', 'missing'])('reads the source where the file is %s than it says', async (how) => {
    const { local, log, path, storage } = await withLocalFile()
    if (how === 'longer') writeFileSync(local, Buffer.concat([bytes, bytes]))
    if (how === 'shorter') await truncate(local, 10)
    const localPath = how === 'missing' ? `${local}-not` : local
    await storage.put('k', { ...fromBytes(bytes), localPath })
    expect(log).toContain('write')
    expect(readFileSync(join(path, 'k')).equals(bytes)).toBe(true)
    expect(readdirSync(path)).toEqual(['k'])
  })

  it('stores the first bytes of a file that grows, and refuses one that has shrunk', async () => {
    const { local, path, storage } = await withLocalFile()
    const source = await fromFile(local)
    writeFileSync(local, Buffer.concat([bytes, bytes]))
    await storage.put('k', source)
    expect(readFileSync(join(path, 'k')).equals(bytes)).toBe(true)
    await truncate(local, 10)
    await expect(storage.put('k', source)).rejects.toThrow('the file ends at 10')
    expect(readFileSync(join(path, 'k')).equals(bytes)).toBe(true)
  })

  it('stops after the copy when it was aborted', async () => {
    const { local, path } = await withLocalFile()
    const abort = new AbortController()
    const effects = aroundEffects(nodeFileStorageEffects, async (name, run) => {
      if (name === 'copyFile') abort.abort(new Error('stop'))
      return await run()
    })
    const storage = createFileStorage({ path, effects })
    await expect(storage.put('k', await fromFile(local), { signal: abort.signal })).rejects.toThrow('stop')
    expect(readdirSync(path)).toEqual([])
  })
})

describe('put() that verifies', () => {
  it('returns the digests of what it has read again', async () => {
    const { storage } = await setup({ verify: true })
    const sha1 = 'a9993e364706816aba3e25717850c26c9cd0d89d'
    const told: string[] = []
    const onProgress = ({ phase }: PutProgress): void => void told.push(phase)
    const abc = fromBytes(Buffer.from('abc'))
    expect(await storage.put('k', abc, { onProgress })).toMatchObject({ digests: { sha1 } })
    expect(told).toEqual(['sent', 'verified'])
    const md5 = '900150983cd24fb0d6963f7d28e17f72'
    expect(await storage.put('k', abc, { digests: { md5 } })).toMatchObject({ digests: { md5 } })
  })

  it('finds a byte that was written wrongly', async () => {
    const effects: FileStorageEffects = {
      ...nodeFileStorageEffects,
      write: (file, chunk) => nodeFileStorageEffects.write(file, Buffer.from(chunk).fill(0, 5, 6)),
    }
    const { path, storage } = await setup({ verify: true, effects })
    await expect(storage.put('k', fromBytes(bytes))).rejects.toMatchObject({ code: 'mismatch', retry: 'now' })
    expect(readdirSync(path)).toEqual([])
  })

  it('finds the size wrong without reading again', async () => {
    const effects: FileStorageEffects = {
      ...nodeFileStorageEffects,
      write: (file, chunk) => nodeFileStorageEffects.write(file, chunk.subarray(1)),
    }
    const { path, storage } = await setup({ effects })
    await expect(storage.put('k', fromBytes(bytes))).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringMatching(/the file has 6999\d\d bytes after 700000 were written$/) as string,
    })
    expect(readdirSync(path)).toEqual([])
  })
})

describe('get()', () => {
  it('notices a file that has become shorter, and leaves out what was added', async () => {
    const { path, storage } = await setup()
    await storage.put('k', fromBytes(Buffer.alloc(3_000_000)))
    const read = async (change: () => Promise<void>): Promise<number> => {
      let got = 0
      for await (const chunk of storage.get('k')) {
        if (got === 0) await change()
        got += chunk.length
      }
      return got
    }
    expect(await read(() => writeFile(join(path, 'k'), bytes, { flag: 'a' }))).toBe(3_000_000)
    await expect(read(() => truncate(join(path, 'k'), 2_000_000))).rejects.toMatchObject({
      code: 'short-body',
      message: `Cannot get "k" in file://${path}: the file ends after 2000000 of 3700000 bytes`,
    })
  })

  it('closes the file wherever it is left', async () => {
    let open = 0
    const effects = aroundEffects(nodeFileStorageEffects, async (name, run) => {
      if (name === 'openFile' || name === 'createFile') open += 1
      if (name === 'closeFile') open -= 1
      return await run()
    })
    const { storage } = await setup({ effects })
    await storage.put('k', fromBytes(bytes))
    for await (const _ of storage.get('k')) break
    await expect(collect(storage.get('k', { range: { end: 1e9 } }))).rejects.toMatchObject({ code: 'invalid-range' })
    await storage.put('k', { size: 7, open: () => fromBytes(bytes).open() }).catch(() => undefined)
    expect(open).toBe(0)
  })

  it('gives pieces of at most 512 KiB, each in a buffer of its own', async () => {
    const { storage } = await setup()
    await storage.put('k', fromBytes(Buffer.alloc(1_200_000)))
    const buffers = new Set<ArrayBufferLike>()
    const sizes: number[] = []
    for await (const chunk of storage.get('k')) {
      sizes.push(chunk.length)
      buffers.add(chunk.buffer)
    }
    expect(sizes).toEqual([524_288, 524_288, 151_424])
    expect(buffers.size).toBe(3)
  })

  itWith('mkfifo', 'does not wait at a fifo', async () => {
    const { path, storage } = await setup()
    await run(['mkfifo', join(path, 'k')], { check: true })
    await expect(collect(storage.get('k'))).rejects.toMatchObject({ code: 'failed', operation: 'get' })
    await expect(storage.stat('k')).rejects.toMatchObject({ code: 'failed', operation: 'stat' })
    expect(await list(storage)).toEqual({ infos: [], foreign: ['k'] })
  })
})

describe('list()', () => {
  it('shows files and links to files, and tells the rest', async () => {
    const { path, storage } = await setup()
    await storage.put('file', fromBytes(bytes))
    await symlink(join(path, 'file'), join(path, 'link'))
    await symlink('/nowhere', join(path, 'dangling'))
    await mkdir(join(path, 'folder'))
    await symlink('folder', join(path, 'link to folder'))
    await writeFile(Buffer.concat([Buffer.from(path), Buffer.from('/caf\xe9', 'latin1')]), '')
    await writeFile(join(path, 'a\nb'), '')
    await writeFile(join(path, '.coalmine-tmp-0123456789abcdef'), '')
    const { infos, foreign } = await list(storage)
    expect(infos.map(({ key, size }) => [key, size])).toEqual([
      ['file', 700_000],
      ['link', 700_000],
    ])
    expect(foreign).toEqual(['a\\nb', 'caf\\xe9', 'dangling', 'folder', 'link to folder'])
    await storage.delete('link')
    await storage.put('dangling', fromBytes(bytes))
    expect(lstatSync(join(path, 'dangling')).isFile()).toBe(true)
    expect((await list(storage)).infos.map(({ key }) => key)).toEqual(['dangling', 'file'])
    await expect(storage.delete('folder')).rejects.toMatchObject({ operation: 'delete' })
    await expect(storage.put('folder', fromBytes(bytes))).rejects.toMatchObject({ code: 'failed', operation: 'put' })
  })

  it('leaves out a file that goes while it looks', async () => {
    const effects = aroundEffects(nodeFileStorageEffects, async (name, run) => {
      if (name === 'facts' || name === 'ownFacts')
        throw Object.assign(new Error('ENOENT: gone, stat'), { code: 'ENOENT' })
      return await run()
    })
    const { path } = await setup()
    writeFileSync(join(path, 'k'), '')
    expect(await list(createFileStorage({ path, effects }))).toEqual({ infos: [], foreign: [] })
  })
})

describe('what a crash has left', () => {
  const left = '.coalmine-tmp-0123456789abcdef'

  it('is removed by the first put a day later', async () => {
    const { path, storage } = await setup()
    const hourAgo = Date.now() / 1000 - 3600
    for (const [name, age] of [
      [left, 86_500],
      ['.coalmine-tmp-fedcba9876543210', 0],
      ['.coalmine-lock', 86_500],
    ] as const) {
      writeFileSync(join(path, name), '')
      if (age > 0) utimesSync(join(path, name), hourAgo - age, hourAgo - age)
    }
    await mkdir(join(path, '.coalmine-tmp-folder'))
    await list(storage)
    expect(readdirSync(path)).toContain(left)
    await storage.put('k', fromBytes(bytes))
    expect(readdirSync(path).sort()).toEqual([
      '.coalmine-lock',
      '.coalmine-tmp-fedcba9876543210',
      '.coalmine-tmp-folder',
      'k',
    ])
  })

  it("stands in nobody's way when it cannot be removed", async () => {
    const { path } = await setup()
    writeFileSync(join(path, left), '')
    const now = (): number => Date.now() + 2 * 86_400_000
    for (const name of ['ownFacts', 'remove', 'list'] as const) {
      await createFileStorage({ path, now, effects: failing(name, 'EPERM') }).put('k', fromBytes(bytes))
      expect(readdirSync(path)).toContain(left)
    }
  })
})

it('put() with ifAbsent says so where a file system has no hard links', async () => {
  const { path, storage } = await setup({ effects: failing('link', 'EPERM') })
  await expect(storage.put('k', fromBytes(bytes), { ifAbsent: true })).rejects.toMatchObject({ code: 'unsupported' })
  expect(readdirSync(path)).toEqual([])
})

it('put() is done where a file system cannot flush', async () => {
  const { storage } = await setup({
    effects: { ...nodeFileStorageEffects, syncFolder: () => Promise.resolve() },
  })
  await storage.put('k', fromBytes(bytes))
})

it('usage() is what df says of the file system', async () => {
  const { path, storage } = await setup()
  const { stdout } = await run(['df', '-B1', '--output=size,used,avail', path], { check: true })
  const [size, , avail] = stdout.toString().trim().split('\n')[1]!.trim().split(/\s+/).map(Number)
  const usage = await storage.usage!()
  expect(usage.totalBytes).toBe(size)
  // Others write meanwhile.
  expect(Math.abs(usage.freeBytes! - avail!)).toBeLessThan(size! / 10)
})
