import { RepositoryError } from '@coalmine/repository'
import type { BackupSet } from '@coalmine/volume-format'
import { expect, it } from 'vitest'
import { chooseAhead } from './ahead.ts'

const reading = (...sizes: number[]) => {
  const volumes = new Map(sizes.map((size, at) => [at + 1, { key: `${at}`, size }]))
  return { set: { volumes } as unknown as BackupSet, numbers: sizes.map((_, at) => at + 1) }
}

const spool = (free: number) => ({
  requireSpoolSpace(bytes: number) {
    if (bytes > free) throw new RepositoryError('no-space', `Cannot keep ${bytes} bytes: ${free} are free`)
  },
})

it('chooseAhead() chooses sets with more than one volume, four at most, those with the most first', () => {
  const many = [reading(1, 1), reading(1), reading(1, 1, 1), reading(1, 1, 1), reading(1, 1, 1), reading(1, 1, 1, 1)]
  expect(chooseAhead(spool(100), many)).toEqual([false, false, true, true, true, true])
  expect(chooseAhead(spool(100), many.slice(0, 3))).toEqual([true, false, true])
  expect(chooseAhead(spool(100), [])).toEqual([])
})

it('chooseAhead() goes by the room in the spool', () => {
  const two = [reading(10, 20), reading(5, 5, 5)]
  // 20 and 5 at a time; 30 and 10 with what is fetched ahead.
  expect(chooseAhead(spool(40), two)).toEqual([true, true])
  expect(chooseAhead(spool(39), two)).toEqual([false, true])
  expect(chooseAhead(spool(29), two)).toEqual([false, false])
  expect(() => chooseAhead(spool(24), two)).toThrow('25 bytes')
  const broken = {
    requireSpoolSpace(bytes: number) {
      if (bytes > 25) throw new TypeError('no function')
    },
  }
  expect(() => chooseAhead(broken, two)).toThrow('no function')
})
