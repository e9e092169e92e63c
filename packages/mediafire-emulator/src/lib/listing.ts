import type { Fields } from './answer.ts'
import { fileItem, folderItem } from './describe.ts'
import type { Folder, StoredFile } from './records.ts'
import type { Call } from './world.ts'

export interface Page<T> {
  items: readonly T[]
  number: number
  size: number
  more: boolean
}

/** One chunk of a listing, counted from 1. Behind the end there is an empty one. */
export function pageOf<T extends Folder | StoredFile>(call: Call, all: readonly T[]): Page<T> {
  const { params, world } = call
  const size = Math.min(Math.max(wholeOr(params.get('chunk_size'), 100), world.settings.minChunkSize), 1000)
  const number = Math.max(wholeOr(params.get('chunk'), 1), 1)
  const sorted = [...all].sort(orderOf(params.get('order_by'), params.get('order_direction') === 'desc'))
  const start = (number - 1) * size
  return { items: sorted.slice(start, start + size), number, size, more: start + size < sorted.length }
}

/** The fields of a page, with the list that was asked for always there. */
export function pageFields(call: Call, page: Page<Folder | StoredFile>, kind: 'files' | 'folders'): Fields {
  const details = call.params.get('details') === 'yes'
  return {
    chunk_size: page.size,
    content_type: kind,
    chunk_number: page.number,
    [kind]: page.items.map((item) =>
      kind === 'files' ? fileItem(call.world, item as StoredFile) : folderItem(call.world, item as Folder, details),
    ),
    more_chunks: page.more,
  }
}

/** What kind of content a call wants; folders unless it says files. */
export function contentType(call: Call): 'files' | 'folders' {
  return call.params.get('content_type') === 'files' ? 'files' : 'folders'
}

export function wholeOr(text: string | undefined, standard: number): number {
  const value = Number(text ?? Number.NaN)
  return Number.isSafeInteger(value) ? value : standard
}

type Item = Folder | StoredFile

function orderOf(by: string | undefined, down: boolean): (a: Item, b: Item) => number {
  const value = (item: Item): number => {
    if (by === 'created') return item.createdMs
    if (by === 'size') return 'size' in item ? item.size : 0
    if (by === 'downloads') return 'downloads' in item ? item.downloads : 0
    // Anything else is taken for the name.
    return 0
  }
  const sign = down ? -1 : 1
  return (a, b) => sign * (value(a) - value(b) || compareNames(a, b))
}

function compareNames(a: Item, b: Item): number {
  const [one, other] = [a.name.toLowerCase(), b.name.toLowerCase()]
  if (one !== other) return one < other ? -1 : 1
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.key < b.key ? -1 : 1
}
