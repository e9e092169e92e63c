import { type RawPath, rawFromText, rawToBytes } from '@coalmine/bytes'
import type { SigTarEntry } from '@coalmine/volume-format'

// Controls above ASCII and all that is invisible: JSON leaves them as they are, and a terminal would act on them.
const unseen = /[\x7f\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** A value as a line of JSON, safe for a terminal. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value).replace(unseen, escaped)}\n`
}

/** A value on lines of their own, as Python writes it: nothing but ASCII. */
export function jsonPage(value: unknown): string {
  return JSON.stringify(value, undefined, 4).replaceAll(/[\x7f-\uffff]/g, escaped)
}

function escaped(char: string): string {
  return Array.from({ length: char.length }, (_, at) => {
    return `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`
  }).join('')
}

/**
 * A name of bytes as a member of an object. Bytes that are no UTF-8 cannot be said in JSON: then the text has U+FFFD for
 * them, and a second member `<member>Base64` has the name itself.
 */
export function nameFields(member: string, name: RawPath): Record<string, string> {
  const bytes = rawToBytes(name)
  const text = bytes.toString('utf8')
  if (rawFromText(text) === name) return { [member]: text }
  return { [member]: text, [`${member}Base64`]: bytes.toString('base64') }
}

/** What the signatures say of an entry, beside its path. */
export function metaFields({ meta }: SigTarEntry): Record<string, unknown> {
  const { kind, mode, uid, gid, userName, groupName, mtimeSeconds, linkTarget, devMajor, devMinor } = meta!
  return {
    kind,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    ...nameFields('user', userName as RawPath),
    ...nameFields('group', groupName as RawPath),
    mtimeSeconds,
    ...(linkTarget === undefined ? {} : nameFields('linkTarget', linkTarget)),
    ...(devMajor === undefined ? {} : { devMajor, devMinor }),
  }
}
