import { itWith, run, tempDir } from '@coalmine/fixtures'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { collect, type RawPath } from '@coalmine/bytes'
import { createTreeWriter, nodeEffects, openTree, type WriteProblem } from '../src/index.ts'
import { entry, walkAll } from './trees.ts'

const name = 'd'.repeat(200)
const depth = 300

itWith(['find', 'rm'], 'trees far deeper than a path may be long are written, walked and read', async () => {
  const folder = await tempDir('deep')
  const target = join(folder, 'target')
  try {
    const problems: WriteProblem[] = []
    const writer = createTreeWriter(target, { ownership: 'none', onProblem: (problem) => problems.push(problem) })
    const path = (names: number) => Array.from({ length: names }, () => name).join('/')
    writer.directory(entry('', 'directory'))
    for (let i = 1; i <= depth; i++) writer.directory(entry(path(i), 'directory', { mtimeSeconds: i }))
    const content = Buffer.alloc(100_000, 7)
    writer.file(entry(`${path(depth)}/f`, 'file'), content)
    writer.symlink(entry(`${path(depth)}/l`, 'symlink', { linkTarget: 'f' as RawPath }))
    writer.fifo(entry(`${path(depth)}/p`, 'fifo'))
    // On the way back folders are opened again that were given up.
    for (let i = depth - 1; i >= 0; i -= 50) writer.file(entry(`${path(i)}/z`, 'file'), Buffer.from('zed'))
    writer.finish()
    expect(problems).toEqual([])

    const { entries, problems: unread } = await walkAll(target, { contentUpTo: 1000 })
    expect(unread).toEqual([])
    expect(entries.length).toBe(1 + depth + 3 + 6)
    expect(Math.max(...entries.map((found) => found.path.length))).toBeGreaterThan(60_000)
    const folders = entries.filter((found) => found.kind === 'directory').slice(1)
    expect(folders.map((found) => found.mtimeSeconds)).toEqual(folders.map((_, index) => index + 1))
    const { stdout } = await run(['find', target, '-printf', '%d %y\\n'], { check: true })
    const found = stdout.toString().trim().split('\n').sort()
    const ours = entries.map(
      ({ path, kind }) =>
        `${path === '' ? 0 : path.split('/').length} ${{ file: 'f', directory: 'd', symlink: 'l', fifo: 'p' }[kind as 'file']}`,
    )
    expect(ours.sort()).toEqual(found)

    const tree = await openTree(target)
    const large = entries.find((one) => one.kind === 'file' && one.content === undefined)!
    expect(content.equals(await collect(tree.open(large)))).toBe(true)
    await tree.close()
  } finally {
    // What the fixture removes, it removes by whole paths.
    await run(['rm', '-rf', target], { check: true })
  }
})

it('where names are found by paths, what is too deep is told, and the rest is written', async () => {
  const target = join(await tempDir('deep'), 'target')
  const problems: WriteProblem[] = []
  const effects = { ...nodeEffects, descriptors: () => undefined }
  const writer = createTreeWriter(target, {
    ownership: 'none',
    effects,
    onProblem: (problem) => problems.push(problem),
  })
  let path = ''
  for (let i = 0; i < 25; i++) {
    path += `${i === 0 ? '' : '/'}${name}`
    writer.directory(entry(path, 'directory'))
  }
  writer.file(entry(`${path}/f`, 'file'), Buffer.from('x'))
  writer.file(entry('z', 'file'), Buffer.from('zed'))
  writer.finish()
  expect(problems.length).toBeGreaterThan(2)
  expect(new Set(problems.map((problem) => problem.code))).toEqual(new Set(['ENAMETOOLONG']))
  const { entries } = await walkAll(target)
  expect(entries.at(-1)!.path).toBe('z')
  expect(entries.length + problems.length).toBe(1 + 25 + 2)
})
