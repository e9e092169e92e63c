/** The folder at the top. */
export const rootKey = 'myfiles'

/** The folder that trashed things lie in. */
export const trashKey = 'trash'

/** What a call takes at most (facts: 3.6). */
const mostKeys = 500

/**
 * The keys in groups that a call can take.
 *
 * @throws TypeError when one cannot be a key: empty, or with something in it that would be read as more than one.
 */
export function keyGroups(keys: string | readonly string[]): string[][] {
  const all = typeof keys === 'string' ? [keys] : [...keys]
  for (const key of all) requireKey(key)
  const groups: string[][] = []
  for (let at = 0; at < all.length; at += mostKeys) groups.push(all.slice(at, at + mostKeys))
  return groups
}

/** @throws TypeError */
export function requireKey(key: string): string {
  if (!/^[a-z0-9]{1,64}$/i.test(key)) throw new TypeError(`Cannot use "${key}" as a key: keys are letters and digits`)
  return key
}
