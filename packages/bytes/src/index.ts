export { type ByteStream, type ByteRange, type ByteSource, fromBytes, fromChunks } from './lib/stream.ts'
export { collect, concat, equalBytes, rechunk, take, TooLargeError } from './lib/tools.ts'
export { ByteReader, UnexpectedEndError } from './lib/byte-reader.ts'
export { displayPath } from './lib/display-path.ts'
export {
  type RawPath,
  comparePaths,
  isBelow,
  joinPath,
  parentPath,
  rawFromBytes,
  rawFromText,
  rawToBytes,
} from './lib/raw-path.ts'
