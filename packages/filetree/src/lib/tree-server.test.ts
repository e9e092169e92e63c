import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { OpenableEntry } from './entry.ts'
import { closeRoot, openRoot, type TreeRoot } from './tree-root.ts'
import { type TreeReply, TreeServer } from './tree-server.ts'

let folder: string
let root: TreeRoot
let replies: TreeReply[]
let server: TreeServer

beforeAll(async () => {
  folder = await tempDir('server')
  for (let f = 0; f < 100; f++) writeFileSync(join(folder, String(f)), Buffer.alloc(60_000, f))
  mkdirSync(join(folder, 'many'))
  for (let d = 0; d < 1100; d++) symlinkSync('x', join(folder, 'many', String(d)))
  writeFileSync(join(folder, 'large'), Buffer.alloc(5_000_000, 1))
})

beforeEach(() => {
  root = openRoot(folder)
  replies = []
  server = new TreeServer(root, (reply) => replies.push(reply))
})

afterEach(() => {
  server.close()
  closeRoot(root)
})

function run(): void {
  while (server.step());
}

function large(): OpenableEntry {
  const { mode, uid, gid } = lstatSync(join(folder, 'large'))
  return { path: 'large' as RawPath, mode: mode & 0o7777, uid, gid }
}

const sizes = (): number[] => replies.map((reply) => ('bytes' in reply ? reply.bytes : -1))

it('TreeServer reads no further ahead than one batch beyond the limit', () => {
  const aheadBytes = 3_000_000
  server.handle({ type: 'walk', id: 1, contentUpTo: 70_000, aheadBytes })
  let taken = 0
  let most = 0
  for (let last = false; !last;) {
    run()
    const ahead = sizes().reduce((sum, bytes) => sum + bytes, 0) - taken
    most = Math.max(most, ahead)
    const reply = replies.shift()!
    if (reply.type !== 'batch') throw new Error(`unexpected ${reply.type}`)
    last = reply.last
    // What was taken is no longer counted as ahead.
    server.handle({ type: 'taken', id: 1, bytes: reply.bytes })
  }
  expect(most).toBeGreaterThanOrEqual(aheadBytes)
  expect(most).toBeLessThan(aheadBytes + 1_500_000)
  expect(replies).toEqual([])
})

it('TreeServer always has one batch ready, however small the limit', () => {
  server.handle({ type: 'walk', id: 1, contentUpTo: 0, aheadBytes: 1 })
  run()
  expect(replies.length).toBe(1)
  run()
  expect(replies.length).toBe(1)
})

it('TreeServer reads two pieces of a file ahead', () => {
  server.handle({ type: 'open', id: 1, entry: large() })
  const lengths: number[] = []
  const counts: number[] = []
  for (let last = false; !last;) {
    run()
    counts.push(replies.length)
    const reply = replies.shift()!
    if (reply.type !== 'piece') throw new Error(`unexpected ${reply.type}`)
    lengths.push(reply.piece.length)
    last = reply.last
    server.handle({ type: 'taken', id: 1, bytes: reply.bytes })
  }
  expect(lengths).toEqual([1_048_576, 1_048_576, 1_048_576, 1_048_576, 805_696])
  expect(counts).toEqual([2, 2, 2, 2, 1])
})

it('TreeServer serves a file while a walk waits, and several at once', () => {
  server.handle({ type: 'walk', id: 1, contentUpTo: 0, aheadBytes: 1 })
  run()
  server.handle({ type: 'open', id: 2, entry: large() })
  server.handle({ type: 'open', id: 3, entry: large() })
  run()
  expect(replies.map((reply) => ('id' in reply ? `${reply.type} ${reply.id}` : ''))).toEqual([
    'batch 1',
    'piece 2',
    'piece 3',
    'piece 2',
    'piece 3',
  ])
})

it('TreeServer stops what is cancelled, and takes no notice of what is over', () => {
  server.handle({ type: 'open', id: 1, entry: large() })
  server.handle({ type: 'walk', id: 2, contentUpTo: 0, aheadBytes: 1 })
  server.step()
  server.handle({ type: 'cancel', id: 1 })
  server.handle({ type: 'cancel', id: 2 })
  server.handle({ type: 'taken', id: 1, bytes: 1 })
  server.handle({ type: 'cancel', id: 77 })
  replies = []
  expect(server.step()).toBe(false)
  expect(replies).toEqual([])
})

it('TreeServer tells a file that cannot be opened', () => {
  server.handle({ type: 'open', id: 1, entry: { ...large(), path: 'none' as RawPath } })
  run()
  const message = 'Cannot open "none": no such file or directory'
  expect(replies).toEqual([{ type: 'failed', id: 1, code: 'ENOENT', message, path: 'none', operation: 'open' }])
})
