export * from './peers.ts'
export { countPairs, expectedPairs, type Pair, type PairCount, pairTable } from './pairs.ts'
