import { isMainThread } from 'node:worker_threads'
import type { Select, Selector, Verdict } from '../src/index.ts'

export interface Data {
  /** By path. */
  readonly named?: Readonly<Record<string, Verdict>>
  readonly other?: Verdict
  /** Throws at this path. */
  readonly failsAt?: string
  /** What goes wrong before the walk begins. */
  readonly fails?: boolean
  /** A folder with an entry of this name is excluded. */
  readonly marker?: string
}

/** Decides by path, as a function that lives in the test does. */
export function selectBy({ named = {}, other = 'include', failsAt, marker }: Data): Select {
  return (found) => {
    if (found.path === failsAt) throw new Error('no idea')
    if (marker !== undefined && found.has(marker)) return 'exclude'
    return named[found.path] ?? other
  }
}

export async function createSelector(told: unknown = {}): Promise<Selector> {
  const data = told as Data
  if (data.fails === true) throw new Error('no such rules')
  const select = selectBy(data)
  let asked = 0
  return {
    select(found) {
      asked += 1
      return select(found)
    },
    summary: () => ({ asked, here: isMainThread }),
  }
}
