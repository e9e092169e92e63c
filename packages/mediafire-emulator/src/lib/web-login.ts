import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { renderJson, toWire } from './answer.ts'
import { collectBody, createParams, pairsOf } from './params.ts'
import { htmlReply, type Reply, textReply } from './reply.ts'
import type { World } from './world.ts'

/** How a browser logs in, as far as programs follow it. */
const pages: Readonly<Record<string, (world: World, request: IncomingMessage, query: string) => Promise<Reply>>> = {
  '/login/': loginPage,
  '/dynamic/client_login/mediafire.php': clientLogin,
  '/application/get_session_token.php': sessionToken,
  '/application/logout.php': logout,
}

const cookieMs = 30 * 86_400_000

/** The page of a path, and what the log calls it. */
export function webRoute(path: string): { call: string; serve: (typeof pages)[string] } | undefined {
  const short = path === '/login' ? '/login/' : path
  if (Object.hasOwn(pages, short))
    return { call: `web/${short.split('/').filter(Boolean).at(-1)}`, serve: pages[short]! }
  if (/^\/api(?:\/\d+\.\d+)?\/user\/login_with_token\.php$/.test(path)) {
    return { call: 'web/login_with_token.php', serve: loginWithToken }
  }
  return undefined
}

async function loginPage(world: World): Promise<Reply> {
  const security = world.tokens.openForm()
  return htmlReply(
    200,
    `<!DOCTYPE html><html><head><title>Log in</title></head><body>
<form method="post" action="/dynamic/client_login/mediafire.php">
<input type="hidden" name="security" value="${security}">
<input name="login_email" type="email"><input name="login_pass" type="password"><input name="login_remember" type="checkbox">
<button>Log in</button></form></body></html>\n`,
  )
}

async function clientLogin(world: World, request: IncomingMessage): Promise<Reply> {
  const params = createParams(pairsOf((await collectBody(request, 65_536)).toString('utf8')))
  const email = params.get('login_email')?.toLowerCase()
  const account = [...world.state.account.values()].find((each) => each.email.toLowerCase() === email)
  const refused = htmlReply(200, '<!DOCTYPE html><html><body><script>var et = 2;</script></body></html>\n')
  if (!world.tokens.takeForm(params.get('security') ?? '')) return refused
  if (account === undefined || !world.checkPassword(account.ekey, params.get('login_pass') ?? '')) return refused
  const cookies = setCookies(world, account.ekey)
  return htmlReply(200, '<!DOCTYPE html><html><body><script>var et = 15;</script></body></html>\n', cookies)
}

function setCookies(world: World, ekey: string): Reply['headers'] {
  const cookie = world.tokens.openWeb(ekey, world.clock.now() + cookieMs)
  const rest = 'Path=/; HttpOnly; SameSite=Lax'
  return { 'Set-Cookie': [`session=${cookie}; ${rest}`, `ukey=${world.keys.text(32)}; ${rest}`] }
}

function cookieOf(request: IncomingMessage): string {
  return /(?:^|;\s*)session=([^;\s]*)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
}

async function sessionToken(world: World, request: IncomingMessage): Promise<Reply> {
  request.resume()
  const { tokens, clock, settings } = world
  const ekey = tokens.web(cookieOf(request), clock.now())
  const head = { action: 'user/get_session_token' }
  if (ekey === undefined) {
    const message = 'The user is not logged in'
    return textReply(403, 'application/json', renderJson(toWire({ ...head, message, error: 188, result: 'Error' })))
  }
  // The cookie is another one from now on.
  tokens.dropWeb(cookieOf(request))
  const { token } = tokens.openSession(ekey, 1, clock.now(), settings.v1LifetimeMs)
  const reply = textReply(
    200,
    'application/json',
    renderJson({ ...head, session_token: token, result: 'Success' }),
    setCookies(world, ekey),
  )
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply
  const body = await promisify(gzip)(reply.body)
  return { ...reply, headers: { ...reply.headers, 'Content-Encoding': 'gzip' }, body }
}

async function logout(world: World, request: IncomingMessage): Promise<Reply> {
  const params = createParams(pairsOf((await collectBody(request, 65_536)).toString('utf8')))
  world.tokens.dropWeb(cookieOf(request))
  world.tokens.dropSession(params.get('session_token') ?? '')
  return textReply(200, 'application/json', renderJson({ action: 'user/logout', result: 'Success' }), {
    'Set-Cookie': ['session=; Path=/; Max-Age=0', 'ukey=; Path=/; Max-Age=0'],
  })
}

async function loginWithToken(world: World, request: IncomingMessage, query: string): Promise<Reply> {
  request.resume()
  const token = createParams(pairsOf(query)).get('login_token') ?? ''
  const ekey = world.tokens.web(token, world.clock.now())
  if (ekey === undefined) return htmlReply(403, '<!DOCTYPE html><html><body>Unknown login token</body></html>\n')
  world.tokens.dropWeb(token)
  return htmlReply(302, '', { Location: '/', ...setCookies(world, ekey) })
}
