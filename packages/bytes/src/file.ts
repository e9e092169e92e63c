export { fromFile, type FileSourceOptions } from './lib/file-source.ts'
