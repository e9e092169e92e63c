import { classHas } from './char-class.ts'
import type { GlobTrie, TrieNode } from './glob-trie.ts'
import { caseKey } from './letter-case.ts'
import { finalNewline, LazyAutomaton, type LazyState } from './lazy-automaton.ts'

/** What a rule has to say of a name. */
export interface GlobEvent {
  rule: number
  /** `directory`: matches if it is one, and has nothing to say if not. */
  kind: 'match' | 'directory' | 'scan'
}

/** All globs after some characters of a name: which of them can still match, and which match already. */
export interface GlobState extends LazyState<GlobState> {
  /** The places that are active, by id. */
  readonly nodes: readonly TrieNode[]
  /** Those whose globs ended before the last line feed of the name: they match, too. */
  readonly ended: readonly TrieNode[]
  /** The lowest rule that matched a folder above, and with it everything below. */
  readonly above: number
  /** Lower rules that did, but may match something below once more, where only folders count. */
  readonly crossingAbove: readonly number[]
  events: readonly GlobEvent[] | undefined
}

const slash = 0x2f
const newline = 0x0a

/**
 * All globs of a set of rules, matched side by side in one pass over the name: the time for a character is at most
 * proportional to the number of places that are active, whatever the globs, and nearly always one look at a table.
 */
export class GlobAutomaton extends LazyAutomaton<GlobState> {
  readonly start: GlobState

  constructor(trie: GlobTrie, maxWeight?: number) {
    super(maxWeight)
    this.start = this.#state(expand([trie.root]), [], Infinity, [])
  }

  /** What the rules say of the name that ends here: by rule, up to the first that matches in any case. */
  events(state: GlobState): readonly GlobEvent[] {
    return (state.events ??= eventsOf(state))
  }

  /** The lowest include that may match a longer name than the one so far. */
  lowestInclude(state: GlobState): number {
    let lowest = Infinity
    for (const node of state.nodes) lowest = Math.min(lowest, node.lowestInclude)
    return lowest
  }

  protected override after(state: GlobState, symbol: number): GlobState {
    if (symbol === slash) return this.#below(state)
    if (symbol === finalNewline) {
      return this.#state(advance(state.nodes, newline), state.nodes, state.above, state.crossingAbove)
    }
    return this.#state(advance(state.nodes, symbol), [], state.above, state.crossingAbove)
  }

  #below(state: GlobState): GlobState {
    let { above } = state
    for (const node of state.nodes) above = Math.min(above, node.full, node.directory)
    const crossing = new Set(state.crossingAbove)
    for (const { crossingDirectories } of state.nodes) {
      const [lowest = Infinity] = crossingDirectories
      if (lowest < above) crossing.add(lowest)
    }
    // Whatever comes after a rule that matches everything below has no say there.
    const nodes = advance(state.nodes, slash).filter((node) => node.lowest < above)
    return this.#state(
      nodes,
      [],
      above,
      [...crossing].filter((rule) => rule < above).sort((a, b) => a - b),
    )
  }

  #state(nodes: TrieNode[], ended: readonly TrieNode[], above: number, crossingAbove: readonly number[]): GlobState {
    nodes.sort((a, b) => a.id - b.id)
    const key = `${ids(nodes)};${ids(ended)};${above};${crossingAbove.join()}`
    const size = key.length + nodes.length + ended.length + crossingAbove.length
    return this.intern(key, size, (transitions) => ({
      ...transitions,
      stuck: nodes.length === 0,
      nodes,
      ended,
      above,
      crossingAbove,
      events: undefined,
    }))
  }
}

function ids(nodes: readonly TrieNode[]): string {
  let text = ''
  for (const node of nodes) text += `${node.id.toString(36)},`
  return text
}

/** The nodes, and those that are reached from them without a character. */
function expand(nodes: Iterable<TrieNode>): TrieNode[] {
  const all = new Set(nodes)
  // What is added while this runs comes, too.
  for (const node of all) {
    if (node.star !== undefined) all.add(node.star)
    if (node.globstar !== undefined) all.add(node.globstar)
  }
  return [...all]
}

function advance(nodes: readonly TrieNode[], code: number): TrieNode[] {
  const next = new Set<TrieNode>()
  const folded = caseKey(code)
  for (const node of nodes) {
    if (node.loop === 'globstar' || (node.loop === 'star' && code !== slash)) next.add(node)
    const exact = node.chars?.get(code)
    if (exact !== undefined) next.add(exact)
    const alike = node.folded?.get(folded)
    if (alike !== undefined) next.add(alike)
    if (node.classes === undefined) continue
    for (const edge of node.classes.values()) if (classHas(edge.set, code)) next.add(edge.node)
  }
  return expand(next)
}

function eventsOf({ nodes, ended, above, crossingAbove }: GlobState): GlobEvent[] {
  const here = ended.length === 0 ? nodes : [...nodes, ...ended]
  let match = above
  let scan = Infinity
  const directories = new Set<number>()
  for (const node of here) {
    match = Math.min(match, node.full)
    scan = Math.min(scan, node.scan)
    if (node.directory < Infinity) directories.add(node.directory)
    for (const rule of node.crossingDirectories) directories.add(rule)
  }
  for (const rule of crossingAbove) if (!directories.has(rule)) match = Math.min(match, rule)
  for (const node of here) scan = Math.min(scan, node.crossingScans.find((rule) => !directories.has(rule)) ?? Infinity)
  const events: GlobEvent[] = [{ rule: match, kind: 'match' }]
  if (scan < match) events.push({ rule: scan, kind: 'scan' })
  for (const rule of directories) if (rule < match) events.push({ rule, kind: 'directory' })
  // Of scans and folders of one rule the folder comes first: a file that is named by it is not scanned.
  events.sort((a, b) => a.rule - b.rule)
  return match === Infinity ? events.slice(0, -1) : events
}
