import { describe, expect, it } from 'vitest'
import { splitCommand } from './passphrase.ts'

describe('splitCommand()', () => {
  // Judge: Python's shlex.split.
  it.each([
    ['pass show backup', ['pass', 'show', 'backup']],
    [`a 'b c' "d 'e'"`, ['a', 'b c', "d 'e'"]],
    [String.raw`a\ b \"c`, ['a b', '"c']],
    [`x '' y`, ['x', '', 'y']],
    ['$HOME `id` *', ['$HOME', '`id`', '*']],
  ])('%s', (command, words) => expect(splitCommand(command)).toEqual(words))

  it('refuses a quote that is not closed', () => {
    expect(() => splitCommand("a 'b")).toThrow("a ' is not closed")
  })
})
