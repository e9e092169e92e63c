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

/** `parent/name`; an empty parent is the root of the tree. */
export function joinPath(parent: RawPath, name: RawPath): RawPath {
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
    if (x !== y) return x === 47 ? -1 : y === 47 ? 1 : x - y
  }
  return a.length - b.length
}

// C0 and C1 controls, line separators, and the marks that reorder text on a screen.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const loose = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The path as text for people: decoded as UTF-8; control characters, marks that reorder text, backslashes before them
 * and bytes that are no UTF-8 are written as `\n`, `\t`, `\xHH` or `\u{HHHH}`. The root is `.`.
 */
export function displayPath(path: RawPath): string {
  if (path === '') return '.'
  if (/^[\x20-\x5b\x5d-\x7e]*$/.test(path)) return path
  const bytes = rawToBytes(path)
  let text: string
  try {
    text = strict.decode(bytes)
  } catch {
    // Not UTF-8 as a whole: the parts that are stay readable, the others are written as bytes.
    text = decodeMixed(bytes)
    return text
  }
  return escapeText(text)
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replace(unsafe, escapeChar)
}

function escapeChar(char: string): string {
  if (char === '\n') return '\\n'
  if (char === '\t') return '\\t'
  if (char === '\r') return '\\r'
  const code = char.codePointAt(0)!
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}

function decodeMixed(bytes: Uint8Array): string {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) {
      text += `\\x${bytes[at]!.toString(16).padStart(2, '0')}`
      at += 1
    } else {
      text += escapeText(loose.decode(bytes.subarray(at, at + length)))
      at += length
    }
  }
  return text
}

/** The length of the valid UTF-8 sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const length =
    first < 0x80
      ? 1
      : first >= 0xc2 && first < 0xe0
        ? 2
        : first >= 0xe0 && first < 0xf0
          ? 3
          : first >= 0xf0 && first < 0xf5
            ? 4
            : 0
  if (length === 0 || at + length > bytes.length) return 0
  try {
    strict.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    // The lead byte is right, what follows is not.
    return 0
  }
}
