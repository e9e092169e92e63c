import { apiError } from './api-errors.ts'
import { Fields, FieldError, type Json, parseJson } from './fields.ts'
import { headerOf, type HttpAnswer, type HttpHeaders } from './http.ts'
import { MediaFireError, type MediaFireErrorFacts } from './media-fire-error.ts'
import type { Secrets } from './secrets.ts'

export interface AnswerContext {
  readonly attempted: string
  readonly secrets: Secrets
  readonly nowMs: number
}

/** An answer of the API that could be read. */
export interface Envelope {
  readonly fields: Fields
  /** `undefined` when the call has succeeded. */
  readonly error?: MediaFireError
}

/**
 * Reads an answer, whatever its status and type say: those are not to be relied on (facts: 1.3, 1.4).
 *
 * @throws MediaFireError when it is not an answer of the API at all.
 */
export function readEnvelope(answer: HttpAnswer, context: AnswerContext): Envelope {
  const { attempted, secrets } = context
  const fields = envelopeFields(answer, context)
  const httpStatus = answer.status
  // A field of the wrong kind here is the same as an answer that cannot be read.
  try {
    const result = fields.someText('result')?.toLowerCase()
    const apiCode = fields.number('error') || undefined
    if (result === 'success' && apiCode === undefined) return { fields }
    if (result !== 'error' && apiCode === undefined) throw new FieldError('result is missing')
    const message = fields.text('message')
    const apiMessage = message === undefined ? undefined : secrets.conceal(message)
    const retryAfterMs = retryAfter(answer.headers, context.nowMs)
    return { fields, error: apiError({ attempted, apiCode: apiCode ?? 100, apiMessage, httpStatus, retryAfterMs }) }
  } catch (error) {
    throw error instanceof FieldError ? wrongField(error, { attempted, httpStatus }) : error
  }
}

/** @throws MediaFireError when a page of the website is refused: too many calls, a challenge, a failure. */
export function requirePage(answer: HttpAnswer, context: AnswerContext): void {
  const { status, headers, body } = answer
  const text = new TextDecoder().decode(body.subarray(0, 65_536))
  // A refusal in JSON is an answer: it says that nobody is signed in.
  const refusal = (status === 401 || status === 403) && text.trimStart().startsWith('{')
  if ((status >= 400 && !refusal) || isChallenge(headers, text)) throw noAnswer(answer, text.trim(), context)
}

/** A challenge or a captcha that came in place of a file; `undefined` when it is another page. */
export function readPage(answer: HttpAnswer, context: AnswerContext): MediaFireError | undefined {
  const text = new TextDecoder().decode(answer.body)
  return isChallenge(answer.headers, text) || /captcha/i.test(text) ? noAnswer(answer, text.trim(), context) : undefined
}

/** The error for a field that is not what it must be. */
export function wrongField(error: FieldError, facts: MediaFireErrorFacts): MediaFireError {
  return new MediaFireError('malformed', `in the answer ${error.message}`, { outcome: 'unknown', ...facts })
}

function envelopeFields(answer: HttpAnswer, context: AnswerContext): Fields {
  const text = new TextDecoder().decode(answer.body).trim()
  if (text.startsWith('{')) {
    let json: Json
    try {
      json = parseJson(text)
    } catch {
      // The parser's own message shows parts of the answer, which may be a token: it is left out.
      if (answer.status >= 200 && answer.status < 300) throw notJson(answer, text, context)
      throw noAnswer(answer, text, context)
    }
    const response = (json as { readonly [name: string]: Json })['response']
    if (typeof response === 'object' && response !== null && !Array.isArray(response)) {
      return new Fields(response as { readonly [name: string]: Json })
    }
  }
  throw noAnswer(answer, text, context)
}

function notJson(answer: HttpAnswer, text: string, context: AnswerContext): MediaFireError {
  const state = text.endsWith('}') ? 'is not JSON that can be read' : 'breaks off in the middle of its JSON'
  return new MediaFireError('malformed', `the answer of ${answer.body.length} bytes ${state}`, {
    attempted: context.attempted,
    httpStatus: answer.status,
    outcome: 'unknown',
  })
}

/** What stands in for an answer: a page, a redirect, a bare status. */
function noAnswer(answer: HttpAnswer, text: string, context: AnswerContext): MediaFireError {
  const { status, headers } = answer
  const facts = { attempted: context.attempted, httpStatus: status, retryAfterMs: retryAfter(headers, context.nowMs) }
  const html = /^(?:<!--[^]{0,200}?-->\s*)?<(?:!doctype html|html|head|body)\b/i.test(text.slice(0, 500))
  if (status >= 300 && status < 400) {
    const state = `the server sends calls on to ${hostOf(headerOf(headers, 'location'))}, and they are not sent there`
    return new MediaFireError('redirected', state, facts)
  }
  if (status === 429) {
    return new MediaFireError('rate-limited', `too many calls in a short time (HTTP status 429)`, facts)
  }
  if (isChallenge(headers, html ? text : '') || (status === 403 && html)) {
    if (!isChallenge(headers, '') && /captcha/i.test(text)) return captcha(facts)
    const state =
      'a page that lets only browsers pass came instead of an answer (bot protection); ' +
      'sign in with a browser and use its cookie, or try from another network'
    return new MediaFireError('bot-challenge', state, facts)
  }
  if (html && /captcha/i.test(text)) return captcha(facts)
  if (status >= 500) {
    const state = `the server does not do its work (HTTP status ${status})`
    return new MediaFireError('server', state, { ...facts, outcome: 'unknown' })
  }
  if (html) {
    const state = `a web page came instead of an answer (HTTP status ${status})`
    return new MediaFireError('malformed', state, { ...facts, outcome: 'unknown' })
  }
  if (status >= 400) {
    const code = status === 404 ? 'unknown-method' : status === 413 ? 'too-large' : 'refused'
    return new MediaFireError(code, `the server refuses (HTTP status ${status})`, facts)
  }
  const kind =
    text === '' ? 'is empty' : text.startsWith('<') ? 'is XML instead of JSON' : 'is not an answer of the API'
  return new MediaFireError('malformed', `the answer of ${answer.body.length} bytes ${kind}`, {
    ...facts,
    outcome: 'unknown',
  })
}

function captcha(facts: MediaFireErrorFacts): MediaFireError {
  const state = 'MediaFire asks to solve a captcha; sign in with a browser and use its cookie'
  return new MediaFireError('captcha', state, facts)
}

function isChallenge(headers: HttpHeaders, page: string): boolean {
  if (headerOf(headers, 'cf-mitigated') !== undefined) return true
  // What Chromium is asked for before a challenge (ShareX issue 7724).
  if (headerOf(headers, 'critical-ch') !== undefined && page !== '') return true
  return /challenge-platform|cf-chl|cf-browser-verification|<title>(?:just a moment|attention required)/i.test(page)
}

/** `Retry-After` in seconds or as a date, in milliseconds from now. */
export function retryAfter(headers: HttpHeaders, nowMs: number): number | undefined {
  const text = headerOf(headers, 'retry-after')?.trim()
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

/** The host of an address from outside; the rest may hold tokens. */
function hostOf(location: string | undefined): string {
  if (location === undefined) return 'nowhere'
  try {
    const { host } = new URL(location, 'https://same-host.invalid')
    return host === 'same-host.invalid' ? 'another path' : `"${host}"`
  } catch {
    // An address that cannot be read is not shown.
    return 'an address that cannot be read'
  }
}
