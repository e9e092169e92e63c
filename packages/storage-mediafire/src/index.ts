export { createMediaFireStorage, type MediaFireStorageOptions } from './lib/media-fire-storage.ts'
export { openMediaFireUrl, type OpenMediaFireOptions } from './lib/media-fire-url.ts'
