import { comparePaths, type RawPath } from '@coalmine/bytes'
import type { DiffTarMember, EntryMeta } from '@coalmine/volume-format'
import * as fc from 'fast-check'

// A model of what backups are of: a tree in memory, changed by simple steps, and the sets that tell those changes.

export interface Node {
  kind: 'file' | 'directory' | 'symlink'
  mode: number
  content: string
}

export type State = Map<string, Node>

/** A step: what happens to one path. */
export type Step =
  | { do: 'file'; path: string; content: Text }
  | { do: 'directory'; path: string }
  | { do: 'delete'; path: string }
  | { do: 'symlink'; path: string; target: string }
  | { do: 'mode'; path: string; mode: number }
  | { do: 'edit'; path: string; pieces: readonly Piece[] }

/** A part of a changed file: a stretch of the old one, by shares of its length, or something new. */
export type Piece = { from: number; to: number } | { text: Text }

/** Long ones are said briefly, for those who read what failed. */
type Text = string | { of: string; times: number }

const textOf = (text: Text) => (typeof text === 'string' ? text : text.of.repeat(text.times))

const parentOf = (path: string) => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')

export function apply(before: State, steps: readonly Step[]): { state: State; deltas: Map<string, Buffer> } {
  const state: State = new Map([...before].map(([path, node]) => [path, { ...node }]))
  if (state.size === 0) state.set('', { kind: 'directory', mode: 0o755, content: '' })
  const deltas = new Map<string, Buffer>()
  const remove = (path: string) => {
    for (const other of state.keys()) if (other === path || other.startsWith(`${path}/`)) state.delete(other)
  }
  const place = (path: string, node: Node) => {
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      if (state.get(folder)?.kind === 'directory') continue
      remove(folder)
      state.set(folder, { kind: 'directory', mode: 0o755, content: '' })
    }
    if (!(node.kind === 'directory' && state.get(path)?.kind === 'directory')) remove(path)
    state.set(path, node)
  }
  for (const step of steps) {
    if (step.do === 'delete') remove(step.path)
    else if (step.do === 'directory') place(step.path, { kind: 'directory', mode: 0o755, content: '' })
    else if (step.do === 'file') place(step.path, { kind: 'file', mode: 0o644, content: textOf(step.content) })
    else if (step.do === 'symlink') place(step.path, { kind: 'symlink', mode: 0o777, content: step.target })
    else if (step.do === 'mode') {
      const node = state.get(step.path)
      if (node !== undefined && node.kind !== 'symlink') node.mode = step.mode
    } else edit(step.path, step.pieces)
  }
  return { state, deltas }

  function edit(path: string, pieces: readonly Piece[]): void {
    const old = before.get(path)
    const node = state.get(path)
    const basis = old?.kind === 'file' ? old.content : ''
    const commands: Command[] = pieces.map((piece) => {
      if ('text' in piece) return { literal: Buffer.from(textOf(piece.text), 'latin1') }
      const [a, b] = [piece.from, piece.to].map((share) => Math.round(share * basis.length)) as [number, number]
      return { start: Math.min(a, b), length: Math.abs(b - a) }
    })
    const content = commands
      .map((command) =>
        'literal' in command
          ? command.literal.toString('latin1')
          : basis.slice(command.start, command.start + command.length),
      )
      .join('')
    if (old?.kind === 'file' && node?.kind === 'file') deltas.set(path, encodeDelta(commands))
    place(path, { kind: 'file', mode: node?.kind === 'file' ? node.mode : 0o644, content })
  }
}

/** What one set says: all that is different, in the order of archives. */
export function membersOf(before: State, after: State, deltas: ReadonlyMap<string, Buffer>, snapshots: boolean) {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) =>
    comparePaths(a as RawPath, b as RawPath),
  )
  const members: DiffTarMember[] = []
  for (const path of paths) {
    const [old, node] = [before.get(path), after.get(path)]
    if (node === undefined) members.push({ action: 'deleted', path: path as RawPath })
    else if (old?.kind !== 'file' || node.kind !== 'file') {
      if (old === undefined || !same(old, node)) members.push(snapshot(path, node))
    } else if (!same(old, node)) {
      const content = Buffer.from(node.content, 'latin1')
      const made = deltas.get(path)
      const fits = made !== undefined && applied(old.content, made) === node.content
      const delta = fits ? made : commonDelta(Buffer.from(old.content, 'latin1'), content)
      members.push(snapshots ? snapshot(path, node) : { action: 'diff', meta: metaOf(path, node), data: delta })
    }
  }
  return members
}

function same(a: Node, b: Node): boolean {
  return a.kind === b.kind && a.mode === b.mode && a.content === b.content
}

function snapshot(path: string, node: Node): DiffTarMember {
  const data = node.kind === 'file' ? Buffer.from(node.content, 'latin1') : undefined
  return { action: 'snapshot', meta: metaOf(path, node), data }
}

export function metaOf(path: string, node: Node): EntryMeta {
  return {
    path: path as RawPath,
    kind: node.kind,
    mode: node.mode,
    uid: 0,
    gid: 0,
    mtimeSeconds: 1,
    userName: '',
    groupName: '',
    linkTarget: node.kind === 'symlink' ? (node.content as RawPath) : undefined,
  }
}

// Deltas made by hand, from librsync's description of its format: a judge of nothing but of what is built on them.

export type Command = { literal: Buffer } | { start: number; length: number }

export function encodeDelta(commands: readonly Command[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from('72730236', 'hex')]
  for (const command of commands) {
    const head = Buffer.alloc(9)
    if ('literal' in command) {
      if (command.literal.length === 0) continue
      head[0] = 0x43
      head.writeUInt32BE(command.literal.length, 1)
      parts.push(head.subarray(0, 5), command.literal)
    } else if (command.length > 0) {
      head[0] = 0x4f
      head.writeUInt32BE(command.start, 1)
      head.writeUInt32BE(command.length, 5)
      parts.push(head)
    }
  }
  return Buffer.concat([...parts, Buffer.of(0)])
}

/** Copies the common beginning and end, and says the rest. */
function commonDelta(old: Buffer, now: Buffer): Buffer {
  const most = Math.min(old.length, now.length)
  let head = 0
  while (head < most && old[head] === now[head]) head++
  let tail = 0
  while (tail < most - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++
  return encodeDelta([
    { start: 0, length: head },
    { literal: now.subarray(head, now.length - tail) },
    { start: old.length - tail, length: tail },
  ])
}

function applied(basis: string, delta: Buffer): string {
  let out = ''
  for (let at = 4; delta[at] !== 0;) {
    if (delta[at] === 0x43) {
      const length = delta.readUInt32BE(at + 1)
      out += delta.toString('latin1', at + 5, at + 5 + length)
      at += 5 + length
    } else {
      const start = delta.readUInt32BE(at + 1)
      out += basis.slice(start, start + delta.readUInt32BE(at + 5))
      at += 9
    }
  }
  return out
}

const component = fc.constantFrom('a', 'a b', 'a.b', 'b', '\xff')
export const anyPath = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const text: fc.Arbitrary<Text> = fc.oneof(
  { weight: 9, arbitrary: fc.string({ maxLength: 60 }).map((words) => words.replace(/[^\0-\xff]/g, '?')) },
  // Around and above a block.
  {
    weight: 1,
    arbitrary: fc.record({ of: fc.constantFrom('0', '1'), times: fc.constantFrom(65_535, 65_536, 65_537, 131_072) }),
  },
)
const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ from: fc.double({ min: 0, max: 1, noNaN: true }), to: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ text }),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('file' as const), path: anyPath, content: text }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('edit' as const),
      path: anyPath,
      pieces: fc.array(piece, { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('directory' as const), path: anyPath }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), path: anyPath }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('symlink' as const), path: anyPath, target: fc.constantFrom('x', '../y') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('mode' as const), path: anyPath, mode: fc.constantFrom(0o600, 0o755, 0) }),
  },
)

/** Steps of a full set and of up to four increments. */
export const anyHistory = fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 5 })
