export { createFileStorage, type FileStorageOptions } from './lib/file-storage.ts'
export { openFileUrl } from './lib/file-url.ts'
export {
  aroundEffects,
  type FileFacts,
  type FileStorageEffects,
  type FolderEntry,
  nodeFileStorageEffects,
  type OpenFile,
} from './lib/effects.ts'
