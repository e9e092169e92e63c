import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { openTree, type Tree } from '@coalmine/filetree'
import { describe, expect, it } from 'vitest'
import { type Difference, verify } from '../src/index.ts'
import { deleted, diff, file, folder, setsOf, world } from './made-sets.ts'

const noise = (length: number, seed = 1) => Buffer.from(Array.from({ length }, (_, at) => (at * seed * 7919) >> 3))
const large = noise(200_000)

/** The tree that the set of the first test describes, with the owner and time that made-sets.ts gives all entries. */
async function source(change: (root: string) => void = () => undefined): Promise<Tree> {
  const root = join(await tempDir('verify'), 'source')
  mkdirSync(join(root, 'd'), { recursive: true })
  writeFileSync(join(root, 'd', 'large'), large)
  writeFileSync(join(root, 'small'), 'small')
  for (const name of ['d/large', 'small']) chmodSync(join(root, name), 0o644)
  for (const name of ['d', '.']) chmodSync(join(root, name), 0o755)
  change(root)
  const tree = await openTree(root)
  return {
    async *walk(options) {
      for await (const { entries, problems } of tree.walk(options)) {
        yield { problems, entries: entries.map((entry) => ({ ...entry, uid: 0, gid: 0, mtimeSeconds: 1 })) }
      }
    },
    open: (entry) => tree.open({ ...entry, uid: process.getuid!(), gid: process.getgid!() }),
    load: (paths, options) => tree.load(paths, options),
    close: () => tree.close(),
  }
}

const unneeded = () => {
  throw new Error('nothing here is too large for memory')
}

/** What differs, without what depends on who made the tree and when. */
async function differences(tree: Tree, sets: Parameters<typeof world>[0], data = true) {
  const { open } = await world(sets)
  const repository = open()
  const found: Record<string, Difference['what']> = {}
  const messages: string[] = []
  try {
    const summary = await verify({
      repository,
      sets: await setsOf(repository),
      tree,
      data,
      scratch: unneeded,
      onDifference(path, difference) {
        found[path] = difference.what
        if (difference.what === 'unreadable') messages.push(difference.message)
      },
    })
    expect(summary.differences).toBe(Object.keys(found).length)
    return { found, messages, compared: summary.compared }
  } finally {
    repository.close()
    await tree.close()
  }
}

const whole = [folder(''), folder('d'), file('d/large', large), file('small', 'small')]

describe('verify()', () => {
  it('names what cannot be read in the tree, and what cannot be put together from the backup, and goes on', async () => {
    const tree = await source()
    const broken: Tree = {
      walk: (options) => tree.walk(options),
      async *open() {
        yield large.subarray(0, 1000)
        throw new Error('the disk is broken')
      },
      load: (paths, options) => tree.load(paths, options),
      close: () => tree.close(),
    }
    const { found, messages, compared } = await differences(broken, [[...whole, diff('zz', Buffer.from('x'))]])
    expect(found).toEqual({ 'd/large': 'unreadable', zz: 'unreadable' })
    expect(messages).toEqual(['the disk is broken', expect.stringContaining('missing')])
    expect(compared).toBe(5)
  })

  it('finds a file that is longer in the tree than in the backup', async () => {
    const longer = () =>
      source((root) => writeFileSync(join(root, 'd', 'large'), Buffer.concat([large, Buffer.from('more')])))
    expect((await differences(await longer(), [whole])).found).toEqual({ 'd/large': 'data' })
    expect((await differences(await longer(), [whole], false)).found).toEqual({})
  })

  it('passes over what was deleted, and finds it when it is there', async () => {
    const { found } = await differences(await source(), [whole, [deleted('small')]])
    expect(found).toEqual({ small: 'new' })
  })
})
