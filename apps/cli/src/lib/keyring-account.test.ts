import { type RawPath, rawFromText } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { accountOf } from './keyring-account.ts'

const account = (operand: RawPath, name?: string) => accountOf(operand, { text: () => name })

describe('accountOf()', () => {
  it.each([
    ['docs', 'docs'],
    ['file:///mnt/backup', 'file:///mnt/backup'],
    ['file:///mnt/backup//', 'file:///mnt/backup'],
    ['file:///', 'file:///'],
    ['file://rel/@:x@y', 'file://rel/@:x@y'],
    ['mf://me@mediafire.com/b', 'mf://me@mediafire.com/b'],
    ['mf://me:secret@mediafire.com/b', 'mf://me@mediafire.com/b'],
    ['mf://me:sec/r@t@mediafire.com/b/', 'mf://me@mediafire.com/b'],
    ['mf://My Folder/ü', 'mf://My Folder/ü'],
  ])('%s: %s', (operand, expected) => {
    expect(account(rawFromText(operand))).toBe(expected)
  })

  it('is the name, where one is said', () => {
    expect(account(rawFromText('mf://me:secret@mediafire.com/b'), 'docs')).toBe('docs')
  })

  it('keeps bytes that are no text apart', () => {
    expect(account('file:///a\xff' as RawPath)).toBe('file:///a%ff')
    expect(account('file:///a\xfe' as RawPath)).not.toBe(account('file:///a\xff' as RawPath))
  })

  it('refuses nothing', () => {
    expect(() => account('' as RawPath)).toThrow('it is neither a URL nor a name')
  })
})
