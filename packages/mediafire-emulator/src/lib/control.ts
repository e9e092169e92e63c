import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createEdit } from './edit.ts'
import { EmulatorError } from './emulator-error.ts'
import type { Account, StoredFile } from './records.ts'
import { isTrashed } from './tree.ts'
import type { World } from './world.ts'

/** What a test wants to know of an account. */
export interface AccountView {
  email: string
  usedBytes: number
  storageLimit: number
  deviceRevision: number
  folders: readonly { key: string; path: string; privacy: string }[]
  files: readonly { key: string; path: string; size: number; hash: string; versions: number; privacy: string }[]
  trash: readonly { key: string; name: string }[]
  uploads: readonly {
    key: string
    name: string
    size: number
    status: string
    units: number
    unitsReady: number
    quickKey: string
  }[]
}

/** Accounts may be told to be otherwise. */
export interface AccountWishes {
  baseStorage?: number
  bonusStorage?: number
  tosAccepted?: boolean
  validated?: boolean
  displayName?: string
}

/** @throws EmulatorError with `bad-option` when there is none. */
export function accountNamed(world: World, email?: string): Account {
  const all = [...world.state.account.values()]
  const found = email === undefined ? all[0] : all.find((each) => each.email === email)
  if (found === undefined) throw new EmulatorError('bad-option', `Cannot find the account "${email}": there is none`)
  return found
}

export function viewOf(world: World, email?: string): AccountView {
  const account = accountNamed(world, email)
  const { state } = world
  const mine = <T extends { owner: string }>(items: Iterable<T>): T[] =>
    [...items].filter((item) => item.owner === account.ekey)
  const live = <T extends { parent: string }>(items: T[]): T[] => items.filter((item) => !isTrashed(world, item))
  const pathOf = (item: { name: string; parent: string }): string => {
    const parent = state.folder.get(item.parent)
    return parent === undefined ? `/${item.name}` : `${pathOf(parent)}/${item.name}`
  }
  const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1)
  const folders = mine(state.folder.values())
  const files = mine(state.file.values())
  return {
    email: account.email,
    usedBytes: state.usedBytes(account.ekey),
    storageLimit: account.baseStorage + account.bonusStorage,
    deviceRevision: account.deviceRevision,
    folders: live(folders)
      .map((folder) => ({ key: folder.key, path: pathOf(folder), privacy: folder.privacy }))
      .sort(byPath),
    files: live(files)
      .map((file) => ({
        key: file.key,
        path: pathOf(file),
        size: file.size,
        hash: file.hash,
        versions: file.versions.length,
        privacy: file.privacy,
      }))
      .sort(byPath),
    trash: [...folders, ...files].filter((item) => item.parent === 'trash').map(({ key, name }) => ({ key, name })),
    uploads: mine(state.upload.values()).map((upload) => ({
      key: upload.key,
      name: upload.name,
      size: upload.size,
      status: upload.status,
      units: upload.units,
      unitsReady: upload.words.reduce((sum, word) => sum + bitsOf(word), 0),
      quickKey: upload.quickKey ?? '',
    })),
  }
}

function bitsOf(word: number): number {
  let bits = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) bits++
  return bits
}

const accountFields: Readonly<Record<string, string>> = {
  baseStorage: 'number',
  bonusStorage: 'number',
  tosAccepted: 'boolean',
  validated: 'boolean',
  displayName: 'string',
}

/** @throws EmulatorError with `bad-option`. */
export function changeAccount(world: World, wishes: AccountWishes, email?: string): void {
  for (const [name, value] of Object.entries(wishes)) {
    const type = Object.hasOwn(accountFields, name) ? accountFields[name] : undefined
    const fits = typeof value === type && (type !== 'number' || (Number.isSafeInteger(value) && Number(value) >= 0))
    if (!fits)
      throw new EmulatorError('bad-option', `Cannot set "${name}" of an account: no such field, or not a value`)
  }
  const edit = createEdit(world, accountNamed(world, email).ekey)
  edit.account((account) => ({ ...account, ...wishes }))
  edit.commit()
}

function fileNamedBy(world: World, quickKey: string): StoredFile {
  const file = world.state.file.get(quickKey)
  if (file === undefined) throw new EmulatorError('bad-option', `Cannot find the file "${quickKey}": there is none`)
  return file
}

/** A file gets a twin of the same name in the same folder, as old data has them. @returns The twin's key. */
export function duplicateFile(world: World, quickKey: string): string {
  const file = fileNamedBy(world, quickKey)
  const edit = createEdit(world, file.owner)
  const key = world.keys.quick(world.settings.numericKeys)
  edit.file({ ...file, key, createdMs: world.clock.now(), versions: [] })
  edit.commit()
  return key
}

/** A file is as old as those that have an MD5 where others have a SHA-256. */
export async function ageFile(world: World, quickKey: string): Promise<void> {
  const { hash } = fileNamedBy(world, quickKey)
  const shownHash = createHash('md5')
    .update(await readFile(world.blobs.pathOf(hash)))
    .digest('hex')
  const file = fileNamedBy(world, quickKey)
  const edit = createEdit(world, file.owner)
  edit.file({ ...file, shownHash })
  edit.commit()
}
