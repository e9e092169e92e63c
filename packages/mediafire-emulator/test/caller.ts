import { createHash } from 'node:crypto'
import { tempDir } from '@coalmine/fixtures'
import { onTestFinished } from 'vitest'
import { type Emulator, type EmulatorOptions, startEmulator } from '../src/index.ts'

/** What came back. */
export interface Answer {
  status: number
  headers: Headers
  text: string
  /** What is inside `response`. */
  // An answer is a tree whose shape each test asserts.
  response: Tree
}

export interface Tree {
  readonly [name: string]: Tree
}

/** A list inside an answer. */
export function items(value: unknown): readonly Tree[] {
  if (!Array.isArray(value)) throw new TypeError(`Not a list: ${JSON.stringify(value)}`)
  return value as Tree[]
}

export const email = 'bob@example.com'
export const password = 'correct horse+battery&staple'

/** An emulator of one account, that ends with the test. */
export async function emulate(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const dataDir = options.dataDir ?? (await tempDir('mfemu'))
  const emulator = await startEmulator({ accounts: [{ email, password, displayName: 'Bob' }], ...options, dataDir })
  onTestFinished(() => emulator.stop())
  return emulator
}

/** A text inside an answer; nothing for what is not there. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

export interface SendOptions {
  method?: 'GET' | 'POST'
  version?: string
  headers?: Record<string, string>
  body?: Uint8Array<ArrayBuffer> | string | FormData
}

/** One call, without any token but those among the parameters. Parameters of a POST without body are a form. */
export async function send(
  base: string,
  name: string,
  params: Record<string, string> = {},
  { method = 'POST', version = '1.5', headers = {}, body }: SendOptions = {},
): Promise<Answer> {
  const query = new URLSearchParams({ response_format: 'json', ...params }).toString()
  const inQuery = method === 'GET' || body !== undefined
  const path = `${base}/api/${version === '' ? '' : `${version}/`}${name}.php${inQuery ? `?${query}` : ''}`
  const answer = await fetch(path, {
    method,
    headers: inQuery ? headers : { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    ...(method === 'GET' ? {} : { body: body ?? query }),
  })
  return read(answer)
}

async function read(answer: Response): Promise<Answer> {
  const text = await answer.text()
  let response = {} as Tree
  if (text.startsWith('{')) response = (JSON.parse(text) as { response: Tree }).response
  return { status: answer.status, headers: answer.headers, text, response }
}

/** The parameters of a login. The SHA-1 is compared with python3's in the test of signatures. */
export function loginParams(more: Record<string, string> = {}): Record<string, string> {
  const base: Record<string, string> = { email, password, application_id: '42511', ...more }
  const text = `${base['email'] ?? ''}${base['password']}${base['application_id']}`
  return { signature: createHash('sha1').update(text).digest('hex'), ...base }
}

/** A caller with a version 1 session. */
export interface Caller {
  token: string
  call(name: string, params?: Record<string, string>, options?: SendOptions): Promise<Answer>
  /** As `call`; throws unless it succeeds. */
  ok(name: string, params?: Record<string, string>, options?: SendOptions): Promise<Tree>
  /** A whole file by `upload/simple`, polled to its end. @returns The quick key. */
  put(name: string, content: Uint8Array<ArrayBuffer> | string, params?: Record<string, string>): Promise<string>
  /** The content behind a direct link. */
  get(quickKey: string, headers?: Record<string, string>): Promise<Response>
}

export async function login(emulator: { url: string }, params: Record<string, string> = {}): Promise<Caller> {
  const answer = await send(emulator.url, 'user/get_session_token', loginParams(params))
  return callerWith(emulator, textOf(answer.response['session_token']))
}

/** A caller with any token that needs no signature. */
export function callerWith(emulator: { url: string }, token: string): Caller {
  const call: Caller['call'] = (name, more, options) =>
    send(emulator.url, name, { ...more, session_token: token }, options)
  const ok: Caller['ok'] = async (name, more, options) => {
    const { response, text } = await call(name, more, options)
    if (textOf(response['result']) !== 'Success') throw new Error(`${name} failed: ${text}`)
    return response
  }
  return {
    token,
    call,
    ok,
    async put(name, content, more) {
      const sent = await ok('upload/simple', more, {
        body: content,
        headers: { 'x-filename': Buffer.from(name).toString('latin1'), 'x-filehash': sha256(content) },
      })
      for (;;) {
        const { doupload } = await ok('upload/poll_upload', { key: textOf(sent['doupload']?.['key']) })
        if (doupload?.['quickkey']) return textOf(doupload['quickkey'])
        if (doupload?.['fileerror']) throw new Error(`Upload failed: ${JSON.stringify(doupload)}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async get(quickKey, headers = {}) {
      const { links } = await ok('file/get_links', { quick_key: quickKey, link_type: 'direct_download' })
      return fetch(textOf(items(links)[0]?.['direct_download']), { headers })
    },
  }
}
