import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface Corpus {
  readonly folder: string
  readonly entries: number
  readonly bytes: number
  /** One file in the middle, relative to the folder. */
  readonly oneFile: string
}

/** A copy of folders that every Debian has, as the source of all backups. Copied, so that it is all of one file system. */
export function makeCorpus(folder: string, sources: readonly string[]): Corpus {
  mkdirSync(folder, { recursive: true })
  for (const source of sources) if (existsSync(source)) execFileSync('cp', ['-a', source, folder])
  let entries = 0
  let bytes = 0
  const files: string[] = []
  const visit = (path: string, name: string) => {
    const stat = lstatSync(path)
    entries += 1
    if (stat.isFile()) {
      bytes += stat.size
      files.push(name)
    }
    if (stat.isDirectory()) for (const child of readdirSync(path)) visit(join(path, child), join(name, child))
  }
  visit(folder, '')
  return { folder, entries, bytes, oneFile: files[Math.floor(files.length / 2)]! }
}

/** Entries and content bytes of a tree. */
export function weigh(folder: string): { files: number; bytes: number } {
  let files = 0
  let bytes = 0
  const visit = (path: string) => {
    const stat = lstatSync(path)
    if (stat.isFile()) {
      files += 1
      bytes += stat.size
    }
    if (stat.isDirectory()) for (const child of readdirSync(path)) visit(join(path, child))
  }
  visit(folder)
  return { files, bytes }
}
