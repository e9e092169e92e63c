import { MediaFireError, quoted } from './media-fire-error.ts'

const forbidden = /[/\\:*?"<>|]/

/**
 * Whether a file or folder can have that name. What MediaFire would refuse or quietly change is refused before a call.
 *
 * @throws MediaFireError `invalid`
 */
export function requireName(name: string, attempted: string): string {
  const state = complaint(name)
  if (state !== undefined) throw new MediaFireError('invalid', state, { attempted })
  return name
}

function complaint(name: string): string | undefined {
  if (name.trim() === '') return 'the name is empty'
  if (name === '.' || name === '..') return `no name can be "${name}"`
  const [char] = forbidden.exec(name) ?? []
  if (char !== undefined) return `a name cannot have ${char} in it`
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return 'a name cannot have control characters in it'
  if (/\p{Cs}/u.test(name)) return 'the name is not well-formed text'
  if (Array.from(name).length > 255) return 'a name cannot have more than 255 characters'
  return undefined
}

/** `upload "a.txt"` */
export function doing(verb: string, name: string): string {
  return `${verb} ${quoted(name)}`
}
