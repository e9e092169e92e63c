import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { backupFull, backupIncremental } from '@coalmine/archiver'
import { type RawPath, rawFromText } from '@coalmine/bytes'
import { createRandom, tempDir } from '@coalmine/fixtures'
import { openTree } from '@coalmine/filetree'
import { createPassphraseEnvelope } from '@coalmine/openpgp'
import { openRepository, type RepositoryOptions } from '@coalmine/repository'
import { createMemoryStorage, type MemoryObject } from '@coalmine/storage'
import { type Envelope, gzipEnvelope, plainEnvelope } from '@coalmine/volume-format'
import type { Form } from './archives.ts'

export const secondsOf = (set: number) => 1_700_000_000 + set * 1000

/** A chain of three sets, in memory, and what the tree was at each of them. */
export interface Chain {
  readonly form: Form
  readonly objects: ReadonlyMap<string, Buffer>
  /** Objects of the same names that hold an older content: a run that was made again. */
  readonly older: ReadonlyMap<string, Buffer>
  /** By name of a volume: the first and the last path in it. */
  readonly ranges: ReadonlyMap<string, readonly [RawPath, RawPath]>
  /** Where this machine keeps its ledger. */
  readonly archiveDir: string
  /** By set, and by path: the content, or the kind of what has none. */
  readonly trees: readonly ReadonlyMap<string, string>[]
}

const envelope = createPassphraseEnvelope({ passphrase: 'grid', s2kCount: 65_536 })

export const openerFor: NonNullable<RepositoryOptions['openerFor']> = ({ encrypted, compressed }): Envelope =>
  encrypted ? envelope : compressed ? gzipEnvelope({}) : plainEnvelope()

export const envelopes: Readonly<Record<Form, Envelope>> = {
  passphrase: envelope,
  gzip: gzipEnvelope({}),
  plain: plainEnvelope(),
}

/** Writes the tree as it is at a set, and says what it is: some files change, one is deleted, one comes, one spans volumes. */
export function plant(source: string, set: number, variant: string): Map<string, string> {
  rmSync(source, { recursive: true, force: true })
  const tree = new Map<string, string>([
    ['', 'directory'],
    ['d', 'directory'],
    ['link', 'symlink'],
  ])
  mkdirSync(join(source, 'd'), { recursive: true })
  symlinkSync('a', join(source, 'link'))
  const file = (path: string, content: Buffer, changedAt: number) => {
    writeFileSync(join(source, path), content)
    utimesSync(join(source, path), 1_600_000_000 + changedAt, 1_600_000_000 + changedAt)
    tree.set(path, content.toString('latin1'))
  }
  const noise = (name: string, bytes: number) => createRandom(`${variant} ${name}`).bytes(bytes)
  file('a', noise(`a ${set}`, 700), set)
  file('always the same', noise('same', 900), 0)
  const large = noise('large', 150_000)
  noise(`large ${set}`, 50).copy(large, 70_000)
  file('d/large', large, set)
  file('d/changes once', noise(`once ${Math.min(set, 1)}`, 3000), Math.min(set, 1))
  if (set < 2) file('gone at last', noise('gone', 800), 0)
  if (set > 0) file('new', noise('new', 800), 1)
  file('z', noise(`z ${set}`, 2000), set)
  for (const path of ['d', '']) utimesSync(join(source, path), 1_600_000_000 + set, 1_600_000_000 + set)
  return tree
}

async function write(form: Form, variant: string, folder: string) {
  const objects = new Map<string, MemoryObject>()
  const source = join(folder, 'source')
  const archiveDir = join(folder, `archive ${variant}`)
  const trees: Map<string, string>[] = []
  for (let set = 0; set < 3; set++) {
    trees.push(plant(source, set, variant))
    const repository = openRepository({
      ...{ storage: createMemoryStorage({ objects }), envelope: envelopes[form], openerFor },
      ...{ tempDir: folder, archiveDir, lock: true },
    })
    const tree = await openTree(Buffer.from(source), { worker: false })
    const endSeconds = secondsOf(set)
    const common = { tree, repository, hostname: rawFromText('host'), localDir: rawFromText('/source'), signatures: {} }
    const volumeBytes = set === 0 ? 80_000 : 2500
    if (set === 0) {
      await backupFull({ ...common, set: { times: { type: 'full', timeSeconds: endSeconds }, volumeBytes } })
    } else {
      const times = { type: 'inc', startSeconds: secondsOf(set - 1), endSeconds } as const
      const head = (await repository.head())!
      await backupIncremental({ ...common, head, set: { times, volumeBytes } })
    }
    await tree.close()
    repository.close()
  }
  const ranges = new Map<string, readonly [RawPath, RawPath]>()
  const repository = openRepository({
    ...{ storage: createMemoryStorage({ objects }), envelope: envelopes[form], openerFor, tempDir: folder },
  })
  for (const set of (await repository.collect()).chains[0]!.sets) {
    const { volumes } = await repository.manifest(set)
    for (const [number, { start, end }] of volumes) ranges.set(set.volumes.get(number)!.key, [start.path, end.path])
  }
  repository.close()
  const bytes = new Map(
    [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, object]) => [key, Buffer.from(object.bytes)]),
  )
  return { bytes, archiveDir, trees, ranges }
}

export async function makeChain(form: Form): Promise<Chain> {
  const folder = await tempDir(`chain-${form}`)
  const { bytes, ...rest } = await write(form, 'now', folder)
  const older = await write(form, 'before', folder)
  return { form, objects: bytes, older: older.bytes, ...rest }
}
