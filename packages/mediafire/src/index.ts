export { type CallOptions, createMediaFire, type MediaFire, type MediaFireOptions } from './lib/media-fire.ts'
export type { AuthPort, AuthProvider, NewSession } from './lib/auth.ts'
export type { CallAuth } from './lib/caller.ts'
export type { CallEvent, DeprecatedEvent, MediaFireEvent, RetryEvent, SessionEvent } from './lib/events.ts'
export { FieldError, type Fields, type Json } from './lib/fields.ts'
export type { Param, Params } from './lib/form.ts'
export type { HttpAnswer, HttpHeaders } from './lib/http.ts'
export {
  MediaFireError,
  type MediaFireErrorCode,
  type MediaFireErrorFacts,
  type Retry,
} from './lib/media-fire-error.ts'
export { passwordAuth, type PasswordAuthOptions } from './lib/password-auth.ts'
export type { SigningKey } from './lib/signature.ts'
export { tokenAuth, type TokenAuthOptions } from './lib/token-auth.ts'
export { cookieAuth, type CookieAuthOptions, webAuth, type WebAuthOptions } from './lib/web-auth.ts'
export type { Now, Sleep } from './lib/waiting.ts'
