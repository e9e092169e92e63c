import { randomBytes } from 'node:crypto'
import type { ProcessFacts } from './local-effects.ts'

const ownedName =
  /^coalmine-(?:spool|copy)-([0-9a-z]{1,8})-([0-9a-z]{1,8})-([0-9a-z]{1,8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{16}$/

/** The name of a spool folder says whose it is, so that one that was left behind can be told from one in use. */
export function spoolFolderName({ host, boot, space, pid, began }: ProcessFacts): string {
  return ['coalmine-spool', host, boot, space, pid, began, randomName()].join('-')
}

/** The same for a file of the archive dir that has not got its name yet. */
export function copyFileName({ host, boot, space, pid, began }: ProcessFacts): string {
  return ['coalmine-copy', host, boot, space, pid, began, randomName()].join('-')
}

export function isCopyFileName(name: string): boolean {
  return name.startsWith('coalmine-copy-') && ownedName.test(name)
}

export function ownerOf(name: string): ProcessFacts | undefined {
  const match = ownedName.exec(name)
  if (match === null) return undefined
  const [, host, boot, space, pid, began] = match
  return { host: host!, boot: boot!, space: space!, pid: Number(pid), began: began! }
}

/** The name of a file in a spool folder. */
export function randomName(): string {
  return randomBytes(8).toString('hex')
}

export function isSpoolFileName(name: string): boolean {
  return /^[0-9a-f]{16}$/.test(name)
}
