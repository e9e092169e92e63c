import type { CharClass } from './char-class.ts'
import type { Glob, GlobToken } from './glob.ts'
import { caseKey } from './letter-case.ts'

/**
 * A place in the globs of all rules: globs that begin alike share their way. The numbers are those of rules, the lowest of
 * each role, since the first rule wins; `Infinity` is none.
 */
export interface TrieNode {
  readonly id: number
  /** Stays active over these characters. */
  readonly loop: 'none' | 'star' | 'globstar'
  chars: Map<number, TrieNode> | undefined
  /** By {@link caseKey}. */
  folded: Map<number, TrieNode> | undefined
  classes: Map<string, { set: CharClass; node: TrieNode }> | undefined
  star: TrieNode | undefined
  globstar: TrieNode | undefined
  /** A glob ends here. */
  full: number
  /** A glob that ends in a slash, and in which slashes cannot vary, ends here. */
  directory: number
  /**
   * The same, but slashes can: such a rule may match a folder, and then something below it once more. All of them,
   * ascending: each is silent about a file that it names as a whole, where it would have it scanned otherwise.
   */
  crossingDirectories: number[]
  /** A beginning of an include ends here. */
  scan: number
  /** The same, of those that may also match here as a whole, which matters for files; ascending. */
  crossingScans: number[]
  /** The lowest rule that ends here or further on. */
  lowest: number
  /** The lowest include that ends here or further on and can decide anything. */
  lowestInclude: number
}

/** What is to be known of a rule to place its glob. */
export interface PlacedGlob {
  glob: Glob
  rule: number
  include: boolean
  ignoreCase: boolean
}

/** All globs of a set of rules, as a tree of their tokens. */
export class GlobTrie {
  #size = 0
  readonly root: TrieNode = this.#node('none')

  get isEmpty(): boolean {
    return this.#size === 1
  }

  /** Places a glob. */
  add(placed: PlacedGlob): void {
    const { glob, rule, include, ignoreCase } = placed
    const [main, ...branches] = glob.lines
    const way = this.#way(this.root, main.tokens, ignoreCase)
    const end = way.at(-1) ?? this.root
    if (!glob.directoryOnly) end.full = Math.min(end.full, rule)
    else if (glob.crossing) end.crossingDirectories.push(rule)
    else end.directory = Math.min(end.directory, rule)
    for (const node of way) node.lowest = Math.min(node.lowest, rule)
    if (!include) return
    for (const cut of main.cuts) markScan(way[cut], placed)
    for (const { after, tokens, cuts } of branches) {
      const branch = this.#way(way[after] ?? this.root, tokens, ignoreCase)
      for (const cut of cuts) markScan(branch[cut], placed)
      // No glob ends there, but the rule is not out of sight.
      for (const node of branch) node.lowest = Math.min(node.lowest, rule)
    }
  }

  /** Notes that an include can decide something: folders on its way are worth reading. */
  enliven(glob: Glob, rule: number, ignoreCase: boolean): void {
    for (const node of this.#way(this.root, glob.lines[0].tokens, ignoreCase)) {
      node.lowestInclude = Math.min(node.lowestInclude, rule)
    }
  }

  /** The lowest rule with the same glob. */
  twin(glob: Glob, ignoreCase: boolean): number {
    const end = this.#way(this.root, glob.lines[0].tokens, ignoreCase).at(-1) ?? this.root
    if (!glob.directoryOnly) return end.full
    return Math.min(end.full, end.directory, end.crossingDirectories[0] ?? Infinity)
  }

  /** The nodes before the first token, after it, after the second, … */
  #way(from: TrieNode, tokens: readonly GlobToken[], ignoreCase: boolean): TrieNode[] {
    const way = [from]
    let node = from
    for (const token of tokens) {
      node = this.#next(node, token, ignoreCase)
      way.push(node)
    }
    return way
  }

  #next(node: TrieNode, token: GlobToken, ignoreCase: boolean): TrieNode {
    switch (token.kind) {
      case 'star':
        return (node.star ??= this.#node('star'))
      case 'globstar':
        return (node.globstar ??= this.#node('globstar'))
      case 'class': {
        node.classes ??= new Map()
        let edge = node.classes.get(token.key)
        if (edge === undefined) {
          edge = { set: token.set, node: this.#node('none') }
          node.classes.set(token.key, edge)
        }
        return edge.node
      }
      default: {
        const edges = ignoreCase ? (node.folded ??= new Map()) : (node.chars ??= new Map())
        const key = ignoreCase ? caseKey(token.code) : token.code
        let next = edges.get(key)
        if (next === undefined) {
          next = this.#node('none')
          edges.set(key, next)
        }
        return next
      }
    }
  }

  #node(loop: TrieNode['loop']): TrieNode {
    return {
      id: this.#size++,
      loop,
      chars: undefined,
      folded: undefined,
      classes: undefined,
      star: undefined,
      globstar: undefined,
      full: Infinity,
      directory: Infinity,
      crossingDirectories: [],
      scan: Infinity,
      crossingScans: [],
      lowest: Infinity,
      lowestInclude: Infinity,
    }
  }
}

function markScan(node: TrieNode | undefined, { glob, rule }: PlacedGlob): void {
  if (node === undefined) return
  if (glob.directoryOnly && glob.crossing) node.crossingScans.push(rule)
  else node.scan = Math.min(node.scan, rule)
}
