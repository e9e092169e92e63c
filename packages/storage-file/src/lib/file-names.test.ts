import { expect, it } from 'vitest'
import { isTemporary, parentOf, pathIn, temporaryName, windowsKeyProblem } from './file-names.ts'

it('pathIn() and parentOf() lose no byte', () => {
  const path = pathIn(Buffer.from('/caf\xe9', 'latin1'), 'é')
  expect(path.toString('latin1')).toBe('/caf\xe9/\xc3\xa9')
  expect(parentOf(path).toString('latin1')).toBe('/caf\xe9')
  expect(parentOf(Buffer.from('rel')).toString()).toBe('.')
  expect(parentOf(Buffer.from('/')).toString()).toBe('/')
})

it('temporaryName() is never twice the same', () => {
  expect(temporaryName()).toMatch(/^\.coalmine-tmp-[0-9a-f]{16}$/)
  expect(temporaryName()).not.toBe(temporaryName())
  expect(isTemporary(Buffer.from(temporaryName()))).toBe(true)
  expect(isTemporary(Buffer.from('.coalmine-lock'))).toBe(false)
})

it.each(['a\\b', '..\\x', 'a:b', 'C:', 'a*', 'nul', 'NUL.txt', 'com1', 'LPT9.x', 'dot.', 'space ', 'a|b', 'a\tb'])(
  'windowsKeyProblem() refuses %j',
  (key) => {
    expect(windowsKeyProblem(key)).toEqual(expect.any(String))
  },
)

it.each(['duplicity-full.20200102T030405Z.vol1.difftar.gpg', 'null', 'com', 'com10', 'a b', '.hidden', 'é'])(
  'windowsKeyProblem() lets %j be',
  (key) => {
    expect(windowsKeyProblem(key)).toBeUndefined()
  },
)
