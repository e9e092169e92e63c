import type { Selector } from '@coalmine/filetree'
import { compileSelection, type Selection, type SelectionOption, type SelectionWarning } from '@coalmine/selection'

/** A selection as it can cross to the thread that walks. */
export interface SelectionData {
  readonly options: readonly SelectionOption[]
  /** The source as it was typed. */
  readonly root: string
  readonly compat: '3' | '0.8'
  /** Of the source's file system. */
  readonly rootDevice: number
  /** What times on the command line mean, in epoch seconds: so that both threads mean the same. */
  readonly times: ReadonlyMap<string, number>
}

/** @throws SelectionError for rules that cannot be meant so. */
export function compile({ options, times, ...settings }: SelectionData): Selection {
  const dated = options.map((option) =>
    option.option === 'exclude-older-than' ? { ...option, seconds: times.get(option.value ?? '') } : option,
  )
  return compileSelection(dated, settings)
}

/** Makes the selection of a walk; what it has to say at the end are {@link SelectionWarning}s. */
export function createSelector(data: unknown): Selector {
  const { decide, warnings } = compile(data as SelectionData)
  return {
    // Whoever takes the entries says that sockets are left out.
    select: (found) => (found.kind === 'socket' ? 'include' : decide(found)),
    summary: (): SelectionWarning[] => warnings(),
  }
}
