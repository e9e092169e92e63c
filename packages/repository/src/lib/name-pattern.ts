import { type RawPath, rawToBytes } from '@coalmine/bytes'

/** One step of a pattern: a class of characters, or how many of which characters may come. */
type Step =
  | { readonly type: 'one'; readonly fits: (point: number) => boolean }
  /** Any number of characters; of a slash only when `deep`. */
  | { readonly type: 'any'; readonly deep: boolean }

const slash = 0x2f
const openBracket = 0x5b

/**
 * A test of paths by a shell pattern: `*` and `?` stay within a name, `**` goes across folders, `[a-z]` and `[!a]` are
 * classes, a backslash takes the next character as it is. A pattern without a slash is compared with the last name of a
 * path, any other with the whole path. The root is `.`.
 *
 * Characters are those of UTF-8; a byte that is none is one by itself. The time for a path grows with its length times that
 * of the pattern, whatever they are.
 */
export function createNamePattern(pattern: RawPath): (path: RawPath) => boolean {
  const stripped = pattern.replace(/^\/+|\/+$/g, '')
  const isDeep = stripped.includes('/') || stripped.includes('**')
  // A path begins with a slash then, so that `**/name` is found at the top, too.
  const steps = stepsOf(pointsOf(isDeep && !stripped.startsWith('**') ? `/${stripped}` : stripped))
  return (path) => {
    const name = path === '' ? '.' : isDeep ? `/${path}` : path.slice(path.lastIndexOf('/') + 1)
    return matches(steps, pointsOf(name))
  }
}

/** All places of the pattern that can be reached, moved on character by character. */
function matches(steps: readonly Step[], points: readonly number[]): boolean {
  let active = reached(steps, [0])
  for (const point of points) {
    const next: number[] = []
    for (const at of active) {
      const step = steps[at]
      if (step === undefined) continue
      if (step.type === 'one') {
        if (step.fits(point)) next.push(at + 1)
      } else if (step.deep || point !== slash) {
        next.push(at)
      }
    }
    if (next.length === 0) return false
    active = reached(steps, next)
  }
  return active.has(steps.length)
}

/** With the places behind stars, which need no character. */
function reached(steps: readonly Step[], places: readonly number[]): Set<number> {
  const all = new Set<number>()
  for (const place of places) {
    for (let at = place; !all.has(at); at++) {
      all.add(at)
      if (steps[at]?.type !== 'any') break
    }
  }
  return all
}

function stepsOf(points: readonly number[]): Step[] {
  const steps: Step[] = []
  for (let at = 0; at < points.length; at++) {
    const char = points[at]! < 0x80 ? String.fromCharCode(points[at]!) : ''
    if (char === '*') {
      let end = at
      while (points[end + 1] === points[at]) end += 1
      steps.push({ type: 'any', deep: end > at })
      at = end
    } else if (char === '?') {
      steps.push({ type: 'one', fits: (point) => point !== slash })
    } else if (char === '[') {
      const found = classAt(points, at)
      steps.push({ type: 'one', fits: found?.fits ?? ((point) => point === openBracket) })
      at = found?.end ?? at
    } else {
      const literal = char === '\\' && at + 1 < points.length ? points[++at]! : points[at]!
      steps.push({ type: 'one', fits: (point) => point === literal })
    }
  }
  return steps
}

/** The class that begins at a bracket; nothing when it has no end: then the bracket is one. */
function classAt(
  points: readonly number[],
  start: number,
): { fits: (point: number) => boolean; end: number } | undefined {
  const isNot = points[start + 1] === 0x21 || points[start + 1] === 0x5e
  const first = start + (isNot ? 2 : 1)
  // A bracket that comes first is one of the characters.
  const end = points.indexOf(0x5d, first + 1)
  if (end < 0) return undefined
  const ranges: [number, number][] = []
  for (let at = first; at < end; at++) {
    const isRange = points[at + 1] === 0x2d && at + 2 < end
    ranges.push([points[at]!, points[isRange ? at + 2 : at]!])
    if (isRange) at += 2
  }
  const isIn = (point: number) => ranges.some(([from, to]) => from <= point && point <= to)
  return { fits: (point) => point !== slash && isIn(point) !== isNot, end }
}

const ascii = /^[\x00-\x7f]*$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// Bytes that are no UTF-8 stand behind all characters that there are.
const strayBytes = 0x110000

function pointsOf(raw: string): number[] {
  if (ascii.test(raw)) return Array.from(raw, (char) => char.charCodeAt(0))
  const bytes = rawToBytes(raw as RawPath)
  const points: number[] = []
  for (let at = 0; at < bytes.length;) {
    const length = lengthAt(bytes, at)
    points.push(length === 0 ? strayBytes + bytes[at]! : utf8.decode(bytes.subarray(at, at + length)).codePointAt(0)!)
    at += Math.max(1, length)
  }
  return points
}

/** The length of the character at a place, 0 when there is none. */
function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  try {
    return utf8.decode(bytes.subarray(at, at + length)).length > 0 ? length : 0
  } catch {
    // No UTF-8: a byte by itself.
    return 0
  }
}
