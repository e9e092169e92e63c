/** A path as node:fs takes it. Strings are faster, and right as long as they are ASCII. */
export type Address = string | Buffer

const ascii = /^[\x00-\x7f]*$/

/** The address of a path that is carried with one char per byte. */
export function address(latin1: string): Address {
  return ascii.test(latin1) ? latin1 : Buffer.from(latin1, 'latin1')
}

/** The address of a name below something that is known to be ASCII: names are many, and only they need to be looked at. */
export function addressBelow(above: string, name: string): Address {
  return ascii.test(name) ? above + name : Buffer.from(above + name, 'latin1')
}

/** Whether a path can be told as a string. */
export function isAscii(latin1: string): boolean {
  return ascii.test(latin1)
}

/** The path of a caller, with one char per byte. */
export function latin1Of(path: string | Buffer): string {
  return (typeof path === 'string' ? Buffer.from(path, 'utf8') : path).toString('latin1')
}
