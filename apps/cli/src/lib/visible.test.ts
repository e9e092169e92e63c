import { describe, expect, it } from 'vitest'
import { oneLine, visible } from './visible.ts'

describe('visible()', () => {
  it('lets lines, tabs and letters through, and writes out whatever acts on a terminal', () => {
    expect(visible('two\n\tlines: äß日本☃')).toBe('two\n\tlines: äß日本☃')
    expect(visible('\x1b[31m\r\x07\x00\x7f')).toBe('\\x1b[31m\\x0d\\x07\\x00\\x7f')
    expect(visible('\u0085\u009b31m')).toBe('\\u{85}\\u{9b}31m')
    for (let point = 0; point < 0x110000; point++) {
      if (point >= 0xd800 && point < 0xe000) continue
      const char = String.fromCodePoint(point)
      if (char === '\n' || char === '\t' || !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(char)) continue
      expect(visible(`a${char}b`)).toMatch(/^a\\[xu][{}0-9a-f]+b$/)
      expect(oneLine(char)).toMatch(/^\\[xu][{}0-9a-f]+$/)
    }
  })

  it('of what comes from outside makes one line', () => {
    expect(oneLine('a\nERROR 1\t\u202eb')).toBe('a\\nERROR 1\\t\\u{202e}b')
  })
})
