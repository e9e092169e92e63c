/** A path as node:fs takes it. Strings are faster, and right as long as they are ASCII. */
export type Address = string | Buffer

const ascii = /^[\x00-\x7f]*$/

/** The address of a path that is carried with one char per byte. */
export function address(latin1: string): Address {
  return ascii.test(latin1) ? latin1 : Buffer.from(latin1, 'latin1')
}

/** The path of a caller, with one char per byte. */
export function latin1Of(path: string | Buffer): string {
  return (typeof path === 'string' ? Buffer.from(path, 'utf8') : path).toString('latin1')
}
