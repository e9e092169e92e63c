import type { CharClass } from './char-class.ts'
import { type Place, type RegexpNode, RegexpProblem } from './regexp-syntax.ts'

/** A step of a program; numbers are places in it. */
export type Step =
  | { kind: 'set'; set: CharClass; next: number }
  | { kind: 'place'; place: Place; ascii: boolean; next: number }
  | { kind: 'fork'; next: number; other: number }
  | { kind: 'match' }

/** A regular expression as the steps of a machine that is in several places at once. */
export interface Program {
  steps: readonly Step[]
  start: number
}

/** A name has 255 bytes: `.{1,255}` has room, several times. */
const maxSteps = 10_000

/**
 * Unfolds a regular expression.
 *
 * @throws RegexpProblem `too-large`, before anything is unfolded.
 */
export function compileProgram(node: RegexpNode): Program {
  if (sizeOf(node) > maxSteps) {
    throw new RegexpProblem('too-large', `it unfolds to more than ${maxSteps} steps`, 0)
  }
  const steps: Step[] = [{ kind: 'match' }]
  const add = (step: Step): number => steps.push(step) - 1
  const build = (node: RegexpNode, next: number): number => {
    switch (node.kind) {
      case 'set':
        return add({ kind: 'set', set: node.set, next })
      case 'place':
        return add({ kind: 'place', place: node.place, ascii: node.ascii, next })
      case 'sequence':
        return node.items.reduceRight((after, item) => build(item, after), next)
      case 'choice':
        return node.options
          .map((option) => build(option, next))
          .reduceRight((other, each) => add({ kind: 'fork', next: each, other }))
      default: {
        let after = next
        if (node.max === Infinity) {
          const loop: Step = { kind: 'fork', next: 0, other: next }
          after = add(loop)
          loop.next = build(node.item, after)
        } else {
          for (let count = node.min; count < node.max; count++) {
            after = add({ kind: 'fork', next: build(node.item, after), other: next })
          }
        }
        for (let count = 0; count < node.min; count++) after = build(node.item, after)
        return after
      }
    }
  }
  const start = build(node, 0)
  return { steps, start }
}

function sizeOf(node: RegexpNode): number {
  switch (node.kind) {
    case 'set':
    case 'place':
      return 1
    case 'sequence':
      return node.items.reduce((sum, item) => sum + sizeOf(item), 1)
    case 'choice':
      return node.options.reduce((sum, option) => sum + sizeOf(option) + 1, 0)
    default:
      return (sizeOf(node.item) + 1) * (node.max === Infinity ? node.min + 1 : Math.max(node.max, 1))
  }
}
