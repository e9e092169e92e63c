import type { RawPath } from '@coalmine/bytes'
import { codeOf, isOutside, messageOf, toFileTreeError } from './errors.ts'
import { isFatal, type WriteEntry, type WriteProblem } from './write-entry.ts'

export type Operation = WriteProblem['operation']

const verbs = {
  name: 'write',
  place: 'write',
  create: 'create',
  write: 'write',
  owner: 'set the owner of',
  mode: 'set the mode of',
  time: 'set the time of',
} as const

/** Decides what a failure means: for one entry it is told, for all of them it is thrown. */
export class Reporter {
  readonly #onProblem: (problem: WriteProblem) => void

  constructor(onProblem: (problem: WriteProblem) => void) {
    this.#onProblem = onProblem
  }

  /** What the call returns; `undefined` when it failed, and that was told. */
  attempt<T>(entry: WriteEntry, operation: Operation, call: () => T): { value: T } | undefined {
    try {
      return { value: call() }
    } catch (error) {
      this.tell(entry.path, operation, error)
      return undefined
    }
  }

  /** @throws FileTreeError what concerns more than this entry, and mistakes of the program as they are. */
  tell(path: RawPath, operation: Operation, error: unknown, verb: string = verbs[operation]): void {
    if (!isOutside(error)) throw error
    const code = codeOf(error)
    if (isFatal(code)) throw toFileTreeError(error, verb, path, operation)
    this.#pass(path, operation, error, verb)
  }

  /** For cleaning up: nothing is thrown, because something else is on its way already. */
  tellAfterwards(path: RawPath, operation: Operation, error: unknown, verb: string): void {
    this.#pass(path, operation, error, verb)
  }

  #pass(path: RawPath, operation: Operation, error: unknown, verb: string): void {
    const written = operation === 'owner' || operation === 'mode' || operation === 'time'
    this.#onProblem({ path, operation, code: codeOf(error), message: messageOf(error, verb, path), written })
  }
}
