import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { createTreeWriter, type WriteProblem } from '@coalmine/filetree'
import { type Member, openRepository, type Repository, type RepositoryOptions } from '@coalmine/repository'
import { createMemoryStorage, passThrough } from '@coalmine/storage'
import {
  type BackupSet,
  BLOCK_BYTES,
  type DiffTarMember,
  encodeDiffTarMember,
  type Envelope,
  plainEnvelope,
  sigTarEnd,
} from '@coalmine/volume-format'
import { restore, type RestoreEvent, type RestoreOptions } from '../src/index.ts'
import { metaOf } from './model.ts'

const firstSeconds = 1_700_000_000

export const folder = (path: string): DiffTarMember => ({
  action: 'snapshot',
  meta: metaOf(path, { kind: 'directory', mode: 0o755, content: '' }),
})

export const file = (path: string, data: Uint8Array | string): DiffTarMember => ({
  action: 'snapshot',
  meta: metaOf(path, { kind: 'file', mode: 0o644, content: '' }),
  data: typeof data === 'string' ? Buffer.from(data) : data,
})

export const diff = (path: string, data: Uint8Array): DiffTarMember => ({
  action: 'diff',
  meta: metaOf(path, { kind: 'file', mode: 0o600, content: '' }),
  data,
})

export const deleted = (path: string): DiffTarMember => ({ action: 'deleted', path: path as RawPath })

/** The members of volumes as the archiver makes them: chunks of 64 KiB, the last one shorter, perhaps empty. */
function encoded(member: DiffTarMember): Member[] {
  const path = member.action === 'deleted' ? member.path : member.meta.path
  if (member.action === 'deleted' || member.data === undefined || member.data.length < BLOCK_BYTES) {
    return [{ bytes: encodeDiffTarMember(member), path }]
  }
  const { data } = member
  const members: Member[] = []
  for (let at = 0, block = 1; at <= data.length; at += BLOCK_BYTES, block++) {
    const isLast = at + BLOCK_BYTES > data.length
    const bytes = encodeDiffTarMember({ ...member, data: data.subarray(at, at + BLOCK_BYTES), block })
    members.push(isLast ? { bytes, path } : { bytes, path, block })
  }
  return members
}

export interface WorldOptions {
  envelope?: Envelope
  volumeBytes?: number
  repository?: Partial<RepositoryOptions>
}

/** What a set is made of; members that are encoded already go in as they are. */
type MadeMember = DiffTarMember | Member

/** A storage with a full set and increments, and a place to restore to. `gets` lists what is fetched from it. */
export async function world(sets: readonly (readonly MadeMember[])[], options: WorldOptions = {}) {
  const { envelope = plainEnvelope(), volumeBytes = 1 << 27 } = options
  const base = await tempDir('restore')
  const temp = join(base, 'temp')
  mkdirSync(temp)
  const memory = createMemoryStorage()
  const gets: string[] = []
  const storage = passThrough(memory, {
    get(key, more) {
      gets.push(key)
      return memory.get(key, more)
    },
  })
  const open = (more: Partial<RepositoryOptions> = {}): Repository =>
    openRepository({ storage, envelope, tempDir: temp, ...options.repository, ...more })
  const writing = open({ storage: memory })
  for (const [index, members] of sets.entries()) {
    const endSeconds = firstSeconds + index * 100
    const times =
      index === 0
        ? ({ type: 'full', timeSeconds: endSeconds } as const)
        : ({ type: 'inc', startSeconds: endSeconds - 100, endSeconds } as const)
    const writer = await writing.createSet({ times, volumeBytes })
    await writer.signatures.write(sigTarEnd(0))
    await writer.writeVolumes(
      (async function* () {
        for (const member of members) yield 'bytes' in member ? [member] : encoded(member)
      })(),
    )
    await writer.commit({})
  }
  writing.close()
  const target = join(base, 'target')
  return { base, temp, memory, storage, gets, open, target }
}

/** The sets that a repository holds, as one chain. */
export async function setsOf(repository: Repository): Promise<BackupSet[]> {
  return (await repository.collect()).chains.at(-1)!.sets
}

/** Restores into a folder of the real file system, and tells everything that was said. */
export async function restoreInto(
  target: string,
  options: Omit<RestoreOptions, 'writer' | 'sets'> & { sets?: readonly BackupSet[] },
) {
  const events: RestoreEvent[] = []
  const problems: WriteProblem[] = []
  const writer = createTreeWriter(target, { ownership: 'none', onProblem: (problem) => problems.push(problem) })
  try {
    const summary = await restore({
      writer,
      onEvent: (event) => events.push(event),
      sets: options.sets ?? (await setsOf(options.repository)),
      ...options,
    })
    return { summary, events, problems }
  } finally {
    writer.close()
  }
}
