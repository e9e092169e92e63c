import { type Collection, collectSets } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { collectionWarnings, formatCollection } from './collection-text.ts'

// Line for line what duplicity 0.8.22 and 3.0.4 say of such storages; tooling/interop compares with the programs.

const day = (number: number) => `202311${number}T000000Z`

function collectionOf(names: readonly string[]): Collection {
  return collectSets(names.map((key) => ({ key, size: 1 })))
}

function full(number: number): string[] {
  const time = day(number)
  return [
    `duplicity-full-signatures.${time}.sigtar.gz`,
    `duplicity-full.${time}.manifest`,
    `duplicity-full.${time}.vol1.difftar.gz`,
  ]
}

function inc(from: number, to: number): string[] {
  const times = `${day(from)}.to.${day(to)}`
  return [
    `duplicity-new-signatures.${times}.sigtar.gz`,
    `duplicity-inc.${times}.manifest`,
    `duplicity-inc.${times}.vol1.difftar.gz`,
  ]
}

describe('collectionWarnings()', () => {
  it('finds nothing to warn of where everything fits, nor where nothing is', () => {
    expect(collectionWarnings(collectionOf([...full(10), ...inc(10, 11), ...full(12)]), '3')).toEqual([])
    expect(collectionWarnings(collectionOf([]), '3')).toEqual([])
  })

  it('names orphans, in the singular and plural of either generation', () => {
    const one = collectionOf([...full(10), ...inc(11, 12)])
    expect(collectionWarnings(one, '0.8').map(({ code, text }) => [code, text.split('\n')])).toEqual([
      [2, ['Warning, found the following remote orphaned signature file:', inc(11, 12)[0]]],
      [6, ['Warning, found the following orphaned backup file:', `[${inc(11, 12)[1]}, ${inc(11, 12)[2]}]`]],
    ])
    const two = collectionOf([...full(10), ...inc(11, 12), ...inc(12, 13)])
    expect(collectionWarnings(two, '0.8').map(({ text }) => text.split('\n')[0])).toEqual([
      'Warning, found the following remote orphaned signature files:',
      'Warning, found the following orphaned backup files:',
    ])
    expect(collectionWarnings(two, '3').map(({ text }) => text.split('\n')[0])).toEqual([
      'Warning, found the following remote orphaned signature file(s):',
      'Warning, found the following orphaned backup file(s):',
    ])
  })

  it('tells of sets without a manifest, and of signatures that then lead nowhere', () => {
    const names = full(10).filter((name) => !name.endsWith('.manifest'))
    expect(collectionWarnings(collectionOf(names), '3').map(({ code }) => code)).toEqual([4, 5])
  })

  it('tells of a last set that lacks its signatures', () => {
    const names = [...full(10), ...inc(10, 11), ...inc(11, 12).slice(1)]
    expect(collectionWarnings(collectionOf(names), '3').map(({ code }) => code)).toEqual([1, 5])
  })
})

describe('formatCollection()', () => {
  it('says both what is orphaned and what is incomplete, also when one of them is nothing', () => {
    const orphaned = formatCollection(collectionOf([...full(10), ...inc(11, 12)]), '/a', '0.8')
    expect(orphaned.text.split('\n').slice(-3)).toEqual([
      'Also found 1 backup set not part of any chain,',
      'and 0 incomplete backup sets.',
      'These may be deleted by running duplicity with the "cleanup" command.',
    ])
    const incomplete = formatCollection(collectionOf([...full(10), inc(10, 11)[2]!]), '/a', '3')
    expect(incomplete.text.split('\n').slice(-3, -1)).toEqual([
      'Also found 0 backup set(s) not part of any chain,',
      'and 1 incomplete backup set(s).',
    ])
    expect(incomplete.data.slice(-2)).toEqual(['orphaned-sets-num 0', 'incomplete-sets-num 1'])
  })
})
