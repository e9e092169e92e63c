import type { RawPath } from '@coalmine/bytes'
import { FileTreeError, sentence } from './errors.ts'

/** What a walk of some paths only finds in a folder, instead of what the folder holds. By name; empty below a leaf. */
export type OnlyTree = Map<string, OnlyTree>

/**
 * The named paths with all folders above them. `./a`, `a/` and `a//b` are taken as `a` and `a/b`.
 *
 * @throws FileTreeError `unsafe-name` for paths that are absolute, or have `..` or NUL.
 */
export function onlyTree(paths: Iterable<string>): OnlyTree {
  const tree: OnlyTree = new Map()
  for (const path of paths) {
    if (path.startsWith('/') || /(?:^|\/)\.\.(?:\/|$)|[^\x01-\xff]/.test(path)) {
      const reason = 'only paths below the root of the tree can be walked'
      throw new FileTreeError('unsafe-name', sentence('walk', path as RawPath, reason), { path: path as RawPath })
    }
    let folder = tree
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue
      let below = folder.get(name)
      if (below === undefined) folder.set(name, (below = new Map()))
      folder = below
    }
  }
  return tree
}
