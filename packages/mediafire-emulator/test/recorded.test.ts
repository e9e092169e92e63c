// Calls that other people's clients have sent are sent again, with the signatures that those clients made: they are the
// judge. Each answer has to hold all that was answered when the client was content with it.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { emulate } from './caller.ts'
import { type RecordedCall, type RecordedHead, repeatable, startMs, stepMs } from './repeatable.ts'

function read(name: string): { head: RecordedHead; calls: RecordedCall[] } {
  const text = readFileSync(new URL(`recorded/${name}.jsonl`, import.meta.url), 'utf8')
  const [head, ...calls] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  return { head: head as RecordedHead, calls: calls as RecordedCall[] }
}

async function again(url: string, call: RecordedCall): Promise<RecordedCall> {
  const body =
    call.body === undefined ? Buffer.from(call.form ?? '', 'latin1') : gunzipSync(Buffer.from(call.body, 'base64'))
  const isChunked = call.headers['transfer-encoding'] === 'chunked'
  const length = isChunked ? {} : { 'content-length': String(body.length) }
  const asked = request(url + call.url, { method: call.method, headers: { ...call.headers, ...length } })
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>
  asked.end(body)
  const [answer] = await answered
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return {
    ...call,
    status: answer.statusCode ?? 0,
    type: answer.headers['content-type'] ?? '',
    answer: text.startsWith('{') ? (JSON.parse(text) as { response: unknown }).response : text,
  }
}

/** What each client proved itself by, and the calls that it made. */
const clients = [
  {
    name: 'python-sdk',
    verified: ['', 'action upload', 'v2 raw'],
    calls: ['upload/simple', 'upload/resumable', 'upload/instant', 'file/update', 'folder/purge', 'user/accept_tos'],
  },
  {
    name: 'python-sdk-modern',
    verified: ['', 'action upload', 'v2 raw'],
    calls: ['upload/simple', 'upload/poll_upload'],
  },
  {
    name: 'duplicity',
    verified: ['', 'action upload', 'v2 raw'],
    calls: ['upload/simple', 'file/get_links', 'folder/update'],
  },
  {
    name: 'javascript-sdk',
    verified: ['', 'action upload', 'v1', 'v2 raw'],
    calls: ['upload/resumable', 'user/upgrade_session_token'],
  },
] as const

describe.each(clients)('$name', ({ name, verified, calls: some }) => {
  const { head, calls } = read(name)

  it(`finds what it found before, in ${calls.length} calls`, async () => {
    let count = 0
    const emulator = await emulate({ ...repeatable(() => startMs + count * stepMs), settings: head.settings })
    for (const call of calls) {
      // What goes on behind the answers was finished before the client went on.
      while (emulator.account().uploads.some((upload) => upload.status === 'assembling')) await setImmediate()
      count += 1
      const now = await again(emulator.url, call)
      const what = `call ${count}: ${call.method} ${call.url.split('?')[0]}`
      expect([now.status, now.type], what).toEqual([call.status, call.type])
      if (typeof call.answer === 'string') expect(now.answer, what).toBe(call.answer)
      else expect(withoutLinks(now.answer), what).toMatchObject(withoutLinks(call.answer) as object)
      // Downloads are not among the recorded calls, but were made, and are counted in what is answered later.
      const [, link] = /"direct_download":"([^"]+)"/.exec(JSON.stringify(now.answer)) ?? []
      if (link !== undefined) expect((await (await fetch(link)).arrayBuffer()).byteLength).toBeGreaterThanOrEqual(0)
    }
    expect([...new Set(emulator.log.calls().map((call) => call.verified))].sort()).toEqual([...verified])
    for (const call of some) expect(emulator.log.count(call), call).toBeGreaterThan(0)
  })
})

/** Links begin with the port of this run. */
function withoutLinks(answer: unknown): unknown {
  const text = JSON.stringify(answer).replaceAll(/https?:\/\/127\.0\.0\.1:\d+/g, 'http://here')
  return JSON.parse(text) as unknown
}
