// Records what a client sends: an emulator with repeatable keys, and a proxy before it that writes every call down.
//
//   node --conditions=@coalmine/source --import ../../../../tooling/vitest/strip-types.mjs record.ts OUT.jsonl CLIENT SETTINGS_JSON -- COMMAND…
//
// The command finds in its environment MF_BASE (where to send), MF_EMAIL, MF_PASSWORD, and REQUESTS_CA_BUNDLE and
// NODE_EXTRA_CA_CERTS with the certificate of download links.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { startEmulator } from '../../src/index.ts'
import { createIdentity } from '../../src/lib/tls-certificate.ts'
import { type RecordedCall, recordedAccount, type RecordedHead, repeatable, startMs, stepMs } from '../repeatable.ts'

const [out = '', client = '', settings = '{}', , ...command] = process.argv.slice(2)
const dataDir = mkdtempSync(join(tmpdir(), 'mfrecord-'))
let calls = 0
const head: RecordedHead = { client, settings: JSON.parse(settings) as Record<string, unknown> }
const emulator = await startEmulator({
  ...repeatable(() => startMs + calls * stepMs),
  dataDir,
  tls: true,
  settings: head.settings,
})

const lines: (RecordedCall | RecordedHead)[] = [head]
const kept = /^(?:content-type|transfer-encoding|origin|x-.*)$/
let turn: Promise<void> = Promise.resolve()

async function whole(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Forms as they are, the rest packed. */
function written(body: Buffer, type: string): Pick<RecordedCall, 'form' | 'body'> {
  if (body.length === 0) return {}
  if (type === 'application/x-www-form-urlencoded') return { form: body.toString('latin1') }
  return { body: gzipSync(body, { level: 9 }).toString('base64') }
}

async function forward(asked: IncomingMessage, answering: ServerResponse): Promise<void> {
  const body = await whole(asked)
  // Files are put together beside the calls. Here that is done before the next one, so that it is the same every time.
  while (emulator.account().uploads.some((upload) => upload.status === 'assembling')) await setImmediate()
  calls += 1
  const headers = Object.fromEntries(
    Object.entries(asked.headers)
      .filter(([name]) => kept.test(name))
      .map(([name, value]) => [name, String(value)]),
  )
  const sent = request({
    host: '127.0.0.1',
    port: emulator.port,
    path: asked.url,
    method: asked.method,
    // Nothing is changed but the host, which no client hashes.
    headers: { ...asked.headers, host: `127.0.0.1:${emulator.port}`, connection: 'close' },
  })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  sent.end(body)
  const [answer] = await answered
  const text = (await whole(answer)).toString('utf8')
  lines.push({
    method: asked.method ?? '',
    url: asked.url ?? '',
    headers,
    ...written(body, headers['content-type'] ?? ''),
    status: answer.statusCode ?? 0,
    type: answer.headers['content-type'] ?? '',
    answer: text.startsWith('{') ? (JSON.parse(text) as { response: unknown }).response : text,
  })
  answering.writeHead(answer.statusCode ?? 0, answer.headers).end(text)
}

// One after the other, so that they can be sent again in the same order.
const http = createServer((asked, answering) => {
  const last = turn
  turn = (async () => {
    await last
    await forward(asked, answering)
  })()
})

// One port for both, as the emulator has it: one client logs in by https: and goes on by what its page has.
const identity = createIdentity()
const https = createTlsServer(identity, (socket) => http.emit('connection', socket))
const proxy = createTcpServer((socket) => {
  socket.once('readable', () => {
    const first = socket.read(1) as Buffer | null
    if (first === null) return
    socket.unshift(first)
    ;(first[0] === 22 ? https : http).emit('connection', socket)
  })
})
proxy.listen(0, '127.0.0.1')
await once(proxy, 'listening')
const { port } = proxy.address() as { port: number }
const certificate = emulator.certificate?.path ?? ''
const child = spawn(command[0] ?? '', command.slice(1), {
  stdio: 'inherit',
  env: {
    ...process.env,
    MF_BASE: `http://127.0.0.1:${port}`,
    MF_EMAIL: recordedAccount.email,
    MF_PASSWORD: recordedAccount.password,
    REQUESTS_CA_BUNDLE: certificate,
    NODE_EXTRA_CA_CERTS: certificate,
  },
})
const [code] = (await once(child, 'exit')) as [number]
proxy.close()
await emulator.stop()
rmSync(dataDir, { recursive: true })
writeFileSync(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
console.log(
  `${lines.length - 1} calls in ${out}, ${emulator.log.count('download')} downloads, the client ended with ${code}`,
)
