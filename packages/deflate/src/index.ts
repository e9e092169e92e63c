export type { ByteStream } from './lib/stream.ts'
export { deflate, deflateLagBytes, type DeflateOptions } from './lib/deflate.ts'
export { inflate, type InflateOptions } from './lib/inflate.ts'
export { InflateError, type InflateErrorCode } from './lib/inflate-error.ts'
