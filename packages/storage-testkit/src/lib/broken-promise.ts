/** A case found that a storage does not keep a promise. The message says which and how; the cause is what it threw. */
export class BrokenPromiseError extends Error {
  override readonly name = 'BrokenPromiseError'
  readonly code = 'broken-promise'
}

/** Fails the case with a sentence unless the condition holds. */
export function hold(condition: boolean, sentence: string, cause?: unknown): asserts condition {
  if (!condition) throw new BrokenPromiseError(sentence, cause === undefined ? undefined : { cause })
}

/** What the promise rejects with; fails the case when it does not. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new BrokenPromiseError(`${what} succeeded${value === undefined ? '' : ` with ${JSON.stringify(value)}`}`)
}

/** Holds when the promise rejects with an error of that code and operation. */
export async function refused(
  promise: Promise<unknown>,
  code: string,
  operation: string,
  what: string,
): Promise<unknown> {
  const error = await rejection(promise, what)
  const told = error as { code?: unknown; operation?: unknown; retry?: unknown } | undefined
  hold(
    error instanceof Error && told?.code === code && told.operation === operation && typeof told.retry === 'string',
    `${what} failed with ${describe(error)}, not with a StorageError "${code}" of "${operation}"`,
    error,
  )
  return error
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? ` (${String(error.code)})` : ''
  return `"${error.message}"${code}`
}
