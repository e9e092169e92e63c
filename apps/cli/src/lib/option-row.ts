import type { ActionName } from './action-table.ts'

/** What an option takes. */
export type OptionType = 'flag' | 'optional' | 'integer' | 'text' | 'path' | 'pair' | 'time' | 'verbosity'

export interface OptionRow {
  /** Long name without dashes. */
  readonly name: string
  readonly aliases?: readonly string[]
  /** One letter. */
  readonly short?: string
  readonly type: OptionType
  readonly argument?: string
  readonly help: string
  /** Actions in which it changes something; all when absent. */
  readonly actions?: readonly ActionName[]
  /** Smallest integer allowed. */
  readonly least?: number
  /** May be given again. */
  readonly repeatable?: boolean
  /** Left out of the help: for tests. */
  readonly hidden?: boolean
}
