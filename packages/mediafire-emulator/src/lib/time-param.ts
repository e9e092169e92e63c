import { ApiFailure } from './answer.ts'
import type { Params } from './params.ts'

/** A time among the parameters: ISO 8601 in UTC. @throws ApiFailure 116. */
export function timeParam(params: Params, name: string): number | undefined {
  const text = params.get(name)
  if (text === undefined) return undefined
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(ms)) throw new ApiFailure(116)
  return ms
}
