import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  createRandom,
  itWith,
  nastyTree,
  type Snapshot,
  type SnapshotEntry,
  snapshotTree,
  tempDir,
} from '@coalmine/fixtures'
import { beforeAll, describe, expect, it } from 'vitest'
import { duplicity, duplicityPeer } from '../src/index.ts'
import { coalmine, said } from './coalmine.ts'
import { NastyChanges } from './nasty-changes.ts'
import { long } from './turns.ts'

// `find`, `versions` and `diff` over two chains of a nasty tree, by both programs in turns, when all volumes are gone. Judges:
// what the tree was when each set was made, and the listings of the real program, which must name the same files.

const version = '0.8.22'
const peer = duplicityPeer(version)
const isRoot = process.getuid?.() === 0
/** Full sets are the first and the last but one. */
const setCount = long ? 8 : 4
const secondsOf = (set: number) => 1_700_000_000 + set * 10_000

const states: Snapshot[] = []
let url = ''
let folder = ''

beforeAll(async () => {
  if (!peer.available) return
  folder = await tempDir('history')
  const source = join(folder, 'source')
  const { seed } = await nastyTree(source, { big: false })
  const random = createRandom(`history ${seed}`)
  const changes = new NastyChanges(source, random)
  url = `file://${folder}/storage`
  mkdirSync(join(folder, 'storage'))
  for (let set = 0; set < setCount; set++) {
    if (set > 0) changes.change(states.at(-1)!, random.fork(`set ${set}`), set)
    states.push(await snapshotTree(source))
    const action = set === 0 || set === setCount - 2 ? 'full' : 'incremental'
    const words = [action, '--volsize', '1', '--current-time', String(secondsOf(set)), source, url]
    const result = set % 2 === 0 ? await theirs(words) : await ours(words)
    expect(result.code, said(result)).toBe(0)
  }
  for (const name of readdirSync(join(folder, 'storage'))) {
    if (name.includes('.difftar')) rmSync(join(folder, 'storage', name))
  }
}, 600_000)

const home = () => join(folder, 'home')
const plain = ['--no-encryption', '--archive-dir']
const theirs = (words: readonly string[]) => {
  mkdirSync(home(), { recursive: true })
  return duplicity(version, [...words, ...plain, join(folder, 'theirs')], { home: home(), timeoutMs: 600_000 })
}
const ours = (words: readonly string[]) => {
  mkdirSync(home(), { recursive: true })
  return coalmine([...words, ...plain, join(folder, 'ours')], { home: home(), timeoutMs: 600_000 })
}

interface Told {
  readonly path: string
  readonly pathBase64?: string
  readonly change: string
  readonly aspects?: readonly string[]
  readonly versions: readonly { setSeconds: number; change: string; aspects?: readonly string[] }[]
}

async function tell(...words: string[]): Promise<Told[]> {
  const result = await ours([...words, '--json'])
  expect(result.code, said(result)).toBe(0)
  // Nothing that a terminal would act on.
  expect(result.stdout.toString()).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u)
  const lines = result.stdout.toString().split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Told)
}

/** The name byte for byte, as latin1. */
function nameOf({ path, pathBase64 }: Pick<Told, 'path' | 'pathBase64'>): string {
  return Buffer.from(pathBase64 ?? path, pathBase64 === undefined ? 'utf8' : 'base64').toString('latin1')
}

/** As archives have it: no sockets, no times before 1970. */
function kept(entry: SnapshotEntry | undefined): SnapshotEntry | undefined {
  if (entry === undefined || entry.kind === 'socket') return undefined
  return { ...entry, mtimeSeconds: Math.max(0, entry.mtimeSeconds) }
}

/** What the real program looks at, and keeps: of a link only its target, of a device no time. */
function aspectsOf(old: SnapshotEntry, now: SnapshotEntry): string[] {
  if (old.kind !== now.kind) return ['kind']
  if (now.kind === 'symlink') return old.link === now.link ? [] : ['link', ...ownerOf(old, now)]
  const isDevice = now.kind.endsWith('device')
  return [
    ...(old.sha256 === now.sha256 ? [] : ['data']),
    ...(old.rdev === now.rdev ? [] : ['device']),
    ...(old.mode === now.mode ? [] : ['mode']),
    ...ownerOf(old, now),
    ...(old.mtimeSeconds === now.mtimeSeconds || isDevice ? [] : ['mtime']),
  ]
}

const ownerOf = (old: SnapshotEntry, now: SnapshotEntry) =>
  old.uid === now.uid && old.gid === now.gid ? [] : ['owner']

function changeOf(from: number, to: number, path: string): string | undefined {
  const [old, now] = [kept(states[from]?.get(path)), kept(states[to]?.get(path))]
  if (old === undefined) return now === undefined ? undefined : 'new'
  if (now === undefined) return 'deleted'
  const aspects = aspectsOf(old, now)
  return aspects.length === 0 ? undefined : `changed ${aspects.join()}`
}

const show = ({ change, aspects }: Pick<Told, 'change' | 'aspects'>) =>
  aspects === undefined ? change : `changed ${aspects.join()}`
const every = () => [...new Set(states.flatMap((state) => [...state.keys()]))]

describe.runIf(isRoot)('from signatures alone', () => {
  itWith([peer], 'the listing of the real program, and ours in JSON, is the tree at each time', async () => {
    for (const [set, state] of states.entries()) {
      const words = ['list-current-files', '--time', String(secondsOf(set)), url]
      const listed = await theirs(words)
      expect(listed.code, said(listed)).toBe(0)
      // Twenty-four letters of time, a blank, the name; some names have line feeds.
      const text = listed.stdout.toString('latin1')
      const stamp = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} /
      const names = text.split('\n').flatMap((line) => (stamp.test(line) ? [line.replace(stamp, '')] : []))
      const told = (await tell(...words)).map(nameOf)
      const wanted = [...state].filter(([, entry]) => entry.kind !== 'socket').map(([path]) => path)
      expect(told.toSorted()).toEqual(wanted.toSorted())
      expect(names.length).toBe(wanted.length)
      const firstLine = (path: string) => (path === '' ? '.' : path.split('\n')[0]!)
      expect(names.toSorted()).toEqual(wanted.map(firstLine).toSorted())
    }
  })

  itWith([peer], 'versions are the changes from tree to tree', async () => {
    const told = await tell('find', '**', url)
    const found = new Map(
      told.map((one) => [nameOf(one), one.versions.map((each) => `${each.setSeconds} ${show(each)}`)]),
    )
    const wrong: string[] = []
    for (const path of every()) {
      const expected = states.flatMap((_, set) => {
        const change = changeOf(set - 1, set, path)
        return change === undefined ? [] : [`${secondsOf(set)} ${change}`]
      })
      const said = found.get(path) ?? []
      found.delete(path)
      if (expected.join() !== said.join())
        wrong.push(`${JSON.stringify(path)}: ${said.join()} instead of ${expected.join()}`)
    }
    expect(wrong).toEqual([])
    expect([...found.keys()]).toEqual([])
  })

  itWith([peer], 'differences between any two times are those of the trees', async () => {
    for (let from = 0; from < setCount; from++) {
      for (const to of long ? states.keys() : [0, setCount - 1]) {
        if (from === to) continue
        const told = await tell('diff', String(secondsOf(from)), String(secondsOf(to)), url)
        const found = told.map((one) => `${nameOf(one)} ${show(one)}`)
        const expected = every().flatMap((path) => {
          const change = changeOf(from, to, path)
          return change === undefined ? [] : [`${path} ${change}`]
        })
        expect(found.toSorted()).toEqual(expected.toSorted())
      }
    }
  })

  itWith([peer], 'one path, and what people are told', async () => {
    const [told] = await tell('versions', 'turning/multi', url)
    expect(told!.versions.map(({ setSeconds }) => setSeconds)).toEqual(states.map((_, set) => secondsOf(set)))
    const text = await ours(['versions', 'turning/multi', url])
    const lines = text.stdout
      .toString()
      .split('\n')
      .filter((line) => /  (new|changed|deleted)/.test(line))
    expect(lines).toHaveLength(setCount)
    expect(lines[1]).toMatch(/^[A-Z][a-z]{2} Nov .* 2023  changed \(data, mtime\): reg 0644 /)
    const strange = every().filter((path) => /[\x00-\x1f\x7f]/.test(path))
    expect(strange.length).toBeGreaterThan(0)
    const all = await ours(['find', '**', url])
    expect(all.stdout.toString()).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u)
    const none = await ours(['versions', 'no such name', url])
    expect([none.code, none.stderr.toString()]).toEqual([19, expect.stringContaining('"no such name"')])
  })
})

it.runIf(isRoot && peer.available)('no volume was left to read', () => {
  expect(readdirSync(join(folder, 'storage')).some((name) => name.includes('difftar'))).toBe(false)
})
