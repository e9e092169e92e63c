declare const raw: unique symbol

/**
 * A path or name as it is on disk: bytes, carried as a string with one char (0..255) per byte ("latin1"). Components
 * are joined by `/`; the root of a tree is the empty string. It compares, sorts and hashes as fast as any string and
 * loses nothing.
 */
export type RawPath = string & { readonly [raw]: true }

/** The raw form of bytes. */
export function rawFromBytes(bytes: Uint8Array): RawPath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') as RawPath
}

/** The raw form of text, as its UTF-8 bytes. */
export function rawFromText(text: string): RawPath {
  return Buffer.from(text, 'utf8').toString('latin1') as RawPath
}

/** The bytes of a raw path, as file systems take them. */
export function rawToBytes(path: RawPath): Buffer {
  return Buffer.from(path, 'latin1')
}

/** `parent/name`. An empty one is the root of a tree: it adds nothing. */
export function joinPath(parent: RawPath, name: RawPath): RawPath {
  if (name === '') return parent
  return (parent === '' ? name : `${parent}/${name}`) as RawPath
}

/** The path of the folder that holds `path`; the root's is `undefined`. */
export function parentPath(path: RawPath): RawPath | undefined {
  if (path === '') return undefined
  const slash = path.lastIndexOf('/')
  return (slash < 0 ? '' : path.slice(0, slash)) as RawPath
}

/** Whether `path` is `ancestor` or lies below it. */
export function isBelow(path: RawPath, ancestor: RawPath): boolean {
  return ancestor === '' || path === ancestor || (path.startsWith(ancestor) && path.charCodeAt(ancestor.length) === 47)
}

/**
 * The order of archives: component by component, each as unsigned bytes, a folder before what it holds. Not the order
 * of the joined strings: `a`, `a/z`, `a.b`.
 */
export function comparePaths(a: RawPath, b: RawPath): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    // The end of a component comes before any byte that could go on with it.
    if (x !== y) return x === 47 ? -1 : y === 47 ? 1 : x - y
  }
  return a.length - b.length
}
