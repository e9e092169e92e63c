import type { Caller } from './caller.ts'
import type { Fields } from './fields.ts'
import type { Params } from './form.ts'
import { keyGroups } from './keys.ts'
import { MediaFireError } from './media-fire-error.ts'

/** How the answer of a call becomes what its method gives. */
type Decode<T> = (fields: Fields) => T

interface PartOptions {
  readonly signal?: AbortSignal
}

/** The calls of one part of the API: `folder/…`. */
export class ApiPart {
  readonly #caller: Caller
  readonly #name: string
  readonly #auth: 'session' | 'none'

  constructor(caller: Caller, name: string, auth: 'session' | 'none' = 'session') {
    this.#caller = caller
    this.#name = name
    this.#auth = auth
  }

  /** A call that may be made again, whatever became of it before. */
  ask<T>(method: string, params: Params, options: PartOptions | undefined, decode: Decode<T>): Promise<T> {
    const call = { action: `${this.#name}/${method}`, params, repeatable: true, signal: options?.signal }
    return this.#caller.perform(this.#auth, call, decode)
  }

  /** A call that is not made again once it may have been done. */
  once<T>(method: string, params: Params, options: PartOptions, decode: Decode<T>): Promise<T> {
    const call = { action: `${this.#name}/${method}`, params, signal: options.signal }
    return this.#caller.perform(this.#auth, call, decode)
  }

  /**
   * One call for each group of keys, which go under the name `as`; 209 and 210 mean that it was done before. Copies are not
   * made twice.
   */
  async inGroups<T>(
    method: string,
    { keys, as }: { readonly keys: string | readonly string[]; readonly as: string },
    params: Params,
    options: PartOptions,
    decode: Decode<T>,
  ): Promise<T[]> {
    const done = method === 'delete' || method === 'purge' ? [209, 210] : []
    const answers: T[] = []
    for (const group of keyGroups(keys)) {
      const whole = { ...params, [as]: group }
      const call = (fields: Fields) => ({ value: decode(fields) })
      const asked = method === 'copy' ? this.once(method, whole, options, call) : this.ask(method, whole, options, call)
      const answer = await asked.catch(fineIf(done, undefined))
      if (answer !== undefined) answers.push(answer.value)
    }
    return answers
  }
}

/** Takes some of MediaFire's numbers for success. */
export function fineIf<T>(apiCodes: readonly number[], value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof MediaFireError && error.apiCode !== undefined && apiCodes.includes(error.apiCode)) return value
    throw error
  }
}
