import { type Journal, openJournal } from './journal.ts'
import { type Change, type Records, type StoredFile, type TableName, tableNames, type Upload } from './records.ts'

type Tables = { readonly [T in TableName]: ReadonlyMap<string, Records[T]> }

/** All that the emulator knows, in memory, with the journal behind it. */
export interface State extends Tables {
  /** Makes changes together: in the journal first, all or none. */
  commit(changes: readonly Change[]): void
  /** Keys of the folders directly in a folder of an account. */
  foldersIn(owner: string, parent: string): ReadonlySet<string>
  /** Keys of the files directly in a folder of an account. */
  filesIn(owner: string, parent: string): ReadonlySet<string>
  /** Keys of what has a name in a folder, in any case of its letters. */
  named(table: 'folder' | 'file', owner: string, parent: string, name: string): ReadonlySet<string>
  /** Bytes of all files of an account, in the trash too. */
  usedBytes(owner: string): number
  /** Whether an account has a file of this content, in a folder or anywhere. */
  holds(owner: string, hash: string, parent?: string): boolean
  /** How many files, versions and uploads need these bytes. */
  uses(hash: string): number
  /** The latest upload of this content into this folder. */
  uploadOf(owner: string, folder: string, hash: string, size: number): Upload | undefined
  close(): void
}

const none: ReadonlySet<string> = new Set()
/** A journal is written anew when it is this long and most of it is of no use any more. */
const compactBytes = 4 * 2 ** 20

/** Reads the state of a folder. @throws EmulatorError with `damaged`. */
export function openState(folder: string): State {
  const tables = Object.fromEntries(tableNames.map((name) => [name, new Map()])) as unknown as {
    [T in TableName]: Map<string, Records[T]>
  }
  const index = createIndex()

  const apply = (changes: readonly Change[]): void => {
    for (const change of changes) {
      const [table, key, value] = change
      const map = tables[table] as Map<string, unknown>
      index.leave(table, map.get(key))
      if (value === null) map.delete(key)
      else {
        map.set(key, value)
        index.enter(table, value)
      }
    }
  }
  const journal: Journal = openJournal(folder, apply)
  let liveBytes = compact()

  function compact(): number {
    if (journal.size < compactBytes) return 0
    journal.rewrite(snapshot(tables))
    return journal.size
  }

  return {
    ...tables,
    commit(changes) {
      if (changes.length === 0) return
      journal.append(changes)
      apply(changes)
      if (journal.size > Math.max(compactBytes * 8, liveBytes * 4)) liveBytes = compact()
    },
    foldersIn: (owner, parent) => index.folders.get(`${owner}/${parent}`) ?? none,
    filesIn: (owner, parent) => index.files.get(`${owner}/${parent}`) ?? none,
    named: (table, owner, parent, name) => index.names.get(nameKey(table, { owner, parent, name })) ?? none,
    usedBytes: (owner) => index.used.get(owner) ?? 0,
    holds(owner, hash, parent) {
      for (const key of index.hashes.get(hash) ?? none) {
        const file = tables.file.get(key)
        if (file?.owner === owner && (parent === undefined || file.parent === parent)) return true
      }
      return false
    },
    uses: (hash) => index.uses.get(hash) ?? 0,
    uploadOf(owner, into, hash, size) {
      const key = index.uploads.get(`${owner}/${into}/${hash}/${size}`)
      return key === undefined ? undefined : tables.upload.get(key)
    },
    close: () => journal.close(),
  }
}

function* snapshot(tables: Tables): Iterable<readonly Change[]> {
  for (const name of tableNames) {
    for (const [key, value] of tables[name]) yield [[name, key, value] as Change]
  }
}

function nameKey(table: TableName, item: { owner: string; parent: string; name: string }): string {
  return `${table}/${item.owner}/${item.parent}/${item.name.toLowerCase()}`
}

function put(map: Map<string, Set<string>>, place: string, key: string): void {
  const set = map.get(place)
  if (set === undefined) map.set(place, new Set([key]))
  else set.add(key)
}

function take(map: Map<string, Set<string>>, place: string, key: string): void {
  const set = map.get(place)
  set?.delete(key)
  if (set?.size === 0) map.delete(place)
}

function createIndex() {
  const names = new Map<string, Set<string>>()
  const hashes = new Map<string, Set<string>>()
  const folders = new Map<string, Set<string>>()
  const files = new Map<string, Set<string>>()
  const used = new Map<string, number>()
  const uses = new Map<string, number>()
  const uploads = new Map<string, string>()

  const hashesOf = (table: TableName, value: unknown): readonly string[] => {
    if (table === 'file') {
      const file = value as StoredFile
      return [file.hash, ...file.versions.map((version) => version.hash)]
    }
    const upload = value as Upload
    return table === 'upload' && upload.status === 'stored' ? [upload.hash] : []
  }
  const count = (table: TableName, value: unknown, by: 1 | -1): void => {
    for (const hash of hashesOf(table, value)) {
      const now = (uses.get(hash) ?? 0) + by
      if (now === 0) uses.delete(hash)
      else uses.set(hash, now)
    }
    if (table !== 'file') return
    const file = value as StoredFile
    used.set(file.owner, (used.get(file.owner) ?? 0) + by * file.size)
  }
  const placeOf = (item: { owner: string; parent: string }): string => `${item.owner}/${item.parent}`
  const trackOf = (upload: Upload): string => `${upload.owner}/${upload.folder}/${upload.hash}/${upload.size}`

  return {
    names,
    hashes,
    folders,
    files,
    used,
    uses,
    uploads,
    enter(table: TableName, value: unknown): void {
      count(table, value, 1)
      if (table === 'folder' || table === 'file') {
        const item = value as StoredFile
        put(table === 'folder' ? folders : files, placeOf(item), item.key)
        put(names, nameKey(table, item), item.key)
        if (table === 'file') put(hashes, item.hash, item.key)
      } else if (table === 'upload') {
        const upload = value as Upload
        // An upload in one request has no units to go on with.
        if (!upload.simple) uploads.set(trackOf(upload), upload.key)
      }
    },
    leave(table: TableName, value: unknown): void {
      if (value === undefined) return
      count(table, value, -1)
      if (table === 'folder' || table === 'file') {
        const item = value as StoredFile
        take(table === 'folder' ? folders : files, placeOf(item), item.key)
        take(names, nameKey(table, item), item.key)
        if (table === 'file') take(hashes, item.hash, item.key)
      } else if (table === 'upload') {
        const upload = value as Upload
        if (uploads.get(trackOf(upload)) === upload.key) uploads.delete(trackOf(upload))
      }
    },
  }
}
