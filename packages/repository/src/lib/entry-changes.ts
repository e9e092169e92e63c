import { equalBytes } from '@coalmine/bytes'
import type { EntryMeta, SigTarEntry } from '@coalmine/volume-format'

/** In what two states of one path differ. */
export type Aspect = 'kind' | 'data' | 'link' | 'device' | 'mode' | 'owner' | 'mtime'

/**
 * In what two entries of one path differ, neither of them deleted; nothing when they describe the same.
 *
 * The content of files is compared by their signatures. Where these cannot be compared (they are too long to be held, or of
 * another block length, as another version writes them), content counts as changed if the time has.
 */
export function aspectsOf(before: SigTarEntry, after: SigTarEntry): Aspect[] {
  const [old, now] = [before.meta!, after.meta!]
  if (old.kind !== now.kind) return ['kind']
  const aspects: Aspect[] = []
  if (now.kind === 'file' && isOtherContent(before, after)) aspects.push('data')
  if (old.linkTarget !== now.linkTarget) aspects.push('link')
  if (old.devMajor !== now.devMajor || old.devMinor !== now.devMinor) aspects.push('device')
  // Mode and time of a link are its system's affair.
  if (now.kind !== 'symlink' && old.mode !== now.mode) aspects.push('mode')
  if (isOtherOwner(old, now)) aspects.push('owner')
  if (now.kind !== 'symlink' && old.mtimeSeconds !== now.mtimeSeconds) aspects.push('mtime')
  return aspects
}

function isOtherContent(before: SigTarEntry, after: SigTarEntry): boolean {
  const [old, now] = [before.signature, after.signature]
  const isComparable = old !== undefined && now !== undefined && sameHead(old, now)
  if (isComparable) return !equalBytes(old, now)
  return before.meta!.mtimeSeconds !== after.meta!.mtimeSeconds
}

// Magic number, block length, length of strong sums: four bytes each.
const headBytes = 12

function sameHead(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a.subarray(0, headBytes), b.subarray(0, headBytes))
}

function isOtherOwner(a: EntryMeta, b: EntryMeta): boolean {
  return a.uid !== b.uid || a.gid !== b.gid || a.userName !== b.userName || a.groupName !== b.groupName
}
