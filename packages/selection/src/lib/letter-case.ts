/**
 * Upper and lower case as Python has them: single characters under `re.IGNORECASE`, whole texts under `str.lower` and
 * `str.casefold`.
 */

import { fromText, toText } from './text.ts'

/** Simple lower case of one character. Only U+0130 has a longer full form. */
function lower(code: number): number {
  if (code < 0x80) return code >= 65 && code <= 90 ? code + 32 : code
  if (code === 0x130) return 0x69
  return String.fromCodePoint(code).toLowerCase().codePointAt(0) ?? code
}

/** Characters whose upper case has several characters, and is that of another one too. */
const twins = new Map([
  [0x1fd3, 0x390],
  [0x1fe3, 0x3b0],
  [0xfb05, 0xfb06],
])

/**
 * A number that two characters share exactly when Python's `re.IGNORECASE` takes one for the other: equal in lower case,
 * or their lower cases equal in upper case (so `i`, `I`, `ı` and `İ` are one).
 */
export function caseKey(code: number): number {
  if (code < 0x80) return code >= 97 && code <= 122 ? code - 32 : code
  const small = lower(code)
  const upper = String.fromCodePoint(small).toUpperCase()
  const key = upper.codePointAt(0) ?? small
  // Not one character (ß, ŉ): stands for itself.
  return upper.length === (key > 0xffff ? 2 : 1) ? key : (twins.get(small) ?? small)
}

/** Letters of ASCII that have more than one other form: the dotless and the dotted i, the Kelvin sign, the long s. */
const asciiGroups = new Map([
  [0x49, [0x49, 0x69, 0x130, 0x131]],
  [0x4b, [0x4b, 0x6b, 0x212a]],
  [0x53, [0x53, 0x73, 0x17f]],
])

let groups: Map<number, number[]> | undefined

/** All characters that `re.IGNORECASE` takes for this one, itself included. */
export function caseGroup(code: number): readonly number[] {
  if (code < 0x80) {
    const upper = caseKey(code)
    return asciiGroups.get(upper) ?? (upper >= 65 && upper <= 90 ? [upper, upper + 32] : [code])
  }
  if (groups === undefined) {
    groups = new Map()
    // No character above has a case.
    for (let each = 0; each < 0x1f000; each++) {
      if (each >= 0x3400 && each <= 0xa63f) continue
      if (each >= 0xac00 && each <= 0xfaff) continue
      const key = caseKey(each)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [each])
      else group.push(each)
    }
    for (const [key, group] of groups) if (group.length === 1) groups.delete(key)
  }
  return groups.get(caseKey(code)) ?? [code]
}

/** Python's `str.casefold` of one character. */
function casefoldOne(code: number): readonly number[] {
  if (code < 0x80) return [code >= 65 && code <= 90 ? code + 32 : code]
  // Dotless i stays, and Cherokee folds to its older, upper case letters.
  if (code === 0x131) return [code]
  const char = String.fromCodePoint(code)
  if ((code >= 0x13a0 && code <= 0x13fd) || (code >= 0xab70 && code <= 0xabbf)) return fromText(char.toUpperCase())
  return fromText(char.toLowerCase().toUpperCase().toLowerCase())
}

/** Python's `str.casefold`. */
export function casefold(codes: readonly number[]): number[] {
  return codes.flatMap((code) => casefoldOne(code))
}

/** Python's `str.lower`. */
export function lowercase(codes: readonly number[]): number[] {
  return fromText(toText(codes).toLowerCase())
}
