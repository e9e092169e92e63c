import { collectSets, matchChains } from '@coalmine/volume-format'
import { expect, it } from 'vitest'
import { collectCommitted } from './collect-committed.ts'

const [a, b, c] = ['20240101T000000Z', '20240102T000000Z', '20240103T000000Z']
const full = [
  `duplicity-full.${a}.vol1.difftar`,
  `duplicity-full.${a}.manifest`,
  `duplicity-full-signatures.${a}.sigtar`,
]
const uncommitted = [`duplicity-inc.${a}.to.${b}.vol1.difftar`, `duplicity-new-signatures.${a}.to.${b}.sigtar`]
const committed = [
  `duplicity-inc.${a}.to.${c}.vol1.difftar`,
  `duplicity-new-signatures.${a}.to.${c}.sigtar`,
  `duplicity-inc.${a}.to.${c}.manifest`,
]
const objects = (...keys: string[]) => keys.map((key) => ({ key, size: 1 }))

it('collectCommitted() takes signatures of a set without its manifest out of the chains, and keeps them for cleanup', () => {
  const half = objects(...full, ...uncommitted)
  // What the format says: nothing goes with the chain of signatures, and no increment is possible.
  expect(matchChains(collectSets(half)).signatures).toBeUndefined()
  const collection = collectCommitted(half, undefined)
  expect(matchChains(collection).signatures?.sets).toHaveLength(1)
  expect(collection.orphanedSignatures.map(({ object }) => object.key)).toEqual([uncommitted[1]])
  expect(collection.incompleteSets).toHaveLength(1)

  // Nor do they take the place of those of the set that was stored after it.
  const later = collectCommitted(objects(...full, ...uncommitted, ...committed), undefined)
  expect(matchChains(later).signatures?.sets.map(({ object }) => object.key)).toEqual([full[2], committed[1]])
})

it('collectCommitted() is collectSets() where every set has its manifest, or none of its volumes', () => {
  for (const keys of [[...full], [...full, ...committed], [full[2]!], [...full, uncommitted[1]!], []]) {
    expect(collectCommitted(objects(...keys), undefined)).toEqual(collectSets(objects(...keys)))
  }
})
