import { readFileSync } from 'node:fs'
import { type RawPath, rawFromBytes, rawFromText } from '@coalmine/bytes'

/**
 * The arguments of this process as raw bytes. Node decodes them as UTF-8 and loses what is none; where that has
 * happened, Linux still knows them.
 */
export function rawArguments(): RawPath[] {
  const decoded = process.argv.slice(2)
  if (decoded.some((word) => word.includes('\ufffd'))) {
    const whole = readProcess('cmdline')
    const words = whole === undefined ? [] : splitAtNul(whole)
    if (words.length >= decoded.length)
      return words.slice(words.length - decoded.length).map((word) => rawFromBytes(word))
  }
  return decoded.map((word) => rawFromText(word))
}

/** A variable of the environment as raw bytes; `undefined` when it is not set. */
export function rawEnvironment(name: string): Buffer | undefined {
  const decoded = process.env[name]
  if (decoded === undefined || !decoded.includes('\ufffd'))
    return decoded === undefined ? undefined : Buffer.from(decoded)
  const whole = readProcess('environ')
  const entry = whole && splitAtNul(whole).find((one) => one.subarray(0, name.length + 1).toString() === `${name}=`)
  return entry === undefined ? Buffer.from(decoded) : entry.subarray(name.length + 1)
}

function readProcess(file: 'cmdline' | 'environ'): Buffer | undefined {
  try {
    return readFileSync(`/proc/self/${file}`)
  } catch {
    // Not Linux, or no /proc: what Node decoded is all there is.
    return undefined
  }
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const words: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const nul = bytes.indexOf(0, at)
    const end = nul < 0 ? bytes.length : nul
    words.push(bytes.subarray(at, end))
    at = end + 1
  }
  return words
}
