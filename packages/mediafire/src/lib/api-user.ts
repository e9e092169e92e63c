import { ApiPart } from './api-part.ts'
import type { Caller } from './caller.ts'

export interface SignalOption {
  readonly signal?: AbortSignal
}

export interface UserInfo {
  readonly ekey?: string
  readonly email?: string
  readonly displayName?: string
  readonly firstName?: string
  readonly lastName?: string
  readonly gender?: string
  readonly birthDate?: string
  readonly location?: string
  readonly website?: string
  readonly premium?: boolean
  /** Whether the e-mail address is verified. */
  readonly validated?: boolean
  readonly created?: Date
  /** The revision of the terms of service that was accepted. */
  readonly termsAccepted?: string
  /** In bytes, as all below. */
  readonly usedStorage?: number
  readonly storageLimit?: number
  readonly baseStorage?: number
  readonly bonusStorage?: number
  readonly usedRevisionStorage?: number
  readonly storageLimitExceeded?: boolean
  readonly bandwidth?: number
  readonly maxUploadSize?: number
  readonly oneTimeKeyRequestMaxCount?: number
}

export interface UserLimits {
  readonly storageBase?: number
  readonly storageBonus?: number
  readonly storageLimit?: number
  readonly storageUsed?: number
  readonly bandwidthLimit?: number
  readonly bandwidthUsed?: number
  readonly uploadSizeLimit?: number
  readonly collaborationLimit?: number
  readonly collaborationToday?: number
  readonly oneTimeDownloadsLimit?: number
  readonly oneTimeDownloadsToday?: number
  readonly streamingBandwidthLimit?: number
  readonly streamingBandwidthToday?: number
}

export interface UserSettings {
  readonly validated?: boolean
  readonly instantUploadsEnabled?: boolean
  readonly autoBandwidth?: boolean
  readonly usedStorage?: number
  readonly storageLimit?: number
  readonly storageLimitExceeded?: boolean
  readonly previousFileVersions?: string
  /** `enabled`, `disabled`, `inherit` */
  readonly shareLinkStatus?: string
  readonly collectMetadata?: boolean
  readonly maxUploadSize?: number
}

export interface Terms {
  readonly revision?: string
  readonly text?: string
  readonly date?: string
  readonly accepted?: boolean
  /** What `acceptTerms()` takes. */
  readonly acceptanceToken?: string
}

export interface Registration {
  readonly email?: string
  readonly created?: Date
}

/** The account (facts: 3.2). What the service leaves out is `undefined`. */
export class UserApi {
  readonly #caller: Caller
  readonly #part: ApiPart

  constructor(caller: Caller) {
    this.#caller = caller
    this.#part = new ApiPart(caller, 'user')
  }

  getInfo(options?: SignalOption): Promise<UserInfo> {
    return this.#part.ask('get_info', {}, options, (answer) => {
      const fields = answer.fields('user_info')
      return {
        ekey: fields.someText('ekey'),
        email: fields.someText('email'),
        displayName: fields.someText('display_name'),
        firstName: fields.someText('first_name'),
        lastName: fields.someText('last_name'),
        gender: fields.someText('gender'),
        birthDate: fields.someText('birth_date'),
        location: fields.someText('location'),
        website: fields.someText('website'),
        premium: fields.flag('premium'),
        validated: fields.flag('validated'),
        created: fields.date('created'),
        termsAccepted: fields.someText('tos_accepted'),
        usedStorage: fields.count('used_storage_size'),
        storageLimit: fields.count('storage_limit'),
        baseStorage: fields.count('base_storage'),
        bonusStorage: fields.count('bonus_storage'),
        usedRevisionStorage: fields.count('used_revision_storage'),
        storageLimitExceeded: fields.flag('storage_limit_exceeded'),
        bandwidth: fields.number('bandwidth'),
        maxUploadSize: fields.count('max_upload_size'),
        oneTimeKeyRequestMaxCount: fields.count('one_time_key_request_max_count'),
      }
    })
  }

  getLimits(options?: SignalOption): Promise<UserLimits> {
    return this.#part.ask('get_limits', {}, options, (answer) => {
      const within = answer.fields('limits')
      const fields = within.names.length > 0 ? within : answer
      return {
        storageBase: fields.count('storage_base'),
        storageBonus: fields.count('storage_bonus'),
        storageLimit: fields.count('storage_limit'),
        storageUsed: fields.count('storage_used'),
        bandwidthLimit: fields.number('bandwidth_limit'),
        bandwidthUsed: fields.number('bandwidth_used'),
        uploadSizeLimit: fields.count('upload_size_limit'),
        collaborationLimit: fields.count('collaboration_limit'),
        collaborationToday: fields.count('collaboration_today'),
        oneTimeDownloadsLimit: fields.count('one_time_downloads_limit'),
        oneTimeDownloadsToday: fields.count('one_time_downloads_today'),
        streamingBandwidthLimit: fields.number('streaming_bandwidth_limit'),
        streamingBandwidthToday: fields.number('streaming_bandwidth_today'),
      }
    })
  }

  getSettings(options?: SignalOption): Promise<UserSettings> {
    return this.#part.ask('get_settings', {}, options, (answer) => {
      const fields = answer.fields('settings')
      return {
        validated: fields.flag('validated'),
        instantUploadsEnabled: fields.flag('instant_uploads_enabled'),
        autoBandwidth: fields.fields('auto_bandwidth').flag('enabled'),
        usedStorage: fields.count('used_storage_size'),
        storageLimit: fields.count('storage_limit'),
        storageLimitExceeded: fields.flag('storage_limit_exceeded'),
        previousFileVersions: fields.someText('previous_file_versions'),
        shareLinkStatus: fields.someText('share_link_status'),
        collectMetadata: fields.flag('collect_metadata'),
        maxUploadSize: fields.count('max_upload_size'),
      }
    })
  }

  async setSettings(
    settings: { previousFileVersions?: string; defaultShareLinkStatus?: string; collectMetadata?: boolean },
    options?: SignalOption,
  ): Promise<void> {
    const params = {
      previous_file_versions: settings.previousFileVersions,
      default_share_link_status: settings.defaultShareLinkStatus,
      collect_metadata: settings.collectMetadata,
    }
    await this.#part.ask('set_settings', params, options, () => undefined)
  }

  /** Changes the profile; the names of the fields are those of the service (`display_name`, `location`, …). */
  async update(changes: Readonly<Record<string, string>>, options?: SignalOption): Promise<void> {
    await this.#part.ask('update', changes, options, () => undefined)
  }

  /** The address of the account's picture; `undefined` when it has none. */
  getAvatar(options?: SignalOption): Promise<string | undefined> {
    return this.#part
      .ask('get_avatar', {}, options, (answer) => answer.someText('avatar'))
      .catch((error: unknown) => {
        if ((error as { apiCode?: unknown }).apiCode === 230) return undefined
        throw error
      })
  }

  /** @param avatar - The quick key of an image of the account; nothing removes the picture. */
  async setAvatar(avatar?: { quickKey: string }, options?: SignalOption): Promise<void> {
    const params = avatar === undefined ? { action: 'remove' } : { quick_key: avatar.quickKey }
    await this.#part.ask('set_avatar', params, options, () => undefined)
  }

  fetchTerms(options?: SignalOption): Promise<Terms> {
    return this.#part.ask('fetch_tos', {}, options, (answer) => {
      const fields = answer.fields('terms_of_service')
      return {
        revision: fields.someText('revision'),
        text: fields.someText('terms'),
        date: fields.someText('date'),
        accepted: fields.flag('user_accepted_terms'),
        acceptanceToken: fields.someText('acceptance_token'),
      }
    })
  }

  /** Accepts the terms of service; without it some calls fail with `terms`. */
  async acceptTerms(acceptanceToken: string, options?: SignalOption): Promise<void> {
    await this.#part.ask('accept_tos', { acceptance_token: acceptanceToken }, options, () => undefined)
  }

  /** Makes a new account. Needs no session. */
  register(
    account: { email: string; password: string; firstName?: string; lastName?: string; applicationId?: string },
    options: SignalOption = {},
  ): Promise<Registration> {
    const params = {
      application_id: account.applicationId ?? '42511',
      email: account.email,
      password: account.password,
      first_name: account.firstName,
      last_name: account.lastName,
    }
    const call = { action: 'user/register', params, signal: options.signal }
    return this.#caller.perform('none', call, (fields) => ({
      email: fields.someText('email'),
      created: fields.date('created'),
    }))
  }
}
