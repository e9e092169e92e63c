import { displayPath, isBelow, rawToBytes } from '@coalmine/bytes'
import { diffTrees, itWith, nastyTree, run, snapshotTree, tempDir } from '@coalmine/fixtures'
import { createHash } from 'node:crypto'
import { lstatSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { nodeEffects } from '../src/index.ts'
import { copyTree, plain, walkAll } from './trees.ts'

let folder: string
let source: string

beforeAll(async () => {
  source = join(await tempDir('peers'), 'source')
  await nastyTree(source)
  // More than pieces are read ahead.
  writeFileSync(join(source, 'zz large'), Buffer.alloc(3_500_001, 'large'))
})

beforeEach(async () => {
  folder = await tempDir('peers')
})

const script = fileURLToPath(new URL('compare_trees.py', import.meta.url))
const kinds = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
  c: 'character-device',
  b: 'block-device',
}

itWith(['find', 'stat'], 'a walk says of every name what find says', async () => {
  const format = '%P\\0%y\\0%m\\0%U\\0%G\\0%s\\0%T@\\0%i\\0%D\\0%l\\0'
  const { stdout } = await run(['find', source, '-printf', format], { check: true })
  const fields = stdout.toString('latin1').split('\0')
  const found = new Map<string, object>()
  while (fields.length > 10) {
    const [path, kind, mode, uid, gid, size, time, inode, device, link] = fields.splice(0, 10) as [string, ...string[]]
    // Seconds rounded down, and nanoseconds after the point: -1.5 is half a second before 1970.
    const [whole, fraction] = time!.split('.') as [string, string]
    found.set(path, {
      kind: kinds[kind as keyof typeof kinds],
      mode: Number.parseInt(mode!, 8),
      uid: Number(uid),
      gid: Number(gid),
      size: Number(size),
      mtime: [Number(whole), Number(fraction.slice(0, 9))],
      inode: Number(inode),
      device: Number(device),
      link,
    })
  }
  const { entries, problems } = await walkAll(source)
  expect(problems).toEqual([])
  expect(entries.length).toBe(found.size)
  for (const entry of entries) {
    const { kind, mode, uid, gid, size, mtimeSeconds, mtimeNanos, inode, device, linkTarget = '' } = entry
    const ours = { kind, mode, uid, gid, size, mtime: [mtimeSeconds, mtimeNanos], inode, device, link: linkTarget }
    expect([displayPath(entry.path), ours]).toEqual([displayPath(entry.path), found.get(entry.path)])
  }
})

itWith('stat', 'a walk tells devices as stat does', async () => {
  const { entries } = await walkAll('/dev')
  const nodes = entries.filter((entry) => entry.kind.endsWith('-device')).slice(0, 10)
  expect(nodes.length).toBeGreaterThan(0)
  for (const { path, devMajor, devMinor } of nodes) {
    const { stdout } = await run(['stat', '-c', '%Hr %Lr', join('/dev', path)], { check: true })
    expect(`${path} ${devMajor} ${devMinor}`).toBe(`${path} ${stdout.toString().trim()}`)
  }
})

itWith('python3', 'a walk comes in the order of python3 sorting paths as lists of byte strings', async () => {
  const lines = [
    'import os, sys',
    'top = os.fsencode(sys.argv[1])',
    'paths = [b""]',
    'for folder, folders, files in os.walk(top):',
    '    paths += [os.path.relpath(os.path.join(folder, name), top) for name in folders + files]',
    'paths.sort(key=lambda path: path.split(b"/") if path else [])',
    'sys.stdout.buffer.write(b"\\0".join(paths))',
  ]
  const { stdout } = await run(['python3', '-c', lines.join('\n'), source], { check: true })
  const { entries } = await walkAll(source)
  expect(entries.map((entry) => entry.path)).toEqual(stdout.toString('latin1').split('\0'))
})

itWith(['touch', 'python3'], 'a walk tells times to the nanosecond, as python3 does', async () => {
  // In milliseconds as a double, the second and third would be the next second.
  const times = [
    '1700000000',
    '1700000000.999999999',
    '1999999999.999999900',
    '-1.999999999',
    '-0.000000001',
    '0',
    '4294967296.5',
  ]
  for (const [index, time] of times.entries())
    await run(['touch', '-d', `@${time}`, join(folder, String(index))], { check: true })
  const code = 'import os, sys; print([os.lstat(p).st_mtime_ns for p in sys.argv[1:]])'
  const { stdout } = await run(['python3', '-c', code, ...times.map((_, index) => join(folder, String(index)))], {
    check: true,
  })
  const wanted = [...stdout.toString().matchAll(/-?\d+/g)].map(([digits]) => BigInt(digits))
  const { entries } = await walkAll(folder)
  const ours = entries.slice(1).map((entry) => BigInt(entry.mtimeSeconds) * 1_000_000_000n + BigInt(entry.mtimeNanos))
  expect(ours).toEqual(wanted)
  expect(Math.floor(lstatSync(join(folder, '1')).mtimeMs / 1000)).toBe(1_700_000_001)
})

it('a walk gives contents that hash as the files do, the same with and without a worker', async () => {
  const wanted = await snapshotTree(source)
  const [ahead, inPlace] = [
    await walkAll(source, { contentUpTo: 65_536 }),
    await walkAll(source, { contentUpTo: 65_536, worker: false }),
  ]
  expect(plain(ahead.entries)).toEqual(plain(inPlace.entries))
  expect(ahead.problems).toEqual(inPlace.problems)
  for (const { path, kind, size, content } of ahead.entries) {
    expect(content !== undefined).toBe(kind === 'file' && size < 65_536)
    if (content === undefined) continue
    expect(createHash('sha256').update(content).digest('hex')).toBe(wanted.get(path)!.sha256)
  }
})

describe.each([
  { way: 'by descriptors', effects: nodeEffects, worker: true },
  { way: 'by paths', effects: { ...nodeEffects, descriptors: () => undefined }, worker: false },
])('a tree written $way', ({ effects, worker }) => {
  itWith(['python3', 'root'], 'is its source again, by the word of python3', async () => {
    const copy = join(folder, 'copy')
    const problems = await copyTree(source, copy, { effects, read: { worker, contentUpTo: 65_536 } })
    // By paths, the command that makes pipes can be sent to folders with ASCII paths only.
    expect(problems.filter((problem) => problem.code !== 'ENOTSUP')).toEqual([])
    if (effects === nodeEffects) expect(problems).toEqual([])
    const missing = new Set(problems.map((problem) => problem.path as string))
    const { stdout } = await run(['python3', script, source, copy, 'ids'], { check: true })
    const lines = stdout.toString().trim().split('\n')
    const compared = Number(lines.pop()!.split(' ')[0])
    expect(compared).toBeGreaterThan(100)
    expect(lines.length).toBe(missing.size)
    const differences = diffTrees(await snapshotTree(source), await snapshotTree(copy), {
      ignore: ['sockets', 'fractions'],
    })
    expect(differences.length).toBe(missing.size)
  })
})

itWith(['python3', 'root'], 'a tree written over itself stays what it is', async () => {
  const copy = join(folder, 'copy')
  await copyTree(source, copy)
  expect(await copyTree(source, copy, { overwrite: true, read: { contentUpTo: 100_000 } })).toEqual([])
  const { stdout } = await run(['python3', script, source, copy, 'ids'], { check: true })
  expect(stdout.toString().trim().split('\n').length).toBe(1)
})

itWith('sh', 'a walk of a tree that changes all the time ends, and gives what stays', async () => {
  const before = await walkAll(source)
  const once = 'mkdir churn; touch churn/f; mkdir churn/x; echo y > churn/x/y; mkfifo churn/p; rm -rf churn'
  const busy = run(['sh', '-c', `i=0; while [ $i -lt 40 ]; do ${once}; i=$((i+1)); done`], { cwd: source, check: true })
  for (let round = 0; round < 6; round++) {
    const { entries } = await walkAll(source, { contentUpTo: 65_536, worker: round === 0 })
    const stable = entries.filter((entry) => !isBelow(entry.path, 'churn' as typeof entry.path))
    expect(stable.map((entry) => rawToBytes(entry.path).toString('hex'))).toEqual(
      before.entries.map((entry) => rawToBytes(entry.path).toString('hex')),
    )
  }
  await busy
})
