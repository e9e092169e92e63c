import { ApiFailure, type Fields } from '../answer.ts'
import { centralTime } from '../clock.ts'
import { createEdit } from '../edit.ts'
import { wholeOr } from '../listing.ts'
import type { Account } from '../records.ts'
import { loginSignature } from '../signature.ts'
import { accountOf, type Call, type Methods } from '../world.ts'

/** The calls of `user/`. */
export const userCalls: Methods = {
  get_session_token: { access: 'public', run: getSessionToken },
  get_login_token: { access: 'public', run: getLoginToken },
  renew_session_token: { access: 'session', run: renewSessionToken },
  upgrade_session_token: { access: 'session', run: upgradeSessionToken },
  get_action_token: { access: 'session', run: getActionToken },
  destroy_action_token: { access: 'session', run: destroyActionToken },
  get_info: { access: 'session', run: getInfo },
  get_limits: { access: 'session', run: getLimits },
  get_settings: { access: 'session', run: getSettings },
  set_settings: { access: 'session', run: () => ({}) },
  update: { access: 'session', run: update },
  fetch_tos: { access: 'session', run: fetchTos },
  accept_tos: { access: 'session', run: acceptTos },
  get_avatar: {
    access: 'session',
    run: () => {
      throw new ApiFailure(230)
    },
  },
}

/** The terms that have to be accepted; there is nothing in them. */
export const terms = { revision: '1.4', terms: 'Terms of an emulated service.', date: '2014-01-01' } as const
const acceptance = 'accept-emulated-terms'

/** Renewing a younger token hands out the same one, and does not extend it. */
const youngMs = 300_000

/** Who logs in. @throws ApiFailure 107, 109, 127, 128 or 129. */
function login(call: Call): Account {
  const { world, params } = call
  if (params.get('fb_access_token') ?? params.get('tw_oauth_token')) throw new ApiFailure(129)
  const application = params.need('application_id', 109)
  if (!/^\d{1,12}$/.test(application)) throw new ApiFailure(109)
  const email = params.get('email')
  const ekey = params.get('ekey')
  const password = params.need('password')
  const signature = params.need('signature').toLowerCase()
  if (email === undefined && ekey === undefined) throw new ApiFailure(128)
  const apiKey = Object.hasOwn(world.apps, application) ? (world.apps[application] ?? '') : ''
  // One client puts both together when it has both.
  const identifier = `${email ?? ''}${ekey ?? ''}`
  if (signature !== loginSignature(identifier, password, application, apiKey)) throw new ApiFailure(127)
  const account = [...world.state.account.values()].find((each) =>
    ekey === undefined ? each.email.toLowerCase() === email?.toLowerCase() : each.ekey === ekey,
  )
  if (account === undefined) throw new ApiFailure(107)
  if (!world.checkPassword(account.ekey, password)) throw new ApiFailure(107, undefined, { pkey: account.pkey })
  return account
}

function getSessionToken(call: Call): Fields {
  const { tokens, clock, settings } = call.world
  const version = call.params.get('token_version') === '2' ? 2 : 1
  const account = login(call)
  const lifetimeMs = version === 1 ? settings.v1LifetimeMs : settings.v2LifetimeMs
  const session = tokens.openSession(account.ekey, version, clock.now(), lifetimeMs)
  return {
    session_token: session.token,
    ...(version === 2 ? { secret_key: session.secret, time: session.time } : {}),
    ekey: account.ekey,
    pkey: account.pkey,
  }
}

function getLoginToken(call: Call): Fields {
  const account = login(call)
  return { login_token: call.world.tokens.openWeb(account.ekey, call.world.clock.now() + 60_000) }
}

function renewSessionToken(call: Call): Fields {
  const { tokens, clock, settings } = call.world
  const { session } = call
  if (session === undefined) throw new ApiFailure(104)
  if (session.version === 2 || clock.now() - session.issuedMs < youngMs) return { session_token: session.token }
  tokens.dropSession(session.token)
  return { session_token: tokens.openSession(session.owner, 1, clock.now(), settings.v1LifetimeMs).token }
}

function upgradeSessionToken(call: Call): Fields {
  const { tokens, clock, settings } = call.world
  if (!settings.upgradeTokens) throw new ApiFailure(253)
  if (call.session?.version === 2) throw new ApiFailure(252)
  const session = tokens.openSession(accountOf(call).ekey, 2, clock.now(), settings.v2LifetimeMs)
  return { session_token: session.token, secret_key: session.secret, time: session.time }
}

function getActionToken(call: Call): Fields {
  const { tokens, clock } = call.world
  const type = call.params.need('type')
  if (type !== 'upload' && type !== 'image') throw new ApiFailure(129)
  const minutes = wholeOr(call.params.get('lifespan'), 1)
  if (minutes < 1) throw new ApiFailure(129)
  const expiresMs = clock.now() + Math.min(minutes, 1440) * 60_000
  return { action_token: tokens.openAction(accountOf(call).ekey, type, expiresMs).token }
}

function destroyActionToken(call: Call): Fields {
  const { tokens, clock } = call.world
  if (!tokens.dropAction(call.params.need('action_token'), clock.now())) throw new ApiFailure(100)
  return {}
}

/** What is stored and what may be. */
function storageOf(call: Call): { used: number; limit: number; base: number; bonus: number } {
  const { ekey, baseStorage: base, bonusStorage: bonus } = accountOf(call)
  return { used: call.world.state.usedBytes(ekey), limit: base + bonus, base, bonus }
}

function getInfo(call: Call): Fields {
  const account = accountOf(call)
  const { used, limit, base, bonus } = storageOf(call)
  const flag = (value: boolean): string => {
    const word = value ? 'yes' : 'no'
    return call.version >= 1.3 ? word : word.replace(/^./, (first) => first.toUpperCase())
  }
  return {
    user_info: {
      ekey: account.ekey,
      email: account.email,
      first_name: account.firstName,
      last_name: account.lastName,
      display_name: account.displayName,
      gender: 'none',
      birth_date: '',
      location: '',
      website: '',
      premium: flag(account.premium),
      bandwidth: '1190676917602',
      created: centralTime(account.createdMs).slice(0, 10),
      validated: flag(account.validated),
      tos_accepted: account.tosAccepted ? terms.revision : '',
      used_storage_size: used,
      base_storage: base,
      bonus_storage: bonus,
      storage_limit: limit,
      storage_limit_exceeded: used > limit,
      options: '0',
      facebook: { linked: 'no' },
      gmail: { linked: 'no' },
      twitter: { linked: 'no' },
      one_time_key_request_max_count: '10',
      ...(call.world.settings.profile === 'legacy'
        ? { max_upload_size: call.world.settings.maxUploadSize, max_instant_upload_size: '4294967295' }
        : {}),
    },
  }
}

function getLimits(call: Call): Fields {
  const { used, limit, base, bonus } = storageOf(call)
  return {
    limits: {
      storage_base: base,
      storage_bonus: bonus,
      storage_limit: limit,
      storage_used: used,
      bandwidth_limit: '53687091200',
      bandwidth_used: '0',
      collaboration_limit: '150',
      collaboration_today: '0',
      one_time_downloads_limit: '10',
      one_time_downloads_today: '0',
      streaming_bandwidth_limit: '0',
      streaming_bandwidth_today: '0',
      upload_size_limit: call.world.settings.maxUploadSize,
    },
  }
}

function getSettings(call: Call): Fields {
  const { used, limit } = storageOf(call)
  return {
    settings: {
      validated: accountOf(call).validated,
      instant_uploads_enabled: 'yes',
      show_download_page: { me_from_me: 'no', me_from_others: 'yes', others_from_me: 'yes' },
      auto_bandwidth: { enabled: 'no' },
      used_storage_size: used,
      storage_limit: limit,
      storage_limit_exceeded: used > limit,
      previous_file_versions: 'yes',
      share_link_status: 'inherit',
      collect_metadata: 'no',
      max_upload_size: call.world.settings.maxUploadSize,
    },
  }
}

function update(call: Call): Fields {
  const { params } = call
  for (const name of ['email', 'password']) {
    if (params.get(name) !== undefined) throw new ApiFailure(129, `Not emulated: changing the ${name}`)
  }
  const edit = createEdit(call.world, accountOf(call).ekey)
  edit.account((account) => ({
    ...account,
    displayName: params.get('display_name') ?? account.displayName,
    firstName: params.get('first_name') ?? account.firstName,
    lastName: params.get('last_name') ?? account.lastName,
  }))
  edit.commit()
  return {}
}

function fetchTos(call: Call): Fields {
  const accepted = accountOf(call).tosAccepted
  return { terms_of_service: { ...terms, user_accepted_terms: accepted, acceptance_token: acceptance } }
}

function acceptTos(call: Call): Fields {
  if (call.params.need('acceptance_token') !== acceptance) throw new ApiFailure(160)
  const edit = createEdit(call.world, accountOf(call).ekey)
  edit.account((account) => ({ ...account, tosAccepted: true }))
  edit.commit()
  return {}
}
