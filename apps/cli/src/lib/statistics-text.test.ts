import { describe, expect, it } from 'vitest'
import { byteText, durationText } from './statistics-text.ts'

// The expected words are those of duplicity 0.8.22 for the same numbers.
describe('byteText()', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1023, '1023 bytes'],
    [1024, '1.00 KB'],
    [8199, '8.01 KB'],
    [4_781_901, '4.56 MB'],
    [104_857_600, '100 MB'],
    [1_073_741_824, '1.00 GB'],
  ])('%d is %s', (bytes, text) => expect(byteText(bytes)).toBe(text))
})

describe('durationText()', () => {
  it.each([
    [1.02, '1.02 seconds'],
    [0, '0.00 seconds'],
    [60, '1 minute'],
    [3723.5, '1 hour 2 minutes 3.50 seconds'],
  ])('%d is %s', (seconds, text) => expect(durationText(seconds)).toBe(text))
})
