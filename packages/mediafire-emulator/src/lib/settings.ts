import { EmulatorError } from './emulator-error.ts'

/**
 * How answers look: `legacy` as around 2015 (uploads pass through many states, every field there), `modern` as since
 * 2019 (no `filename` and `fileerror` in polls), `instant` (an upload is finished at its first poll).
 */
export type Profile = 'legacy' | 'modern' | 'instant'

/** How the emulated service behaves. All of it may change while it runs. */
export interface Settings {
  profile: Profile
  /** HTTP statuses of errors: as the service pairs them, or 200 whatever happens. */
  statuses: 'mapped' | 'always-200'
  /** From the last byte of an upload to its quick key, in ms of the clock; -1 takes the profile's. */
  settleMs: number
  /** How long new files and folders are missing from listings and paths, in ms. */
  listLagMs: number
  /** How long new files are unknown to `file/get_info`, in ms. */
  infoLagMs: number
  /** How long deleting a folder or emptying the trash goes on in the background, in ms; 0 does it at once. */
  asyncMs: number
  /** Whether names that differ in case only are the same. */
  foldCase: boolean
  /** Whether a replaced file keeps its quick key. Otherwise the new content gets a new one. */
  replaceKeepsKey: boolean
  /** New quick keys are fifteen digits. */
  numericKeys: boolean
  /** Whether `user/upgrade_session_token` works; the service answers 253. */
  upgradeTokens: boolean
  /** The smallest `chunk_size` of listings. */
  minChunkSize: number
  /** Of one file, in bytes. */
  maxUploadSize: number
  /** Of version 1 session tokens, in ms. */
  v1LifetimeMs: number
  /** Of version 2 session tokens, in ms; 0 is without end. */
  v2LifetimeMs: number
  /** A version 2 token is used up after so many calls; 0 is never. */
  v2MaxCalls: number
  /** Of download links, in ms. */
  linkLifetimeMs: number
  /** Links lead to this emulator, or to `downloadN.mediafire.com`, for clients that find it under that name. */
  linkHosts: 'local' | 'mediafire'
  /** Links begin with `http:` or `https:`, or as the emulator is reached. */
  linkScheme: 'same' | 'http' | 'https'
  /** Free bandwidth of direct links that is left, in MB; 0 hands out an error instead of a link. */
  bandwidthMb: number
  /** What is answered without `response_format`. */
  defaultFormat: 'xml' | 'json'
  /** Whether connections stay open after an answer. */
  keepAlive: boolean
  /** How long an unfinished upload is kept, in ms. */
  uploadRetentionMs: number
}

/** The behaviour without any wish: the newest one, with errors as the service pairs them. */
export const defaultSettings: Readonly<Settings> = {
  profile: 'modern',
  statuses: 'mapped',
  settleMs: -1,
  listLagMs: 0,
  infoLagMs: 0,
  asyncMs: 0,
  foldCase: false,
  replaceKeepsKey: true,
  numericKeys: false,
  upgradeTokens: false,
  minChunkSize: 100,
  maxUploadSize: 50 * 2 ** 30,
  v1LifetimeMs: 600_000,
  v2LifetimeMs: 0,
  v2MaxCalls: 0,
  linkLifetimeMs: 3_600_000,
  linkHosts: 'local',
  linkScheme: 'same',
  bandwidthMb: 51_200,
  defaultFormat: 'xml',
  keepAlive: true,
  uploadRetentionMs: 7 * 86_400_000,
}

const words: Readonly<Record<string, readonly string[]>> = {
  profile: ['legacy', 'modern', 'instant'],
  statuses: ['mapped', 'always-200'],
  linkHosts: ['local', 'mediafire'],
  linkScheme: ['same', 'http', 'https'],
  defaultFormat: ['xml', 'json'],
}

const settled: Readonly<Record<Profile, number>> = { legacy: 1500, modern: 300, instant: 0 }

/** From the last byte of an upload to its quick key. */
export function settleMsOf(settings: Settings): number {
  return settings.settleMs >= 0 ? settings.settleMs : settled[settings.profile]
}

/**
 * Changes settings in place, all or none.
 *
 * @throws EmulatorError with `bad-option` for a name or a value that is none of them.
 */
export function applySettings(settings: Settings, wishes: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(wishes)) {
    const standard = Object.hasOwn(defaultSettings, name) ? defaultSettings[name as keyof Settings] : undefined
    const fits =
      typeof value === typeof standard &&
      (typeof value !== 'number' || Number.isSafeInteger(value)) &&
      (typeof value !== 'string' || words[name]?.includes(value) === true)
    if (!fits) throw new EmulatorError('bad-option', `Cannot set "${name}": no such setting, or not a value of it`)
  }
  Object.assign(settings, wishes)
}
