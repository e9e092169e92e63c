import { type RawPath, rawFromText } from '@coalmine/bytes'
import { createRandom } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { jsonLine, nameFields } from './json.ts'

describe('jsonLine()', () => {
  it('says what JSON.parse reads, on one line without anything that acts on a terminal (judge: JSON.parse)', () => {
    for (let from = 0; from < 0x110000; from += 0x400) {
      const points = Array.from({ length: 0x400 }, (_, at) => from + at)
      const words = [points.map((point) => String.fromCodePoint(point)).join('')]
      const line = jsonLine({ words })
      expect(line.endsWith('\n')).toBe(true)
      expect(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(line.slice(0, -1))).toBe(false)
      expect(JSON.parse(line)).toEqual({ words })
    }
    expect(jsonLine('\x7f\x9b\u202e\u{e0041}')).toBe('"\\u007f\\u009b\\u202e\\udb40\\udc41"\n')
  })
})

describe('nameFields()', () => {
  it('loses no byte of any name (judge: Buffer)', () => {
    const random = createRandom('names')
    for (let run = 0; run < 1000; run++) {
      const bytes = random.bytes(random.integer(0, 12))
      const raw = Buffer.from(bytes).toString('latin1') as RawPath
      const { path, pathBase64 } = nameFields('path', raw)
      const back = pathBase64 === undefined ? Buffer.from(path!) : Buffer.from(pathBase64, 'base64')
      expect(back.equals(Buffer.from(bytes))).toBe(true)
    }
    expect(nameFields('path', rawFromText('Grüße'))).toEqual({ path: 'Grüße' })
    expect(nameFields('path', '\xff' as RawPath)).toEqual({ path: '\ufffd', pathBase64: '/w==' })
  })
})
