import { MediaFireError, type MediaFireErrorCode, quoted, type Retry } from './media-fire-error.ts'

type Meaning = readonly [code: MediaFireErrorCode, state: string, retry?: Retry]

const internal: Meaning = ['server', 'MediaFire reports an internal error']
const noFile: Meaning = ['not-found', 'there is no such file']
const noFolder: Meaning = ['not-found', 'there is no such folder']
const session: Meaning = ['session', 'the session is not valid any more']
const badArgument: Meaning = ['invalid', 'MediaFire does not accept an argument']
const badSignature: Meaning = ['session', 'the signature of the call does not fit the session']
const blocked: Meaning = ['denied', 'the file was blocked or removed for legal reasons']
const tooManyCalls: Meaning = ['rate-limited', 'too many calls in a short time']

/** MediaFire's numbers (facts: 1.5), in our own words. What is missing here is `refused`. */
const meanings: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [100, internal],
  [101, internal],
  [102, ['application', 'the application needs a key']],
  [103, ['application', 'the key of the application is wrong']],
  [104, session],
  [105, session],
  [106, ['invalid', 'the extension of a file cannot be changed by renaming']],
  [
    107,
    [
      'credentials',
      'the e-mail address and the password do not fit, or the application id is blocked for this account',
    ],
  ],
  [108, ['credentials', 'there is no such user']],
  [109, ['application', 'the application id is not accepted']],
  [110, noFile],
  [112, noFolder],
  [114, ['denied', 'no access to it']],
  [115, ['invalid', 'a folder cannot be put into itself']],
  [118, ['invalid', 'MediaFire does not accept the file name']],
  [126, ['deprecated', 'MediaFire no longer offers this call']],
  [127, badSignature],
  [130, ['denied', 'the limit for accounts without a subscription is reached']],
  [134, blocked],
  [135, blocked],
  [136, blocked],
  [142, ['denied', 'files of this type are not allowed']],
  [143, ['exists', 'there is a file of that name']],
  [144, ['exists', 'there is a folder of that name']],
  [145, ['application', 'the application is disabled']],
  [146, ['application', 'the application is suspended']],
  [149, ['bandwidth', 'not enough bandwidth left for this; it can be confirmed with confirm_download']],
  [153, ['bandwidth', 'not enough bandwidth left for this; it can be confirmed with confirm_download']],
  [158, ['exists', 'there is a file of that name']],
  [159, ['exists', 'there is a folder of that name']],
  [160, ['terms', 'the acceptance token of the terms of service is not valid']],
  [161, ['terms', 'the terms of service must be accepted first, on the website or by api.user.acceptTerms()']],
  [162, ['storage-full', 'the storage of the account is full']],
  [163, tooManyCalls],
  [164, blocked],
  [165, blocked],
  [166, ['denied', 'the folder is private']],
  [167, ['too-many', 'folders are nested too deep']],
  [185, ['invalid', 'MediaFire does not accept the folder name']],
  [187, ['server', 'a server of MediaFire was not found']],
  [188, session],
  [207, ['too-many', 'too many items to copy at once']],
  [208, ['busy', 'another job of the account is still running']],
  [209, ['deleted', 'the folder is deleted already']],
  [210, ['deleted', 'the file is deleted already']],
  [211, ['deleted', 'it is in the trash']],
  [212, ['denied', 'only accounts without a subscription may do that']],
  [215, badSignature],
  [220, ['credentials', 'MediaFire does not accept the credentials']],
  [222, ['not-found', 'there is no such patch']],
  [230, ['not-found', 'the account has no picture']],
  [231, ['application', 'the software token is not accepted']],
  [232, ['unverified', "the account's e-mail address is not verified; follow the link in MediaFire's mail"]],
  [242, ['too-many', 'the folder holds more than 1000 files, which MediaFire does not delete at once']],
  [243, ['locked', 'the account is locked for a while, usually ten minutes']],
  [244, ['denied', 'MediaFire does not serve this region']],
  [245, ['denied', 'the account has no permission for this service']],
  [253, ['unknown-method', 'MediaFire knows no such call']],
  [259, noFolder],
  [260, noFile],
  [261, tooManyCalls],
  [282, ['too-large', 'the file is larger than the account may store']],
  [304, ['mismatch', 'the bytes that arrived do not have the announced hash', 'now']],
])

const unknown: Meaning = ['refused', 'MediaFire refuses']

const badArguments = new Set([111, 113, 116, 117, 119, 124, 125, 128, 129, 214, 223, 262, 263, 264, 265, 266, 267])

export interface ApiAnswerFacts {
  readonly attempted: string
  readonly apiCode: number
  /** MediaFire's words, secrets taken out. */
  readonly apiMessage?: string
  readonly httpStatus?: number
  readonly retryAfterMs?: number
}

/** The error for a number of MediaFire's. */
export function apiError(facts: ApiAnswerFacts): MediaFireError {
  const { apiCode, apiMessage } = facts
  const [code, state, retry] = meanings.get(apiCode) ?? (badArguments.has(apiCode) ? badArgument : unknown)
  const words = apiMessage === undefined || apiMessage === '' ? '' : `: ${quoted(apiMessage)}`
  const retryAfterMs = facts.retryAfterMs ?? (apiCode === 243 ? 600_000 : undefined)
  return new MediaFireError(code, `${state} (MediaFire's error ${apiCode}${words})`, {
    ...facts,
    retry,
    retryAfterMs,
    // An internal error may come after the work was done (facts: 6, no. 2).
    outcome: code === 'server' ? 'unknown' : 'not-done',
  })
}
