import { GlobAutomaton, type GlobEvent, type GlobState } from './glob-automaton.ts'
import { GlobTrie } from './glob-trie.ts'
import { defaultWeight } from './lazy-automaton.ts'
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

const noEvents: readonly GlobEvent[] = []

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
  /** Of the last path. */
  readonly #found: PlainNode[] = []
  readonly #outcome: Outcome = { verdict: 'include', rule: Infinity, scan: Infinity, futile: false }

  constructor(rules: readonly Rule[], root: string, rootDevice: number | undefined) {
    this.rules = rules
    this.#prefix = rootPrefix(root)
    const everything = rules.findIndex(({ matcher }) => matcher.kind === 'everything')
    this.#everything = everything < 0 ? Infinity : everything
    const indexes = new Map<PlainForm, PlainIndex>()
    // Many expressions share the memory of one.
    const weight = defaultWeight / Math.max(1, rules.filter(({ matcher }) => matcher.kind === 'regexp').length)
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
          this.#regexps.push({ rule: number, automaton: new RegexpAutomaton(matcher.program, weight) })
          break
        default:
          this.#facts.push(factRule(number, matcher, rootDevice))
      }
    }
    this.#automaton = this.#trie.isEmpty ? undefined : new GlobAutomaton(this.#trie)
    this.#frame = this.#rootFrame()
  }

  /**
   * What the rules before number `limit` say; good until the next call. Facts of a folder that cost reading it are asked for
   * only if it would be entered otherwise.
   */
  evaluate(candidate: Candidate, limit = Infinity): Readonly<Outcome> {
    const frame = this.#enter(candidate.path)
    let rule = Math.min(limit, this.#everything, frame.plainAbove)
    let scan = Infinity
    const isDirectory = candidate.kind === 'directory'

    this.#findPlain(frame, candidate.path)
    for (const node of this.#found) {
      if (node.full < rule) rule = node.full
      if (isDirectory && node.directory < rule) rule = node.directory
      if (node.scan < scan) scan = node.scan
    }
    const event = this.#globEvents(frame, candidate.path)
    for (let i = 0; i < event.length; i++) {
      const { rule: number, kind } = event[i]!
      if (number >= rule) break
      if (kind === 'scan') scan = Math.min(scan, number)
      else if (kind === 'match' || isDirectory) {
        rule = number
        break
      }
    }
    rule = this.#regexpRule(frame, candidate.path, rule)
    for (const fact of this.#facts) {
      if (fact.rule >= rule) break
      if (!fact.costly && fact.excludes(candidate)) rule = fact.rule
    }

    this.#judge(candidate, frame, rule >= limit ? Infinity : rule, scan >= limit ? Infinity : scan)
    if (this.#outcome.verdict !== 'exclude') {
      for (const fact of this.#facts) {
        if (fact.rule >= this.#outcome.rule) break
        if (fact.costly && fact.excludes(candidate)) this.#judge(candidate, frame, fact.rule, scan)
      }
    }
    return this.#outcome
  }

  /** Notes what was decided about the path that was just evaluated, where plain rules name it. */
  mark(verdict: Verdict): void {
    for (const node of this.#found) node.seen = verdict === 'exclude' ? 'excluded' : 'yes'
  }

  /** The places of plain rules that have this name. */
  #findPlain(frame: Frame, path: string): void {
    if (this.#found.length > 0) this.#found.length = 0
    for (let i = 0; i < this.#indexes.length; i++) {
      const parent = frame.plain[i]
      if (parent?.children === undefined) continue
      this.#indexes[i]!.find(parent, path.slice(frame.start), this.#found)
    }
  }

  #globEvents(frame: Frame, path: string): readonly GlobEvent[] {
    const automaton = this.#automaton
    if (automaton === undefined) return noEvents
    return automaton.events(automaton.feed(frame.globs, path, frame.start, path.length, true))
  }

  /** The lowest regular expression below `rule` that is found, or `rule`. */
  #regexpRule(frame: Frame, path: string, rule: number): number {
    for (let i = 0; i < this.#regexps.length; i++) {
      const { rule: number, automaton } = this.#regexps[i]!
      if (number >= rule) break
      const state = automaton.feed(frame.regexps[i]!, path, frame.start, path.length, true)
      if (automaton.matches(state)) return number
    }
    return rule
  }

  #judge(candidate: Candidate, frame: Frame, rule: number, scan: number): void {
    const outcome = this.#outcome
    const includes = rule === Infinity ? undefined : this.rules[rule]!.include
    outcome.rule = rule
    outcome.scan = Infinity
    outcome.futile = false
    // A wish to look inside counts when it comes before the rule that decides, and only against an exclude or nothing.
    if (scan >= rule || includes === true) {
      outcome.verdict = includes === false ? 'exclude' : 'include'
      return
    }
    outcome.scan = scan
    outcome.futile = candidate.kind === 'directory' && this.#isFutile(candidate.path, frame, rule)
    outcome.verdict = outcome.futile || candidate.kind !== 'directory' ? 'exclude' : 'scan'
  }

  /** Whether everything below is excluded by `rule`, and no include before it can match anything there. */
  #isFutile(path: string, frame: Frame, rule: number): boolean {
    if (rule === Infinity) return false
    const below = this.#child(frame, path)
    if (!this.#takesBelow(rule, below)) return false
    if (this.#regexps.some(({ rule: number }) => number < rule && this.rules[number]?.include)) return false
    for (const node of below.plain) if (node !== undefined && node.lowestInclude < rule) return false
    return this.#automaton === undefined || this.#automaton.lowestInclude(below.globs) > rule
  }

  /** Whether a rule that matches this folder matches everything below it, too. */
  goesDown(rule: number, path: string): boolean {
    return this.#takesBelow(rule, this.#child(this.#enter(path), path))
  }

  /** Whether `rule`, or one before it, matches whatever lies in a folder: not all that match the folder do. */
  #takesBelow(rule: number, below: Frame): boolean {
    if (Math.min(this.#everything, below.plainAbove, below.globs.above) <= rule) return true
    return this.#regexps.some(({ rule: number }, i) => number <= rule && below.regexps[i]?.matched)
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
      return {
        rule,
        costly: false,
        excludes: ({ device = Number.NaN }) => device !== rootDevice && !Number.isNaN(device),
      }
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
