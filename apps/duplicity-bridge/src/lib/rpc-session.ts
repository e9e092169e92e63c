import type { Storage } from '@coalmine/storage'
import { type Call, objectCalls } from './rpc-calls.ts'
import { CancelledError, rpcFailure } from './rpc-failure.ts'
import { MalformedError, type Params, parseRequest, RpcError, rpcCode, type RpcId } from './rpc-message.ts'

/** Version of the protocol that is spoken here. */
const protocolVersion = 1

/** Calls under way at once; each holds a few hundred kilobytes. */
const maxCalls = 64

export interface RpcSessionOptions {
  readonly programVersion: string
  /** Said at the start; without it, `open` has to name it. */
  readonly url?: string
  readonly openStorage: (
    url: string,
    password: string | undefined,
    onWarning: (text: string) => void,
  ) => Promise<Storage>
  /** Sends a message. Resolves when the other side takes it. */
  readonly send: (message: unknown) => Promise<void>
  /** Called when the other side has said that it is done. */
  readonly onClose: () => void
}

/** One side of a conversation: takes messages, makes calls of a storage, answers. Never throws for what a message says. */
export class RpcSession {
  readonly #options: RpcSessionOptions
  readonly #running = new Map<RpcId, AbortController>()
  #opening: Promise<Storage> | undefined
  #ended = false

  constructor(options: RpcSessionOptions) {
    this.#options = options
  }

  /** A message as it came, without its line feed. */
  receive(bytes: Uint8Array): void {
    if (this.#ended || isBlank(bytes)) return
    try {
      const { id, method, params } = parseRequest(bytes)
      if (id === undefined) this.#notified(method, params)
      else void this.#call(id, method, params)
    } catch (error) {
      this.refuse(error)
    }
  }

  /** Answers a message that could not be taken. */
  refuse(error: unknown): void {
    const id = error instanceof MalformedError ? error.id : null
    void this.#answer({ id, error: errorOf(error) })
  }

  /** Stops everything that is under way and lets go of the storage. */
  async end(reason: string): Promise<void> {
    this.#ended = true
    for (const controller of this.#running.values()) controller.abort(new CancelledError(reason))
    // One that could not be opened has told so already.
    const storage = await this.#opening?.catch(() => undefined)
    await storage?.close()
  }

  #notified(method: string, params: Params): void {
    // Others may come with later versions, and are not answered in any case.
    if (method !== 'cancel') return
    try {
      this.#running.get(params.id('id'))?.abort(new CancelledError('Cancelled'))
    } catch {
      // A notification has no answer that could say what is wrong with it.
    }
  }

  async #call(id: RpcId, method: string, params: Params): Promise<void> {
    if (this.#running.has(id)) {
      const message = `Cannot take the call: one with the id ${JSON.stringify(id)} is under way`
      return this.#answer({ id: null, error: errorOf(new RpcError(rpcCode.request, message)) })
    }
    if (this.#running.size >= maxCalls) {
      const message = `Cannot take the call: ${maxCalls} are under way`
      return this.#answer({ id, error: errorOf(new RpcError(rpcCode.busy, message)) })
    }
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      const result = await this.#run(id, method, params, controller.signal)
      this.#running.delete(id)
      await this.#answer({ id, result })
      if (method === 'close') this.#options.onClose()
    } catch (error) {
      this.#running.delete(id)
      await this.#answer({ id, error: errorOf(controller.signal.aborted ? controller.signal.reason : error) })
    }
  }

  async #run(id: RpcId, method: string, params: Params, signal: AbortSignal): Promise<unknown> {
    if (method === 'ping' || method === 'close') return {}
    if (method === 'open') return await this.#open(params)
    const call: Call | undefined = Object.hasOwn(objectCalls, method) ? objectCalls[method] : undefined
    if (call === undefined) {
      throw new RpcError(rpcCode.method, `Cannot call ${JSON.stringify(method.slice(0, 64))}: there is no such method`)
    }
    if (this.#opening === undefined) {
      throw new RpcError(rpcCode.order, `Cannot call "${method}": the storage is not open`)
    }
    const storage = await this.#opening
    signal.throwIfAborted()
    return await call(params, {
      storage,
      signal,
      notify: (name, more) => this.#send({ method: name, params: { id, ...more } }),
    })
  }

  async #open(params: Params): Promise<unknown> {
    const wanted = params.integer('protocol')
    if (wanted !== protocolVersion) {
      const message = `Cannot speak version ${wanted} of the protocol: this is version ${protocolVersion}`
      throw new RpcError(rpcCode.version, message)
    }
    if (this.#opening !== undefined) throw new RpcError(rpcCode.order, 'Cannot open a storage: one is open already')
    const url = this.#options.url ?? params.text('url')
    this.#opening = this.#options.openStorage(url, params.optionalText('password'), (text) => {
      void this.#send({ method: 'log', params: { level: 'warning', text } })
    })
    try {
      const { info } = await this.#opening
      const { capabilities } = info
      return {
        protocol: protocolVersion,
        version: this.#options.programVersion,
        storage: { scheme: info.scheme, display: info.display, parallel: capabilities.parallel },
      }
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  #answer(answer: { readonly id: RpcId | null; readonly result?: unknown; readonly error?: unknown }): Promise<void> {
    return this.#send(answer)
  }

  async #send(message: Readonly<Record<string, unknown>>): Promise<void> {
    if (!this.#ended) await this.#options.send({ jsonrpc: '2.0', ...message })
  }
}

function errorOf(error: unknown) {
  const { code, message, data } = rpcFailure(error)
  return { code, message, data }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === 13)
}
