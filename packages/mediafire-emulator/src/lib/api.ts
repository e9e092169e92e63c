import type { IncomingMessage } from 'node:http'
import { ApiFailure, type Fields, statusOf } from './answer.ts'
import { authenticate, type Caller } from './auth.ts'
import type { OpenCall } from './call-log.ts'
import { deviceCalls } from './calls/device.ts'
import { fileCalls } from './calls/file.ts'
import { folderCalls } from './calls/folder.ts'
import { systemCalls } from './calls/system.ts'
import { uploadCalls } from './calls/upload.ts'
import { userCalls } from './calls/user.ts'
import { apiVersionOf, envelope } from './envelope.ts'
import type { Fault } from './faults.ts'
import { needQuiet } from './mutate.ts'
import { readParams, type SentParams } from './params.ts'
import { settle } from './settle.ts'
import { hostPrefix } from './signature.ts'
import type { Call, Method, Methods, World } from './world.ts'

const categories: Readonly<Record<string, Methods>> = {
  user: userCalls,
  folder: folderCalls,
  file: fileCalls,
  upload: uploadCalls,
  device: deviceCalls,
  system: systemCalls,
}

/** Where a call of the API is addressed to. */
export interface ApiRoute {
  version: string
  category: string
  method: string
}

/** Takes the path of a call apart; `undefined` for other paths. */
export function apiRoute(path: string): ApiRoute | undefined {
  const rest = path.startsWith(`${hostPrefix}/`) ? path.slice(hostPrefix.length) : path
  const found = /^\/api(?:\/(\d{1,3}\.\d{1,3}))?\/([a-z]{1,40})\/([a-z_]{1,60})\.php$/.exec(rest)
  if (found === null) return undefined
  return { version: found[1] ?? '', category: found[2] ?? '', method: found[3] ?? '' }
}

/** An answer, not yet written. */
export interface ApiAnswer {
  status: number
  error: number
  response: Record<string, unknown>
  format: 'json' | 'xml'
}

/** A call of the API on its way: parameters read, nothing done. */
export interface ApiRequest {
  route: ApiRoute
  sent: SentParams
  path: string
  request: IncomingMessage
  log: OpenCall
}

/** Calls whose body is the content of a file. */
function takesContent({ category, method }: ApiRoute): boolean {
  return category === 'upload' && ['simple', 'resumable', 'update', 'patch'].includes(method)
}

/** Reads the parameters of a call. */
export async function readApiRequest(
  route: ApiRoute,
  request: IncomingMessage,
  { path, query, log }: { path: string; query: string; log: OpenCall },
): Promise<ApiRequest> {
  const sent = await readParams(request, query, takesContent(route))
  return { route, sent, path, request, log }
}

function methodOf({ category, method }: ApiRoute): Method | undefined {
  const methods = Object.hasOwn(categories, category) ? categories[category] : undefined
  return methods && Object.hasOwn(methods, method) ? methods[method] : undefined
}

/** Carries a call out. Never throws what a caller did wrong: that is an answer. */
export async function answerApi(world: World, asked: ApiRequest, faults: readonly Fault[]): Promise<ApiAnswer> {
  const { route, sent, log } = asked
  const { settings } = world
  const action = `${route.category}/${route.method}`
  let caller: Caller = { newKey: false }
  let fields: Fields = {}
  let failure: ApiFailure | undefined
  try {
    settle(world)
    const method = methodOf(route)
    if (method === undefined) throw new ApiFailure(253, `Unknown or not emulated: ${action}`)
    if (faults.some((fault) => fault.kind === 'expire')) expire(world, sent)
    const refused = faults.find((fault) => fault.kind === 'error')
    // These say that the call was never let in, and the key stays where it is.
    if (refused && [104, 105, 127].includes(refused.code)) throw new ApiFailure(refused.code, refused.message)
    caller = authenticate(
      world,
      {
        path: asked.path,
        host: asked.request.headers.host ?? '',
        category: route.category,
        access: method.access,
        log,
      },
      sent,
    )
    if (refused && refused.applied !== true) throw new ApiFailure(refused.code, refused.message)
    mayGoOn(world, action, caller)
    const call: Call = {
      world,
      name: action,
      version: Number(route.version === '' ? '0' : route.version),
      params: sent.params,
      headers: asked.request.headers,
      body: asked.request,
      ...(caller.account ? { account: caller.account } : {}),
      ...(caller.session ? { session: caller.session } : {}),
      log,
      faults,
    }
    fields = await method.run(call)
    if (refused) throw new ApiFailure(refused.code, refused.message)
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error
    failure = error
  }
  const wanted = sent.params.get('response_format')
  const format = wanted === 'json' || wanted === 'xml' ? wanted : settings.defaultFormat
  const head: Fields = failure ? { message: failure.message, error: failure.code, ...failure.fields } : fields
  const response = envelope(action, head, {
    result: failure ? 'Error' : 'Success',
    ...(caller.newKey ? { new_key: 'yes' } : {}),
    current_api_version: apiVersionOf(settings.profile),
  })
  const asserted = faults.find((fault) => fault.kind === 'error')?.status
  const status = failure && settings.statuses === 'mapped' ? (asserted ?? statusOf(failure.code)) : 200
  return { status, error: failure?.code ?? 0, response, format }
}

function expire({ tokens, clock }: World, { params }: SentParams): void {
  const token = params.get('session_token') ?? ''
  tokens.dropSession(token)
  tokens.dropAction(token, clock.now())
}

const changing = /^(?:folder|file)\/(?:create|copy|move|delete|purge|update|update_file|restore)$|^device\/empty_trash$/

/** What an account is kept from. @throws ApiFailure 161, 208 or 232. */
function mayGoOn(world: World, action: string, { account }: Caller): void {
  if (account === undefined) return
  if (!account.tosAccepted && !action.startsWith('user/')) throw new ApiFailure(161)
  if (!account.validated && action.startsWith('upload/'))
    throw new ApiFailure(232, 'The e-mail address is not validated')
  if (changing.test(action)) needQuiet(world, account.ekey)
}
