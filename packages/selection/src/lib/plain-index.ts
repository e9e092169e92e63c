/**
 * A place in the tree of plain paths: one component further for each step down. The numbers are those of rules, the lowest
 * of each role, since the first rule wins; `Infinity` is none.
 */
export interface PlainNode {
  readonly parent: PlainNode | undefined
  children: Map<string, PlainNode> | undefined
  /** A rule names this path. */
  full: number
  /** A rule names it with a slash at its end: only a folder is meant. */
  directory: number
  /** An include names something below. */
  scan: number
  /** An include that can decide anything names something below. */
  lowestInclude: number
  /** Whether a walk came here, and what was decided. */
  seen: 'no' | 'yes' | 'excluded'
}

/**
 * Paths without wildcards, as a tree of their components: to find a name costs the same among ten rules and among a
 * million.
 */
export class PlainIndex {
  /** What a component is looked up by: itself, or its form without letter case. */
  readonly keyOf: (component: string) => string
  /** Whether a line feed at the end of a name may be missing in the rule, as Python's `$` has it. */
  readonly finalNewline: boolean
  readonly root: PlainNode = createNode(undefined)

  constructor(keyOf: (component: string) => string, options: { finalNewline: boolean }) {
    this.keyOf = keyOf
    this.finalNewline = options.finalNewline
  }

  /** Places a rule; `components` are keys. */
  add(components: readonly string[], rule: PlacedPlain): PlainNode {
    let node = this.root
    for (const component of components) {
      if (rule.include) node.scan = Math.min(node.scan, rule.rule)
      node.children ??= new Map()
      let next = node.children.get(component)
      if (next === undefined) {
        next = createNode(node)
        node.children.set(component, next)
      }
      node = next
    }
    if (rule.directoryOnly) node.directory = Math.min(node.directory, rule.rule)
    else node.full = Math.min(node.full, rule.rule)
    return node
  }

  /** The place of that name in the folder of `node`. */
  child(node: PlainNode | undefined, component: string): PlainNode | undefined {
    return node?.children?.get(this.keyOf(component))
  }

  /** Adds the places that a rule for that name in the folder of `parent` may have. */
  find(parent: PlainNode, component: string, found: PlainNode[]): void {
    const node = this.child(parent, component)
    if (node !== undefined) found.push(node)
    if (!this.finalNewline || !component.endsWith('\n')) return
    const shorter = this.child(parent, component.slice(0, -1))
    if (shorter !== undefined) found.push(shorter)
  }
}

/** Notes that an include can decide something: folders on the way to it are worth reading. */
export function enlivenPlain(place: PlainNode, rule: number): void {
  for (let node = place.parent; node !== undefined; node = node.parent) {
    node.lowestInclude = Math.min(node.lowestInclude, rule)
  }
}

/** What is to be known of a rule to place it. */
export interface PlacedPlain {
  rule: number
  include: boolean
  directoryOnly: boolean
}

function createNode(parent: PlainNode | undefined): PlainNode {
  return {
    parent,
    children: undefined,
    full: Infinity,
    directory: Infinity,
    scan: Infinity,
    lowestInclude: Infinity,
    seen: 'no',
  }
}
