import { Agent, type Dispatcher } from 'undici'

export interface StubReply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** A dispatcher without a network, for what no server of a test can be: another host, a thousand answers in a moment. */
export function stubDispatcher(reply: (request: { url: string; path: string }) => StubReply): Dispatcher {
  return new Agent().compose(() => (options, handler) => {
    const { path } = options
    const {
      status = 200,
      headers = {},
      body = new Uint8Array(0),
    } = reply({ url: `${String(options.origin)}${path}`, path })
    const controller = { abort: () => undefined, pause: () => undefined, resume: () => undefined }
    // What undici calls its handlers by.
    const it = handler as unknown as Record<string, (...args: unknown[]) => void>
    queueMicrotask(() => {
      it['onRequestStart']!(controller, {})
      it['onResponseStart']!(controller, status, headers, 'OK')
      if (body.length > 0) it['onResponseData']!(controller, Buffer.from(body))
      it['onResponseEnd']!(controller, {})
    })
    return true
  })
}
