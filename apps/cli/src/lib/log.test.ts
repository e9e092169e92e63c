import type { RawPath } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { quotePath } from './log.ts'

describe('quotePath()', () => {
  // Judge: Python's unicode-escape of the name decoded with surrogateescape.
  it.each([
    ['plain', "'plain'"],
    ["it's", "'it\\x27s'"],
    ['new\nline\ttab\\', "'new\\nline\\ttab\\\\'"],
    [Buffer.from('ünï').toString('latin1'), "'\\xfcn\\xef'"],
    [Buffer.from('日本').toString('latin1'), "'\\u65e5\\u672c'"],
    [Buffer.from('😀').toString('latin1'), "'\\U0001f600'"],
    ['bad\xff\xfe', "'bad\\udcff\\udcfe'"],
    ['', "'.'"],
  ])('%j', (path, quoted) => expect(quotePath(path as RawPath)).toBe(quoted))
})
