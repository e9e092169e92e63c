import { readdirSync } from 'node:fs'
import type { Address } from './address.ts'

/** What a folder says it holds. */
export interface Names {
  /** Sorted by their bytes. */
  readonly names: readonly string[]
  /** Those that the folder itself says are no regular files; nothing is known of any without it. */
  readonly others: ReadonlySet<string> | undefined
}

/** @param kinds - Whether kinds are of use. @throws the system's error. */
export function listFolder(where: Address, kinds: boolean): Names {
  if (kinds) {
    try {
      const names: string[] = []
      const others = new Set<string>()
      for (const found of readdirSync(where, { encoding: 'latin1', withFileTypes: true })) {
        names.push(found.name)
        if (!found.isFile()) others.add(found.name)
      }
      return { names: names.sort(), others }
    } catch {
      // Node looks at names whose kind the file system does not tell, as UTF-8, and fails for others or when one is just
      // gone. The plain list below needs no kinds; when the folder itself is the trouble, it says so.
    }
  }
  return { names: readdirSync(where, 'latin1').sort(), others: undefined }
}
