import type { RawPath } from '@coalmine/bytes'
import type { TreeEntry } from '@coalmine/filetree'
import type { EntryMeta } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { isChanged } from './changed.ts'

const raw = (path: string) => path as RawPath
const owners = {
  uid: (name: string) => ({ me: 1000, moved: 7 })[name],
  gid: (name: string) => ({ us: 100 })[name],
}

const file: TreeEntry = {
  path: raw('f'),
  kind: 'file',
  mode: 0o644,
  uid: 1000,
  gid: 100,
  size: 10,
  mtimeSeconds: 500,
  mtimeNanos: 999_999_999,
  ctimeMs: 1,
  inode: 1,
  device: 1,
  devMajor: 0,
  devMinor: 0,
}
const archived: EntryMeta = {
  path: raw('f'),
  kind: 'file',
  mode: 0o644,
  uid: 1000,
  gid: 100,
  mtimeSeconds: 500,
  userName: 'me',
  groupName: 'us',
}

describe('isChanged()', () => {
  const says = (entry: Partial<TreeEntry>, old: Partial<EntryMeta> = {}, numeric?: boolean) =>
    isChanged({ ...file, ...entry }, { ...archived, ...old }, { owners, numeric })

  it('looks at kind, mode, owner and whole seconds, and at nothing else', () => {
    expect(says({})).toBe(false)
    expect(says({ size: 11, mtimeNanos: 0, ctimeMs: 5, inode: 2, device: 2 })).toBe(false)
    expect(says({ mode: 0o4644 })).toBe(true)
    expect(says({ mtimeSeconds: 501 })).toBe(true)
    expect(says({ uid: 1001 })).toBe(true)
    expect(says({ gid: 101 })).toBe(true)
    expect(says({ kind: 'fifo' })).toBe(true)
    for (const kind of ['directory', 'fifo'] as const) {
      expect(says({ kind }, { kind })).toBe(false)
      expect(says({ kind, mtimeSeconds: 501 }, { kind })).toBe(true)
    }
  })

  it('takes all times up to 1970 for one', () => {
    expect(says({ mtimeSeconds: -5 }, { mtimeSeconds: 0 })).toBe(false)
    expect(says({ mtimeSeconds: 0 }, { mtimeSeconds: -1 })).toBe(false)
    expect(says({ mtimeSeconds: -5 }, { mtimeSeconds: 1 })).toBe(true)
  })

  it('knows owners by the names that they had, where these are known here', () => {
    expect(says({ uid: 7 }, { userName: 'moved' })).toBe(false)
    expect(says({ uid: 1000 }, { userName: 'moved' })).toBe(true)
    expect(says({ uid: 1000 }, { userName: 'moved' }, true)).toBe(false)
    expect(says({ uid: 9, gid: 9 }, { userName: 'stranger', groupName: '', uid: 9, gid: 9 })).toBe(false)
  })

  it('looks at the target of a link alone, and at the numbers of a device but not its time', () => {
    const link = { kind: 'symlink', linkTarget: raw('t') } as const
    expect(says({ ...link, mode: 0, uid: 5, mtimeSeconds: 1 }, link)).toBe(false)
    expect(says(link, { ...link, linkTarget: raw('u') })).toBe(true)
    const device = { kind: 'character-device', devMajor: 1, devMinor: 3 } as const
    expect(says({ ...device, mtimeSeconds: 1 }, device)).toBe(false)
    expect(says({ ...device, devMinor: 4 }, device)).toBe(true)
    expect(says({ ...device, mode: 0o600 }, device)).toBe(true)
    expect(says({ ...device, kind: 'block-device' }, device)).toBe(true)
  })
})
