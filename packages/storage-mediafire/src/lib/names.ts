/**
 * Why MediaFire cannot have a file or folder of that name, as the end of a sentence; `undefined` when it can. A name that it
 * would refuse, or change, is refused before a call.
 */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'MediaFire has no names that are empty'
  if (name === '.' || name === '..') return 'it stands for a folder'
  const [char] = /[/\\:*?"<>|]/.exec(name) ?? []
  if (char !== undefined) return `MediaFire has no names with ${char} in them`
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return 'MediaFire has no names with control characters in them'
  if (/\p{Surrogate}/u.test(name)) return 'it is no proper text'
  if (Array.from(name).length > 255) return 'MediaFire has no names of more than 255 characters'
  return undefined
}

/** What names have in common that a service which does not look at case takes for one. */
export function foldedName(name: string): string {
  return name.normalize('NFC').toLowerCase()
}
