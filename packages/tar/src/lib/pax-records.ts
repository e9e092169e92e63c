/** What pax records say about members; `undefined` is what they do not mention. Names are bytes, one char each. */
export interface PaxRecords {
  path?: string
  linkpath?: string
  uname?: string
  gname?: string
  /** Numbers are `null` when the record is empty: the header's own field then holds again. */
  uid?: number | null
  gid?: number | null
  size?: number | null
  mtime?: number | null
  /** The member is sparse in one of GNU's pax ways: its body is no file content as it stands. */
  sparse?: boolean
  /** The name of a sparse member; its `path` is made up. */
  sparseName?: string
}

/** The sentence's second half for a body that is no list of records. */
export class PaxProblem {
  readonly code: 'corrupt' | 'too-large'
  readonly how: string
  constructor(code: 'corrupt' | 'too-large', how: string) {
    this.code = code
    this.how = how
  }
}

/**
 * Parses the body of a pax header (POSIX.1-2008): records `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record.
 * The last record of a key holds. Values stay bytes, so that `hdrcharset` (BINARY or UTF-8) makes no difference.
 *
 * @returns Only the records that matter to a member's header, or what is wrong with them.
 */
export function parsePax(body: Buffer): PaxRecords | PaxProblem {
  const records: PaxRecords = {}
  let at = 0
  while (at < body.length) {
    let length = 0
    let digits = at
    for (; digits < body.length; digits++) {
      const digit = body[digits]! - 0x30
      if (digit < 0 || digit > 9) break
      length = length * 10 + digit
      // Stops a run of digits from being read to its end again and again, and from losing precision.
      if (length > body.length) return new PaxProblem('corrupt', 'a pax record claims to be longer than its header')
    }
    if (digits === at || body[digits] !== 0x20) return new PaxProblem('corrupt', 'a pax record has no length')
    const end = at + length
    if (end > body.length) return new PaxProblem('corrupt', 'a pax record claims to be longer than its header')
    if (end <= digits + 1 || body[end - 1] !== 0x0a) {
      return new PaxProblem('corrupt', 'a pax record does not end where it says')
    }
    const equals = body.subarray(digits + 1, end - 1).indexOf(0x3d)
    if (equals < 1) return new PaxProblem('corrupt', 'a pax record has no key')
    const key = body.toString('latin1', digits + 1, digits + 1 + Math.min(equals, longestKey))
    const problem = take(records, key, body, digits + 1 + equals + 1, end - 1)
    if (problem !== undefined) return problem
    at = end
  }
  return records
}

const longestKey = 32

function take(records: PaxRecords, key: string, body: Buffer, start: number, end: number): PaxProblem | undefined {
  switch (key) {
    case 'path':
    case 'linkpath':
    case 'uname':
    case 'gname':
      records[key] = body.toString('latin1', start, end)
      if (records[key].includes('\0')) return new PaxProblem('corrupt', `its pax ${key} holds a NUL`)
      break
    case 'GNU.sparse.name':
      records.sparseName = body.toString('latin1', start, end)
      if (records.sparseName.includes('\0')) return new PaxProblem('corrupt', `its pax ${key} holds a NUL`)
      break
    case 'GNU.sparse.major':
    case 'GNU.sparse.map':
    case 'GNU.sparse.size':
    case 'GNU.sparse.realsize':
      records.sparse = true
      break
    case 'uid':
    case 'gid':
    case 'size':
    case 'mtime': {
      const value = parseNumber(key, body, start, end)
      if (value instanceof PaxProblem) return value
      records[key] = value
      break
    }
    default:
  }
  return undefined
}

// Far more digits than a number that can be counted has, far fewer than a header can hold.
const longestNumber = 64

function parseNumber(key: 'uid' | 'gid' | 'size' | 'mtime', body: Buffer, start: number, end: number) {
  if (start === end) return null
  const digits = end - start > longestNumber ? '' : body.toString('latin1', start, end)
  // Python writes a time within a tenth of a millisecond of 1970 with an exponent.
  const form = key === 'mtime' ? /^-?\d+(?:\.\d*)?(?:e[-+]?\d{1,3})?$/ : key === 'size' ? /^\d+$/ : /^-?\d+$/
  if (!form.test(digits)) return new PaxProblem('corrupt', `its pax ${key} is no number`)
  const value = Number(digits)
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return new PaxProblem('too-large', `its pax ${key} is beyond 2^53`)
  return value
}
