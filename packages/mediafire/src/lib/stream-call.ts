import type { ByteStream } from '@coalmine/bytes'
import { readEnvelope } from './answers.ts'
import type { ApiCall, Credential, CredentialSource, Engine, Outcome } from './engine.ts'
import { formEncode } from './form.ts'
import { headerOf, httpError, type HttpStream, openHttp } from './http.ts'
import { MediaFireError } from './media-fire-error.ts'
import { Watch } from './waiting.ts'

/**
 * A call whose answer is content instead of JSON. Made again only when the session was not accepted; what breaks off is an
 * error.
 */
export async function* streamCall(engine: Engine, call: ApiCall, source: CredentialSource): ByteStream {
  const { action, attempted = `call "${action}"`, signal } = call
  for (let again = false; ; again = true) {
    signal?.throwIfAborted()
    engine.requireOpen(attempted)
    const credential = await source.lease({ signal, again })
    try {
      yield* contentOf(engine, { ...call, attempted }, credential)
      return
    } catch (error) {
      if (again || !(error instanceof MediaFireError) || error.code !== 'session') throw error
    }
  }
}

async function* contentOf(
  engine: Engine,
  call: ApiCall & { readonly attempted: string },
  credential: Credential,
): ByteStream {
  const { action, attempted, signal, params } = call
  const seconds = Math.round(engine.stallMs / 100) / 10
  const late = () => new MediaFireError('stalled', `nothing has moved for ${seconds} s`, { attempted })
  const watch = new Watch({ idleMs: engine.stallMs, signal, late })
  const onClose = (): void => watch.abort(engine.closedSignal.reason as Error)
  engine.closedSignal.addEventListener('abort', onClose, { once: true })
  const path = `/api/${engine.apiVersion}/${action}.php`
  const url = new URL(path, engine.origin)
  // An answer without an envelope does not say whether the key has rolled.
  let outcome: Outcome = 'unknown'
  let stream: HttpStream | undefined
  try {
    const body = formEncode(engine.dress(credential, path, params))
    const headers = { ...engine.headers, 'content-type': 'application/x-www-form-urlencoded' }
    stream = await openHttp(engine.dispatcher, { method: 'POST', url, headers, body, signal: watch.signal, attempted })
    const type = headerOf(stream.headers, 'content-type') ?? ''
    if (stream.status !== 200 || /json|xml|html/i.test(type)) {
      const error = await refusal(engine, stream, attempted)
      if (error.code === 'session') outcome = 'invalid'
      throw error
    }
    for await (const chunk of stream.body) {
      watch.pause()
      yield chunk
      watch.touch()
    }
  } catch (error) {
    throw httpError(error, { attempted, signal: watch.signal, url }, 'the answer broke off')
  } finally {
    engine.closedSignal.removeEventListener('abort', onClose)
    watch.stop()
    stream?.body.destroy()
    credential.settle(outcome)
  }
}

const mostRefusalBytes = 1_048_576

async function refusal(engine: Engine, stream: HttpStream, attempted: string): Promise<MediaFireError> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream.body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= mostRefusalBytes) break
  }
  const answer = { status: stream.status, headers: stream.headers, body: Buffer.concat(chunks) }
  const { error } = readEnvelope(answer, { attempted, secrets: engine.secrets, nowMs: engine.now() })
  return error ?? new MediaFireError('malformed', 'an answer came instead of the content', { attempted })
}
