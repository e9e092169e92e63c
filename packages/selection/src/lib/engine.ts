import { GlobAutomaton, type GlobState } from './glob-automaton.ts'
import { GlobTrie } from './glob-trie.ts'
import { formOf } from './pattern-rule.ts'
import { enlivenPlain, PlainIndex, type PlainNode } from './plain-index.ts'
import { RegexpAutomaton, type RegexpState } from './regexp-automaton.ts'
import { rootPrefix } from './root-name.ts'
import type { PlainForm, Rule } from './rules.ts'
import type { Candidate, Verdict } from './types.ts'

/** What the rules say of one path: numbers of rules, `Infinity` for none. */
export interface Outcome {
  verdict: Verdict
  /** The rule that decides; after a `scan`, the one that excludes otherwise. */
  rule: number
  /** The rule that asks to look inside, if it comes before `rule`. */
  scan: number
  /** Rules ask to look inside, but nothing there could be included. */
  futile: boolean
}

/** What is known of a folder, for everything directly in it. */
interface Frame {
  readonly parent: Frame | undefined
  /** Of the folder; the root's is empty. */
  readonly path: string
  /** Where names in it begin. */
  readonly start: number
  readonly globs: GlobState
  readonly regexps: readonly RegexpState[]
  readonly plain: readonly (PlainNode | undefined)[]
  /** The lowest plain rule that names this folder or one above. */
  readonly plainAbove: number
}

/** A rule that looks at something else than the name. */
interface FactRule {
  rule: number
  excludes(candidate: Candidate): boolean
  /** Reads the folder. */
  costly: boolean
}

/**
 * A set of rules, compiled. Names are not compared rule by rule: plain paths are found in a tree by component, globs run side
 * by side in one automaton, and what is known of a folder is kept while a walk is in it, so that only the last component of
 * a path is looked at.
 */
export class Engine {
  readonly rules: readonly Rule[]
  readonly #prefix: string
  readonly #everything: number
  readonly #trie = new GlobTrie()
  readonly #automaton: GlobAutomaton | undefined
  readonly #indexes: PlainIndex[] = []
  readonly #regexps: { rule: number; automaton: RegexpAutomaton }[] = []
  readonly #facts: FactRule[] = []
  /** Where plain rules were placed. */
  readonly places = new Map<number, PlainNode>()
  #frame: Frame

  constructor(rules: readonly Rule[], root: string, rootDevice: number | undefined) {
    this.rules = rules
    this.#prefix = rootPrefix(root)
    const everything = rules.findIndex(({ matcher }) => matcher.kind === 'everything')
    this.#everything = everything < 0 ? Infinity : everything
    const indexes = new Map<PlainForm, PlainIndex>()
    for (const [number, { include, matcher }] of rules.entries()) {
      switch (matcher.kind) {
        case 'everything':
        case 'nothing':
          break
        case 'plain': {
          const { form, components, directoryOnly } = matcher
          let index = indexes.get(form)
          if (index === undefined) {
            index = new PlainIndex(formOf[form], { finalNewline: form === 'exact' || form === 'same-case' })
            indexes.set(form, index)
            this.#indexes.push(index)
          }
          this.places.set(number, index.add(components, { rule: number, include, directoryOnly }))
          break
        }
        case 'glob':
          this.#trie.add({ glob: matcher.glob, rule: number, include, ignoreCase: matcher.ignoreCase })
          break
        case 'regexp':
          this.#regexps.push({ rule: number, automaton: new RegexpAutomaton(matcher.program) })
          break
        default:
          this.#facts.push(factRule(number, matcher, rootDevice))
      }
    }
    this.#automaton = this.#trie.isEmpty ? undefined : new GlobAutomaton(this.#trie)
    this.#frame = this.#rootFrame()
  }

  /**
   * What the rules before number `limit` say. Facts of a folder that cost reading it are asked for only if it would be
   * entered otherwise.
   */
  evaluate(candidate: Candidate, limit = Infinity): Outcome {
    const { path } = candidate
    const frame = this.#enter(path)
    const isDirectory = candidate.kind === 'directory'
    let rule = Math.min(limit, this.#everything, frame.plainAbove)
    let scan = Infinity

    for (const [i, index] of this.#indexes.entries()) {
      const parent = frame.plain[i]
      if (parent?.children === undefined) continue
      const name = path.slice(frame.start)
      for (const node of index.named(parent, name)) {
        if (node.full < rule) rule = node.full
        if (isDirectory && node.directory < rule) rule = node.directory
        if (node.scan < scan) scan = node.scan
      }
    }

    const globs = this.#automaton?.feed(frame.globs, path, frame.start, path.length, true)
    if (globs !== undefined) {
      for (const event of this.#automaton?.events(globs) ?? []) {
        if (event.rule >= rule) break
        if (event.kind === 'scan') {
          if (event.rule < scan) scan = event.rule
        } else if (event.kind === 'match' || isDirectory) {
          rule = event.rule
          break
        }
      }
    }

    for (const [i, { rule: number, automaton }] of this.#regexps.entries()) {
      if (number >= rule) break
      const state = frame.regexps[i] ?? automaton.start
      if (automaton.matches(automaton.feed(state, path, frame.start, path.length, true))) {
        rule = number
        break
      }
    }

    for (const fact of this.#facts) {
      if (fact.rule >= rule) break
      if (!fact.costly && fact.excludes(candidate)) rule = fact.rule
    }
    return this.#outcome(candidate, frame, rule >= limit ? Infinity : rule, scan >= limit ? Infinity : scan)
  }

  #outcome(candidate: Candidate, frame: Frame, rule: number, scan: number): Outcome {
    let outcome = this.#verdict(candidate, frame, rule, scan)
    if (outcome.verdict === 'exclude') return outcome
    for (const fact of this.#facts) {
      if (fact.rule >= outcome.rule) break
      if (fact.costly && fact.excludes(candidate)) outcome = this.#verdict(candidate, frame, fact.rule, scan)
    }
    return outcome
  }

  #verdict(candidate: Candidate, frame: Frame, rule: number, scan: number): Outcome {
    const includes = this.rules[rule]?.include
    // A wish to look inside counts when it comes before the rule that decides, and only against an exclude or nothing.
    if (scan >= rule || includes === true) {
      return { verdict: includes === false ? 'exclude' : 'include', rule, scan: Infinity, futile: false }
    }
    if (candidate.kind !== 'directory') return { verdict: 'exclude', rule, scan, futile: false }
    const futile = this.#isFutile(candidate.path, frame, rule)
    return { verdict: futile ? 'exclude' : 'scan', rule, scan, futile }
  }

  /** Whether everything below is excluded by `rule`, and no include before it can match anything there. */
  #isFutile(path: string, frame: Frame, rule: number): boolean {
    if (!this.goesDown(rule, path)) return false
    if (this.#regexps.some(({ rule: number }) => number < rule && this.rules[number]?.include)) return false
    const below = this.#child(frame, path)
    for (const node of below.plain) if (node !== undefined && node.lowestInclude < rule) return false
    return this.#automaton === undefined || this.#automaton.lowestInclude(below.globs) > rule
  }

  /** Whether a rule that matches this folder matches everything below it, too. */
  goesDown(rule: number, path: string): boolean {
    const matcher = this.rules[rule]?.matcher
    if (matcher?.kind === 'everything') return true
    // A name may match but for its last line feed: then what is below it does not.
    if (path.endsWith('\n')) return false
    return (
      matcher?.kind === 'plain' || (matcher?.kind === 'glob' && !(matcher.glob.directoryOnly && matcher.glob.crossing))
    )
  }

  /** Marks the plain rules that name this path as seen. */
  mark(path: string, verdict: Verdict): void {
    const frame = this.#enter(path)
    for (const [i, index] of this.#indexes.entries()) {
      const parent = frame.plain[i]
      if (parent?.children === undefined) continue
      for (const node of index.named(parent, path.slice(frame.start)))
        node.seen = verdict === 'exclude' ? 'excluded' : 'yes'
    }
  }

  /** Notes that an include can decide something. */
  enliven(number: number): void {
    const matcher = this.rules[number]?.matcher
    const place = this.places.get(number)
    if (place !== undefined) enlivenPlain(place, number)
    else if (matcher?.kind === 'glob') this.#trie.enliven(matcher.glob, number, matcher.ignoreCase)
  }

  /** The lowest rule with the same glob. */
  twin(number: number): number {
    const matcher = this.rules[number]?.matcher
    return matcher?.kind === 'glob' ? this.#trie.twin(matcher.glob, matcher.ignoreCase) : number
  }

  /** The frame of the folder that holds `path`. */
  #enter(path: string): Frame {
    let frame = this.#frame
    while (frame.parent !== undefined && !(path.charCodeAt(frame.start - 1) === 0x2f && path.startsWith(frame.path))) {
      frame = frame.parent
    }
    for (let slash; (slash = path.indexOf('/', frame.start)) >= 0;) frame = this.#child(frame, path.slice(0, slash))
    this.#frame = frame
    return frame
  }

  #child(parent: Frame, path: string): Frame {
    const name = path.slice(parent.start)
    let plainAbove = parent.plainAbove
    const plain = this.#indexes.map((index, i) => {
      const node = index.child(parent.plain[i], name)
      if (node !== undefined) plainAbove = Math.min(plainAbove, node.full, node.directory)
      return node
    })
    const text = `${path}/`
    return {
      parent,
      path,
      start: text.length,
      globs: this.#automaton?.feed(parent.globs, text, parent.start, text.length, false) ?? parent.globs,
      regexps: this.#regexps.map(({ automaton }, i) =>
        automaton.feed(parent.regexps[i] ?? automaton.start, text, parent.start, text.length, false),
      ),
      plain,
      plainAbove,
    }
  }

  #rootFrame(): Frame {
    const text = this.#prefix
    const automaton = this.#automaton ?? new GlobAutomaton(this.#trie)
    return {
      parent: undefined,
      path: '',
      start: 0,
      globs: automaton.feed(automaton.start, text, 0, text.length, false),
      regexps: this.#regexps.map(({ automaton }) => automaton.feed(automaton.start, text, 0, text.length, false)),
      plain: this.#indexes.map(({ root }) => root),
      plainAbove: Infinity,
    }
  }
}

function factRule(rule: number, matcher: Rule['matcher'], rootDevice: number | undefined): FactRule {
  switch (matcher.kind) {
    case 'device-files':
      return { rule, costly: false, excludes: ({ kind }) => kind === 'character-device' || kind === 'block-device' }
    case 'other-filesystems':
      if (rootDevice === undefined) {
        throw new TypeError(
          'Cannot use --exclude-other-filesystems: the file system of the root, rootDevice, is not given',
        )
      }
      return { rule, costly: false, excludes: ({ device }) => device !== undefined && device !== rootDevice }
    case 'older-than': {
      const limitMs = matcher.seconds * 1000
      const excludes = ({ kind, mtimeMs }: Candidate): boolean =>
        kind === 'file' && mtimeMs !== undefined && mtimeMs < limitMs
      return { rule, costly: false, excludes }
    }
    case 'if-present':
      return { rule, costly: true, excludes: (each) => each.kind === 'directory' && each.has?.(matcher.name) === true }
    default:
      throw new TypeError(`Cannot ask for ${matcher.kind}: it is found by name`)
  }
}
