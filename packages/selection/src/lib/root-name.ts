/**
 * The source as patterns see it: without empty components and `.`, but with `..` and links as they were typed; `.` for
 * nothing else.
 */
export function canonicalRoot(typed: string): string {
  const components = typed.split('/').filter((each) => each !== '' && each !== '.')
  const joined = components.join('/')
  return typed.startsWith('/') ? `/${joined}` : joined || '.'
}

/** What stands before the path of an entry in the name that patterns see. */
export function rootPrefix(root: string): string {
  return root === '/' ? '/' : `${root}/`
}

/**
 * Where a pattern without wildcards lies: in the root, by components; at or above it; at neither, but duplicity lets it
 * pass; or elsewhere.
 */
export type PlainPlace = { kind: 'below'; components: string[] } | { kind: 'above' } | { kind: 'nowhere' } | undefined

/** Compares a pattern with the root, both in the form in which they are compared. */
export function placeOf(pattern: string, root: string, finalNewline: boolean): PlainPlace {
  const prefix = rootPrefix(root)
  if (pattern.startsWith(prefix)) return { kind: 'below', components: pattern.slice(prefix.length).split('/') }
  if (pattern === root || root.startsWith(`${pattern}/`)) return { kind: 'above' }
  // Python's $ holds before a line feed that ends the root's name; but no name below has its end there.
  if (finalNewline && root.endsWith('\n') && `${pattern}/`.startsWith(`${root.slice(0, -1)}/`))
    return { kind: 'nowhere' }
  return undefined
}
