import type { RawPath } from '@coalmine/bytes'
import { diffTrees, type Snapshot, snapshotTree, tempDir } from '@coalmine/fixtures'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createTreeWriter, type FileEffects, nodeEffects } from '../src/index.ts'
import { entry } from './trees.ts'

// Somebody else can write to the target and does one thing between two effects of the writer: between every two, for each of
// the things that are worth doing. Judge: what is around the target, and that the writer comes to its end.

interface Place {
  readonly folder: string
  readonly target: string
  readonly outside: string
}

async function place(): Promise<Place> {
  const folder = await tempDir('race')
  const [target, outside] = [join(folder, 'target'), join(folder, 'outside')]
  mkdirSync(join(outside, 'sub'), { recursive: true })
  for (const name of ['secret', 'f', 'p', 'sub/secret', 'sub/f'])
    writeFileSync(join(outside, name), 'theirs', { mode: 0o640 })
  for (const name of ['secret', 'f', 'p', 'sub/secret', 'sub/f', 'sub', '.'])
    utimesSync(join(outside, name), 1000, 1000)
  mkdirSync(join(target, 'd'), { recursive: true })
  writeFileSync(join(target, 'd', 'f'), 'old')
  return { folder, target, outside }
}

/** Puts a link in place of something, which is moved away; nothing when it is not there. */
function replace(path: string, link: string, make: 'soft' | 'hard' = 'soft'): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return
  renameSync(path, `${path}.was`)
  if (make === 'soft') symlinkSync(link, path)
  else linkSync(link, path)
}

/** The file that the writer has under a temporary name, if it has one. */
function temporaryIn(folder: string): string | undefined {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined
  const name = readdirSync(folder).find((one) => /^\.coalmine-[0-9a-z-]+$/.test(one))
  return name === undefined ? undefined : join(folder, name)
}

const deeds: Record<string, (place: Place) => void> = {
  'the folder becomes a link': ({ target }) => replace(join(target, 'd'), '../outside'),
  'the folder below becomes a link': ({ target }) => replace(join(target, 'd/sub'), '../../outside/sub'),
  'the target becomes a link': ({ target }) => replace(target, 'outside'),
  'the file becomes a link': ({ target }) => replace(join(target, 'd/f'), '../../outside/secret'),
  'the file becomes a second name': ({ target, outside }) =>
    replace(join(target, 'd/f'), join(outside, 'secret'), 'hard'),
  'the temporary file becomes a link': ({ target }) => {
    const temporary = temporaryIn(join(target, 'd')) ?? temporaryIn(join(target, 'd/sub'))
    if (temporary !== undefined) replace(temporary, '../../outside/secret')
  },
  'the temporary file becomes a second name': ({ target, outside }) => {
    const temporary = temporaryIn(join(target, 'd')) ?? temporaryIn(join(target, 'd/sub'))
    if (temporary !== undefined) replace(temporary, join(outside, 'secret'), 'hard')
  },
  'a file gets in the way': ({ target }) => {
    if (lstatSync(join(target, 'd/sub'), { throwIfNoEntry: false }) === undefined)
      writeFileSync(join(target, 'd/sub'), '')
  },
}

/** Writes a small tree with one of everything; `meanwhile` comes before the nth effect. The number of effects. */
function write({ target }: Place, nth: number, meanwhile: () => void): number {
  let count = 0
  const wrapped = Object.entries(nodeEffects).map(([name, effect]) => {
    const run = effect as (...args: unknown[]) => unknown
    const call = (...args: unknown[]) => {
      if (name !== 'descriptors') count += 1
      if (count === nth && name !== 'descriptors') meanwhile()
      return run(...args)
    }
    return [name, call]
  })
  const effects = Object.fromEntries(wrapped) as FileEffects
  const writer = createTreeWriter(target, {
    ownership: 'numeric',
    overwrite: true,
    effects,
    onProblem: () => undefined,
  })
  const hostile = { mode: 0o4777, mtimeSeconds: 5 }
  try {
    writer.directory(entry('', 'directory', { mode: 0o777, mtimeSeconds: 5 }))
    writer.directory(entry('d', 'directory', hostile))
    writer.file(entry('d/f', 'file', hostile), Buffer.from('ours'))
    writer.symlink(entry('d/l', 'symlink', { linkTarget: 'x' as RawPath, mtimeSeconds: 5 }))
    writer.directory(entry('d/sub', 'directory', hostile))
    writer.file(entry('d/sub/secret', 'file', hostile), Buffer.from('ours'))
    writer.scratch('d/sub/f' as RawPath).close()
    writer.file(entry('d/z', 'file', hostile), Buffer.from('ours'))
    writer.finish()
  } catch (error) {
    // One sentence of ours, when nothing can be written any more.
    expect(error).toMatchObject({ name: 'FileTreeError' })
  } finally {
    writer.close()
  }
  return count
}

describe.runIf(nodeEffects.descriptors() !== undefined)('somebody else does one thing, between any two effects', () => {
  for (const [name, deed] of Object.entries(deeds)) {
    it(name, async () => {
      const all = write(await place(), 0, () => undefined)
      expect(all).toBeGreaterThan(35)
      // Before the writer looks for the first time a target that is a link is one of the caller's own.
      for (let nth = name === 'the target becomes a link' ? 2 : 1; nth <= all; nth++) {
        const made = await place()
        const before: Snapshot = await snapshotTree(made.outside)
        let done = 0
        write(made, nth, () => {
          deed(made)
          done += 1
        })
        expect(done).toBe(1)
        expect(diffTrees(before, await snapshotTree(made.outside)), `before effect ${nth} of ${all}`).toEqual([])
        expect(readdirSync(made.folder).filter((one) => !/^(?:target|target\.was|outside)$/.test(one))).toEqual([])
        chmodSync(made.outside, 0o755)
      }
    })
  }
})
