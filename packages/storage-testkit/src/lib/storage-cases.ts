import { generalPromises } from './general-promises.ts'
import { getPromises } from './get-promises.ts'
import type { StorageHarness } from './harness.ts'
import { keyPromises } from './key-promises.ts'
import { listPromises } from './list-promises.ts'
import { putFailurePromises } from './put-failure-promises.ts'
import { putPromises } from './put-promises.ts'
import { freshPrefix, Stage } from './stage.ts'

export interface StorageCase {
  /** The promise: the method, and what it does. */
  readonly name: string
  /** Rejects when the promise is not kept. */
  run(): Promise<void>
}

/**
 * Every promise of the storage interface as a case. Cases that need a hook the harness does not have are left out.
 *
 * @example
 * for (const c of storageCases({ open: async () => createMemoryStorage({ objects }) })) it(c.name, () => c.run())
 */
export function storageCases(harness: StorageHarness): StorageCase[] {
  const prefix = harness.keyPrefix ?? freshPrefix()
  const promises = [
    ...putPromises,
    ...putFailurePromises,
    ...getPromises,
    ...listPromises,
    ...keyPromises,
    ...generalPromises,
  ]
  return promises
    .filter(({ needs }) => needs === undefined || harness[needs] !== undefined)
    .map((promise, index) => ({
      name: promise.name,
      async run() {
        const stage = await Stage.open(harness, `${prefix}${index}-`)
        try {
          await promise.body(stage)
        } finally {
          await stage.end()
        }
      },
    }))
}
