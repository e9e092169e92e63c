import type { IncomingMessage } from 'node:http'
import { accountNamed, ageFile, changeAccount, duplicateFile, viewOf } from './control.ts'
import { EmulatorError } from './emulator-error.ts'
import type { FaultRule } from './faults.ts'
import { collectBody, createParams, pairsOf } from './params.ts'
import { type Reply, textReply } from './reply.ts'
import { applySettings } from './settings.ts'
import type { World } from './world.ts'

/**
 * The emulator's own calls, below `/_emulator/`: what the library does, for programs in other processes. Bodies are
 * JSON, and have to say so: a page in a browser cannot send that without being asked about.
 */
export async function serveAdmin(world: World, request: IncomingMessage, name: string): Promise<Reply> {
  try {
    const query = createParams(pairsOf((request.url ?? '').split('?')[1] ?? ''))
    const done = await run(world, {
      method: request.method ?? '',
      name: name,
      query,
      body: () => jsonOf(request),
    })
    return done === undefined
      ? answer(404, { error: `Nothing is at "${name}" for ${request.method}` })
      : answer(200, done)
  } catch (error) {
    if (error instanceof EmulatorError || error instanceof RangeError) return answer(400, { error: error.message })
    throw error
  }
}

function answer(status: number, value: unknown): Reply {
  return textReply(status, 'application/json', `${JSON.stringify(value)}\n`)
}

async function jsonOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const isJson = /^application\/json\b/.test(request.headers['content-type'] ?? '')
  if (!isJson) throw new EmulatorError('bad-option', 'Cannot read the body: its Content-Type is not application/json')
  const text = (await collectBody(request)).toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below, together with JSON that is no object.
  }
  throw new EmulatorError('bad-option', 'Cannot read the body: it is not a JSON object')
}

interface Asked {
  method: string
  name: string
  query: ReturnType<typeof createParams>
  body: () => Promise<Record<string, unknown>>
}

async function run(world: World, { method, name, query, body }: Asked): Promise<unknown> {
  switch (`${method} ${name}`) {
    case 'GET faults':
      return { faults: world.faults.list() }
    case 'POST faults':
      return { id: world.faults.add((await body()) as unknown as FaultRule) }
    case 'DELETE faults':
      world.faults.clear()
      return {}
    case 'GET clock':
      return { nowMs: world.clock.now() }
    case 'POST clock':
      return moveClock(world, await body())
    case 'GET log':
      return { calls: world.log.calls(query.get('call')), count: world.log.count(query.get('call')) }
    case 'DELETE log':
      world.log.clear()
      return {}
    case 'GET settings':
      return world.settings
    case 'POST settings':
      applySettings(world.settings, await body())
      return world.settings
    case 'GET account':
      return viewOf(world, query.get('email'))
    case 'POST account':
      changeAccount(world, await body(), query.get('email'))
      return {}
    case 'POST expire':
      world.tokens.dropAll(query.get('email') && accountNamed(world, query.get('email')).ekey)
      world.links.dropAll()
      return {}
    case 'POST duplicate':
      return { quickkey: duplicateFile(world, String((await body())['quickkey'])) }
    case 'POST age':
      await ageFile(world, String((await body())['quickkey']))
      return {}
    default:
      return undefined
  }
}

function moveClock(world: World, wishes: Record<string, unknown>): unknown {
  const { advanceMs, setMs } = wishes
  if (typeof advanceMs === 'number') world.clock.advance(advanceMs)
  else if (typeof setMs === 'number') world.clock.set(setMs)
  else throw new EmulatorError('bad-option', 'Cannot move the clock: neither "advanceMs" nor "setMs" is a number')
  return { nowMs: world.clock.now() }
}
