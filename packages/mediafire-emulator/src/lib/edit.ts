import type { Account, Change, Folder, Records, StoredFile, TableName } from './records.ts'
import type { World } from './world.ts'

/**
 * Changes to one account that belong together. Each put item gets the next revision, and so does the folder it is in.
 * Nothing holds before `commit`.
 */
export interface Edit {
  folder(item: Folder): Folder
  file(item: StoredFile): StoredFile
  dropFolder(item: Folder): void
  dropFile(item: StoredFile): void
  account(change: (account: Account) => Account): void
  /** Any other change. */
  also(change: Change): void
  /** Looks up what this edit has made of an item. */
  get<T extends TableName>(table: T, key: string): Records[T] | undefined
  /** @returns The account's revision then. */
  commit(): number
}

/** How many purged items the change feed remembers. */
const maxGone = 10_000

export function createEdit(world: World, owner: string): Edit {
  const { state, blobs } = world
  const pending = new Map<string, Change>()
  const loosened = new Set<string>()
  const read = <T extends TableName>(table: T, key: string): Records[T] | undefined => {
    const change = pending.get(`${table}/${key}`)
    if (change !== undefined) return (change[2] ?? undefined) as Records[T] | undefined
    return (state[table] as ReadonlyMap<string, Records[T]>).get(key)
  }
  const write = (change: Change): void => void pending.set(`${change[0]}/${change[1]}`, change)
  const account = (): Account => {
    const found = read('account', owner)
    if (found === undefined) throw new Error('Cannot change an account: there is none')
    return found
  }
  const next = (): number => {
    const deviceRevision = account().deviceRevision + 1
    write(['account', owner, { ...account(), deviceRevision }])
    return deviceRevision
  }
  const touch = (parent: string, revision: number): void => {
    const folder = read('folder', parent)
    if (folder !== undefined) write(['folder', parent, { ...folder, revision }])
    else if (parent === 'myfiles') write(['account', owner, { ...account(), rootRevision: revision }])
  }
  const loosen = (file: StoredFile | undefined): void => {
    if (file === undefined) return
    for (const { hash } of [file, ...file.versions]) loosened.add(hash)
  }
  const leave = (table: 'folder' | 'file', item: Folder | StoredFile): number => {
    const before = read(table, item.key)
    const revision = next()
    if (before !== undefined && before.parent !== item.parent) touch(before.parent, revision)
    return revision
  }
  const bury = (kind: 'file' | 'folder', item: Folder | StoredFile): void => {
    const revision = next()
    write(['gone', item.key, { key: item.key, owner, kind, parent: item.parent, revision }])
    touch(item.parent, revision)
  }
  return {
    get: read,
    folder(item) {
      const revision = leave('folder', item)
      touch(item.parent, revision)
      const folder = { ...item, revision }
      write(['folder', item.key, folder])
      return folder
    },
    file(item) {
      const revision = leave('file', item)
      touch(item.parent, revision)
      loosen(read('file', item.key))
      const file = { ...item, revision }
      write(['file', item.key, file])
      return file
    },
    dropFolder(item) {
      write(['folder', item.key, null])
      bury('folder', item)
    },
    dropFile(item) {
      loosen(item)
      write(['file', item.key, null])
      bury('file', item)
    },
    account: (change) => write(['account', owner, change(account())]),
    also(change) {
      if (change[0] === 'upload') loosened.add(state.upload.get(change[1])?.hash ?? '')
      write(change)
    },
    commit() {
      if (pending.size > 0) {
        if (state.gone.size > maxGone) forgetGone(world, (key) => write(['gone', key, null]))
        state.commit([...pending.values()])
        const unused = [...loosened].filter((hash) => state.blob.has(hash) && state.uses(hash) === 0)
        // The bytes go in the same moment: nobody can begin to rely on them in between.
        state.commit(unused.map((hash) => ['blob', hash, null]))
        for (const hash of unused) blobs.drop(hash)
        pending.clear()
        loosened.clear()
      }
      return account().deviceRevision
    },
  }
}

function forgetGone({ state }: World, forget: (key: string) => void): void {
  let room = state.gone.size - maxGone / 2
  for (const key of state.gone.keys()) if (room-- > 0) forget(key)
}
