import { StorageError } from '@coalmine/storage'
import { RpcError, rpcCode } from './rpc-message.ts'

/** The reason that a call is aborted with when it is cancelled, or nobody is there any more. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError'
}

/** Something with a file on this side: what was to be stored, or where something was to be written. */
export class LocalFileError extends Error {
  override readonly name = 'LocalFileError'
  readonly errno: string

  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.errno = errnoOf(cause)
  }
}

export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Whatever a call failed with, as it is answered. */
export function rpcFailure(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  if (error instanceof CancelledError) {
    const data = { kind: 'cancelled', retry: 'never' }
    return new RpcError(rpcCode.failed, error.message, { data, cause: error })
  }
  if (error instanceof StorageError) {
    const { code: kind, retry, retryAfterMs } = error
    return new RpcError(rpcCode.failed, error.message, { data: { kind, retry, retryAfterMs }, cause: error })
  }
  if (error instanceof LocalFileError) {
    const data = { kind: 'local', retry: 'never', errno: error.errno }
    return new RpcError(rpcCode.failed, error.message, { data, cause: error })
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new RpcError(rpcCode.internal, reason, { data: { kind: 'failed', retry: 'never' }, cause: error })
}
