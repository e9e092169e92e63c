/** What a call answers: a tree. Numbers and booleans become what the service writes for them when it is rendered. */
export type Value = string | number | boolean | undefined | readonly Value[] | Fields
export interface Fields {
  readonly [name: string]: Value
}

/** The only numbers that the service writes as JSON numbers; all others are text. */
const trueNumbers = new Set(['error', 'new_device_revision'])

/** An answer that is an error: the service's number, what it says, and fields beside the envelope's. */
export class ApiFailure extends Error {
  readonly code: number
  readonly fields: Fields

  constructor(code: number, message = meanings[code] ?? 'The call failed', fields: Fields = {}) {
    super(message)
    this.name = 'ApiFailure'
    this.code = code
    this.fields = fields
  }
}

const meanings: Readonly<Record<number, string>> = {
  100: 'Internal server error',
  104: 'Session token is missing',
  105: 'The supplied Session Token is expired or invalid',
  106: 'File extensions may not be changed',
  107: 'The credentials you entered are invalid',
  109: 'Application ID is missing or invalid',
  110: 'Unknown or invalid quick key',
  111: 'Quick key is missing',
  112: 'Unknown or invalid folder key',
  113: 'Folder key is missing',
  114: 'Access denied',
  115: 'Cannot move or copy a folder into itself',
  116: 'Invalid date',
  117: 'Folder name is missing',
  118: 'Invalid file name',
  126: 'This call is deprecated',
  127: 'The signature is invalid',
  128: 'One or more parameters are missing',
  129: 'One or more parameters are invalid',
  143: 'A file of this name exists',
  144: 'A folder of this name exists',
  160: 'Invalid acceptance token',
  161: 'The terms of service have to be accepted first',
  162: 'The storage limit is exceeded',
  163: 'API access limit reached',
  167: 'The folder depth limit is reached',
  169: 'The upload failed',
  185: 'Invalid folder name',
  207: 'Too many objects',
  208: 'An asynchronous operation is in progress',
  209: 'The folder is already deleted',
  210: 'The file is already deleted',
  211: 'The item is in the trash',
  222: 'Unknown patch',
  223: 'Invalid revision',
  230: 'There is no avatar',
  238: 'The update changes nothing',
  242: 'The folder holds more than 1000 files',
  243: 'The account is temporarily locked',
  252: 'The token is already upgraded',
  253: 'Unknown API method',
  259: 'Unknown folder path',
  260: 'Unknown file path',
  261: 'The call rate limit is exceeded',
  262: 'Only .txt files can be created',
  263: 'The file extension is missing',
  264: 'The hash is missing',
  265: 'The hash is invalid',
}

/** What an API failure's number means, in a few words. */
export function meaningOf(code: number): string {
  return meanings[code] ?? 'The call failed'
}

/** The HTTP status that goes with an error number. */
export function statusOf(code: number): number {
  if (code === 100) return 500
  if ([110, 112, 253, 259, 260].includes(code)) return 404
  if ([111, 113, 116, 117, 118, 124, 128, 129].includes(code)) return 400
  return 403
}

/** The tree with every scalar as the wire has it: text, but for the few true numbers. */
export function toWire(value: Value, name = ''): unknown {
  if (typeof value === 'number') return trueNumbers.has(name) ? value : String(value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (value === undefined || typeof value === 'string') return value
  if (Array.isArray(value)) return value.map((each) => toWire(each as Value))
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toWire(each, key)]))
}

/** JSON as PHP writes it, with slashes escaped. */
export function renderJson(response: unknown): string {
  return JSON.stringify({ response }).replaceAll('/', String.raw`\/`)
}

/** The same tree as XML: names become elements, a list's items elements in the singular. */
export function renderXml(response: unknown): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('response', response)}\n`
}

function element(name: string, value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) {
    const single = name.endsWith('s') ? name.slice(0, -1) : 'item'
    return `<${name}>${value.map((each) => element(single, each)).join('')}</${name}>`
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).map(([key, each]) => element(key, each))
    return `<${name}>${inner.join('')}</${name}>`
  }
  // What is left is text or a number.
  return `<${name}>${escapeText(`${value as string | number}`)}</${name}>`
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for XML and HTML. Characters that XML 1.0 has no way to write become U+FFFD. */
export function escapeText(text: string): string {
  return text
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/gu, '\uFFFD')
    .replaceAll(/[&<>"']/g, (character) => named[character] ?? character)
}
