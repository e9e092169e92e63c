import {
  compileSelection,
  type SelectionOption,
  type SelectionSettings,
  type Candidate,
  SelectionError,
  type Verdict,
} from '../src/index.ts'

/** Something in a tree that is not on disk. */
export interface Entry {
  path: string
  kind: Candidate['kind']
  device?: number
  mtimeSeconds?: number
}

/** A tree, and the options with which it is walked. */
export interface Case {
  root: string
  /** Without the root. */
  tree: readonly Entry[]
  options: readonly SelectionOption[]
}

/** What comes out: the paths in order, the root's empty one first; or the code of the error. */
export type Answer = { paths: string[] } | { error: string }

/** Compiles the options and walks the tree. */
export function select(given: Case, settings: Partial<SelectionSettings> = {}): Answer {
  try {
    const selection = compileSelection(given.options, { root: given.root, rootDevice: 1, ...settings })
    const only = selection.filesFrom === undefined ? undefined : withFolders(selection.filesFrom)
    return { paths: walk(given, selection.decide, only) }
  } catch (error) {
    if (error instanceof SelectionError) return { error: error.code }
    throw error
  }
}

/** Walks a tree as `filetree` does: sorted, pruned, folders to be scanned deferred until something in them is taken. */
export function walk({ tree }: Case, decide: (candidate: Candidate) => Verdict, only?: ReadonlySet<string>): string[] {
  const children = childrenOf(tree)
  const paths = ['']
  const visit = (folder: string, deferred: string[]): void => {
    const inside = children.get(folder) ?? []
    const name = (entry: Entry): string => entry.path.slice(folder === '' ? 0 : folder.length + 1)
    for (const entry of [...inside].sort((a, b) => (name(a) < name(b) ? -1 : 1))) {
      if (only !== undefined && !only.has(entry.path)) continue
      const verdict = decide(candidate(entry, children))
      if (verdict === 'exclude' || (verdict === 'scan' && entry.kind !== 'directory')) continue
      if (verdict === 'include') paths.push(...deferred.splice(0), entry.path)
      if (entry.kind !== 'directory') continue
      if (verdict === 'scan') deferred.push(entry.path)
      visit(entry.path, deferred)
      if (deferred.at(-1) === entry.path) deferred.pop()
    }
  }
  visit('', [])
  return paths
}

/** Everything in the tree, as a walk presents it. */
export function candidates({ tree }: Case): Candidate[] {
  const children = childrenOf(tree)
  return tree.map((entry) => candidate(entry, children))
}

function childrenOf(tree: readonly Entry[]): Map<string, Entry[]> {
  const children = new Map<string, Entry[]>()
  for (const entry of tree) {
    const parent = entry.path.includes('/') ? entry.path.slice(0, entry.path.lastIndexOf('/')) : ''
    children.set(parent, [...(children.get(parent) ?? []), entry])
  }
  return children
}

function candidate(entry: Entry, children: ReadonlyMap<string, readonly Entry[]>): Candidate {
  const { path, kind, device = 1, mtimeSeconds = 1_700_000_000 } = entry
  const has = (name: string): boolean => children.get(path)?.some((each) => each.path === `${path}/${name}`) ?? false
  return { path, kind, device, mtimeMs: mtimeSeconds * 1000, has }
}

function withFolders(paths: readonly string[]): Set<string> {
  const all = new Set<string>()
  for (let path of paths) {
    for (; path !== ''; path = path.slice(0, Math.max(path.lastIndexOf('/'), 0))) all.add(path)
  }
  return all
}
