import { concat, type RawPath } from '@coalmine/bytes'
import { FileList } from './file-list.ts'
import type { Manifest, ManifestFile, ManifestPlace, ManifestVolume } from './manifest.ts'
import { quote } from './quoting.ts'

const linesPerPiece = 16_384

/** A manifest to be written; its list of files may be gathered beforehand. */
export type ManifestToWrite = Omit<Manifest, 'files' | 'fileCount'> & { files?: readonly ManifestFile[] | FileList }

/**
 * The manifest as duplicity 0.8.22 to 3.x write it, byte for byte: host and root (left out when empty), volumes by
 * number, then the list of files, if there is one.
 *
 * @throws RangeError when a value would break the lines: a host name with a line feed, a bad number, digest or path.
 */
export function formatManifest(manifest: ManifestToWrite): Uint8Array {
  return concat([...manifestPieces(manifest)])
}

/** The same in pieces of about a megabyte, for lists that nobody wants to hold twice. */
export function* manifestPieces(manifest: ManifestToWrite): Iterable<Uint8Array> {
  const { hostname, localDir, volumes, files } = manifest
  let lines: string[] = []
  if (hostname) lines.push(`Hostname ${checked(hostname, /^[^\n]+$/, 'host name')}`)
  if (localDir) lines.push(`Localdir ${quote(localDir)}`)
  for (const number of [...volumes.keys()].sort((a, b) => a - b)) {
    lines.push(volumeLines(number, volumes.get(number)!))
    if (lines.length >= linesPerPiece) yield bytesOf(lines.splice(0))
  }
  if (files !== undefined) {
    const list = files instanceof FileList ? files : listOf(files)
    yield bytesOf([...lines, `Filelist ${list.count}`])
    yield* list.pieces()
  } else if (lines.length > 0) yield bytesOf(lines)
}

function listOf(files: readonly ManifestFile[]): FileList {
  const list = new FileList()
  for (const file of files) list.add(file)
  return list
}

function volumeLines(number: number, volume: ManifestVolume): string {
  if (number !== volume.number) {
    throw new RangeError(`Cannot write volume ${number} of a manifest: it calls itself ${volume.number}`)
  }
  const lines = [
    `Volume ${count(number)}:`,
    `    StartingPath   ${place(volume.start)}`,
    `    EndingPath     ${place(volume.end)}`,
  ]
  for (const { name, hex } of volume.hashes) {
    lines.push(`    Hash ${checked(name, /^[A-Za-z0-9-]+$/, 'digest name')} ${checked(hex, /^[0-9a-f]+$/, 'digest')}`)
  }
  return lines.join('\n')
}

function place({ path, block }: ManifestPlace): string {
  return `${pathText(path)} ${block === undefined ? ' ' : count(block)}`
}

function pathText(path: RawPath): string {
  return path === '' ? '.' : quote(path)
}

function count(number: number): number {
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new RangeError(`Cannot write the number ${number} in a manifest: volumes and blocks count from 1`)
}

function checked(text: string, pattern: RegExp, what: string): string {
  if (pattern.test(text)) return text
  throw new RangeError(`Cannot write the ${what} ${JSON.stringify(text)} in a manifest: it would break its lines`)
}

function bytesOf(lines: readonly string[]): Uint8Array {
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1')
}
