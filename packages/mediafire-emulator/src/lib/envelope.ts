import { type Fields, renderJson, renderXml, toWire } from './answer.ts'
import type { Profile } from './settings.ts'

/** What answers call the API's version, whichever version was asked for. */
export function apiVersionOf(profile: Profile): string {
  return profile === 'legacy' ? '1.4' : '1.5'
}

/** An answer before it is written: the envelope, with every scalar as the wire has it. */
export function envelope(action: string, fields: Fields, end: Fields): Record<string, unknown> {
  return toWire({ action, ...fields, ...end }) as Record<string, unknown>
}

/** Text and media type. The type has no charset: a client compares it for equality. */
export function render(response: unknown, format: 'json' | 'xml'): { type: string; text: string } {
  return format === 'json'
    ? { type: 'application/json', text: renderJson(response) }
    : { type: 'text/xml', text: renderXml(response) }
}
