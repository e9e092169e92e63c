/** What the emulator keeps. Each is replaced as a whole when it changes, never altered. */
export interface Account {
  email: string
  /** 32 hex digits; never changes. */
  ekey: string
  /** Changes with the password. */
  pkey: string
  /** Salt and scrypt of the password, in hex: to see that it was changed, not to check calls. */
  passwordMark: string
  displayName: string
  firstName: string
  lastName: string
  createdMs: number
  tosAccepted: boolean
  validated: boolean
  premium: boolean
  baseStorage: number
  bonusStorage: number
  /** The revision of the last change. */
  deviceRevision: number
  /** The revision of the last change directly in the root. */
  rootRevision: number
}

export interface Folder {
  key: string
  /** The account's ekey. */
  owner: string
  name: string
  /** `myfiles`, `trash`, or a folder's key. */
  parent: string
  privacy: 'public' | 'private'
  description: string
  createdMs: number
  mtimeMs?: number
  revision: number
  trashedMs?: number
  filedropKey?: string
}

export interface Version {
  revision: number
  hash: string
  size: number
  dateMs: number
}

export interface StoredFile {
  key: string
  owner: string
  name: string
  parent: string
  size: number
  /** SHA-256 of the content. */
  hash: string
  /** What is answered as hash, for files as old as those that have only an MD5. */
  shownHash?: string
  privacy: 'public' | 'private'
  description: string
  createdMs: number
  mtimeMs?: number
  revision: number
  downloads: number
  trashedMs?: number
  /** Older content, oldest first. */
  versions: readonly Version[]
}

/**
 * `open` takes units; `assembling` has them all; `stored` waits for its time; `done` has a quick key; `failed` says why
 * in `result` and `fileError`.
 */
export type UploadStatus = 'open' | 'assembling' | 'stored' | 'done' | 'failed'

export interface Upload {
  key: string
  owner: string
  folder: string
  name: string
  size: number
  hash: string
  unitSize: number
  units: number
  /** A bit for each unit, 16 in a word, the lowest first. */
  words: readonly number[]
  status: UploadStatus
  simple: boolean
  onDuplicate: 'skip' | 'keep' | 'replace'
  /** The file to replace, when the caller named one. */
  target?: string
  mtimeMs?: number
  createdMs: number
  /** When its content was whole. */
  storedMs?: number
  quickKey?: string
  result: string
  fileError: string
}

/** Bytes in the store, by their hash. */
export interface Blob {
  hash: string
  size: number
}

/** Work that goes on in the background. */
export interface Job {
  id: string
  owner: string
  dueMs: number
  action: 'delete-folder' | 'purge-folder' | 'empty-trash'
  keys: readonly string[]
}

/** What is gone for good, for the change feed. */
export interface Gone {
  key: string
  owner: string
  kind: 'file' | 'folder'
  parent: string
  revision: number
}

/** The clock's offset, so that what has aged stays so. */
export interface Meta {
  offsetMs: number
}

export interface Records {
  account: Account
  folder: Folder
  file: StoredFile
  upload: Upload
  blob: Blob
  job: Job
  gone: Gone
  meta: Meta
}

export type TableName = keyof Records
export const tableNames: readonly TableName[] = ['account', 'folder', 'file', 'upload', 'blob', 'job', 'gone', 'meta']

/** One change: a record put, or dropped with `null`. */
export type Change = { [T in TableName]: readonly [table: T, key: string, value: Records[T] | null] }[TableName]
