export {
  type CallOptions,
  createMediaFire,
  type MediaFire,
  type MediaFireApi,
  type MediaFireOptions,
} from './lib/media-fire.ts'
export {
  MediaFireError,
  type MediaFireErrorCode,
  type MediaFireErrorFacts,
  type Retry,
} from './lib/media-fire-error.ts'
export type { CallEvent, DeprecatedEvent, MediaFireEvent, RetryEvent, SessionEvent } from './lib/events.ts'

export type { AuthPort, AuthProvider, NewSession } from './lib/auth.ts'
export { passwordAuth, type PasswordAuthOptions } from './lib/password-auth.ts'
export { tokenAuth, type TokenAuthOptions } from './lib/token-auth.ts'
export { cookieAuth, type CookieAuthOptions, webAuth, type WebAuthOptions } from './lib/web-auth.ts'

export type { Changes, ChangedItem, DeviceApi, PatchUpdate } from './lib/api-device.ts'
export type {
  FileApi,
  FilePlace,
  FileUpdate,
  FileVersion,
  Links,
  LinksOfFile,
  LinkType,
  OneTimeKey,
  OneTimeOptions,
} from './lib/api-file.ts'
export type {
  Copied,
  FolderApi,
  FolderPlace,
  FolderUpdate,
  ListingOptions,
  Moved,
  SearchResult,
} from './lib/api-folder.ts'
export type { MimeType, SystemApi, SystemInfo, SystemLimits } from './lib/api-system.ts'
export type {
  CheckRequest,
  CheckResult,
  PollResult,
  StoreRequest,
  UnitRequest,
  UploadApi,
  UploadPlace,
  WebUpload,
} from './lib/api-upload.ts'
export type { Registration, SignalOption, Terms, UserApi, UserInfo, UserLimits, UserSettings } from './lib/api-user.ts'
export type { DownloadOptions } from './lib/download.ts'
export type { Changed, FileInfo, FileLinks, FolderInfo, Permissions } from './lib/items.ts'
export type { Found, Paths } from './lib/paths.ts'
export type { Sharing } from './lib/sharing.ts'
export type { Trash } from './lib/trash.ts'
export type { UploadOptions, UploadProgress, UploadResult } from './lib/upload-job.ts'

export type { CallAuth } from './lib/caller.ts'
export type { CallContent } from './lib/engine.ts'
export { FieldError, type Fields, type Json } from './lib/fields.ts'
export type { Param, Params } from './lib/form.ts'
export type { HttpAnswer, HttpHeaders } from './lib/http.ts'
export type { SigningKey } from './lib/signature.ts'
export type { Resumable } from './lib/units.ts'
export type { Now, Sleep } from './lib/waiting.ts'
