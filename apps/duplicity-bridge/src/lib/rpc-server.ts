import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { LineDecoder } from './line-decoder.ts'
import { openStorage } from './open-storage.ts'
import { MalformedError, maxLineBytes, rpcCode } from './rpc-message.ts'
import { RpcSession } from './rpc-session.ts'
import { version } from './version.ts'

export interface RpcServerOptions {
  readonly input: Readable
  readonly output: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Instead of the URL in `open`. */
  readonly url?: string
  /** Aborted when the program is to end. */
  readonly signal: AbortSignal
}

/**
 * Answers calls from one stream to another until the first ends, its other side says that it is done, or is no longer
 * there to hear. Then what is under way is stopped and the storage let go.
 */
export async function serveRpc({ input, output, env, url, signal }: RpcServerOptions): Promise<void> {
  const ended = new AbortController()
  const end = (reason: string) => ended.abort(reason)
  const session = new RpcSession({
    programVersion: version(),
    url,
    openStorage: (named, password, onWarning) => openStorage(named, { env, password, onWarning }),
    onClose: () => end('the other side is done'),
    async send(message) {
      if (output.destroyed) return
      if (!output.write(`${JSON.stringify(message)}\n`)) {
        await once(output, 'drain', { signal: ended.signal }).catch(() => undefined)
      }
    },
  })
  const decoder = new LineDecoder(maxLineBytes)
  input.on('data', (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) {
      if (line.type === 'line') session.receive(line.bytes)
      else session.refuse(tooLong())
    }
    // Who asks and does not read the answers has to wait with asking.
    if (output.writableNeedDrain) input.pause()
  })
  output.on('drain', () => input.resume())
  input.on('end', () => end('the other side is gone'))
  input.on('error', () => end('the other side is gone'))
  output.on('error', () => end('the other side does not listen any more'))
  signal.addEventListener('abort', () => end('the program was told to end'), { once: true })
  if (signal.aborted) end('the program was told to end')
  if (!ended.signal.aborted) await once(ended.signal, 'abort')
  await session.end(`Cancelled: ${String(ended.signal.reason)}`)
  input.destroy()
}

function tooLong(): MalformedError {
  return new MalformedError(rpcCode.request, `Cannot take the message: it is longer than ${maxLineBytes} bytes`)
}
