/**
 * What acts on a screen instead of being seen: controls, separators of lines, and all that is invisible or reorders its
 * neighbours. Names are escaped where they are put into a sentence; this is for sentences that come from elsewhere.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u
const everyUnseen = new RegExp(unseen, 'gu')

/** The text with what is not seen written out. Lines stay lines, and tabs are kept. */
export function visible(text: string): string {
  if (!unseen.test(text)) return text
  return text.replace(everyUnseen, (char) => (char === '\n' || char === '\t' ? char : escaped(char)))
}

/** The same, on one line: a sentence of which a part may have come from outside. */
export function oneLine(text: string): string {
  return visible(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

function escaped(char: string): string {
  const point = char.codePointAt(0)!
  return point < 0x80 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`
}
