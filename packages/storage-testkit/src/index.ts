export { type StorageCase, storageCases } from './lib/storage-cases.ts'
export type { StorageHarness } from './lib/harness.ts'
export { BrokenPromiseError } from './lib/broken-promise.ts'
export {
  type Fault,
  type FaultRule,
  type FaultyOperation,
  faultyStorage,
  type FaultyStorage,
} from './lib/faulty-storage.ts'
export { laggingStorage, type LagOptions } from './lib/lagging-storage.ts'
