export { FormatError, type FormatErrorCode } from './lib/format-error.ts'
