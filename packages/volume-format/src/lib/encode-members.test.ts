import type { RawPath } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import {
  BLOCK_BYTES,
  encodeDiffTarMember,
  encodeSigTarMember,
  signatureHeader,
  sigTarEnd,
  volumeEnd,
  type DiffTarMember,
} from './encode-members.ts'
import type { EntryMeta } from './entry-meta.ts'

const raw = (text: string) => text as RawPath
const file: EntryMeta = {
  path: raw('d/f'),
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 1_600_000_000,
  userName: 'root',
  groupName: 'root',
}
const folder: EntryMeta = { ...file, path: raw('d'), kind: 'directory' }
const link: EntryMeta = { ...file, path: raw('l'), kind: 'symlink', linkTarget: raw('a b') }

/** Name and type flag of the first header. */
function head(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1')
  return `${text.slice(0, 100).replace(/\0+$/, '')} ${text[156]}`
}

// The judge of the whole bytes is duplicity: ../../test/golden.test.ts.
describe('encodeDiffTarMember()', () => {
  it.each<[string, DiffTarMember]>([
    ['snapshot/d/f 0', { action: 'snapshot', meta: file }],
    ['diff/d/f 0', { action: 'diff', meta: file }],
    ['multivol_snapshot/d/f/12 0', { action: 'snapshot', meta: file, block: 12 }],
    ['multivol_diff/d/f/1 0', { action: 'diff', meta: file, block: 1 }],
    ['snapshot/d/ 5', { action: 'snapshot', meta: folder }],
    ['snapshot/l 2', { action: 'snapshot', meta: link }],
    ['snapshot/p 6', { action: 'snapshot', meta: { ...file, path: raw('p'), kind: 'fifo' } }],
    ['snapshot/c 3', { action: 'snapshot', meta: { ...file, path: raw('c'), kind: 'character-device', devMajor: 1 } }],
    ['snapshot/b 4', { action: 'snapshot', meta: { ...file, path: raw('b'), kind: 'block-device', devMinor: 1 } }],
    ['deleted/d 0', { action: 'deleted', path: raw('d') }],
    ['snapshot/./ 5', { action: 'snapshot', meta: { ...folder, path: raw('') } }],
    ['snapshot/ 0', { action: 'snapshot', meta: { ...file, path: raw('') } }],
    ['multivol_snapshot/./3 0', { action: 'snapshot', meta: { ...file, path: raw('') }, block: 3 }],
    ['snapshot/..a/b..  0', { action: 'snapshot', meta: { ...file, path: raw('..a/b.. ') } }],
  ])('writes %s', (expected, member) => {
    const bytes = encodeDiffTarMember(member)
    expect(bytes).toHaveLength(512)
    expect(head(bytes)).toBe(expected)
  })

  it.each([0, 1, 511, 512, 513, BLOCK_BYTES])('puts %d bytes of data behind the header, and zeros', (length) => {
    const data = Buffer.alloc(length, 7)
    const bytes = encodeDiffTarMember({ action: 'snapshot', meta: file, data })
    expect(bytes).toHaveLength(512 + Math.ceil(length / 512) * 512)
    expect(Buffer.from(bytes.subarray(512, 512 + length)).equals(data)).toBe(true)
    expect(bytes.subarray(512 + length).every((byte) => byte === 0)).toBe(true)
  })

  it.each<[string, DiffTarMember]>([
    ['a time before 1970', { action: 'snapshot', meta: { ...file, mtimeSeconds: -1 } }],
    ['a fraction of a second', { action: 'snapshot', meta: { ...file, mtimeSeconds: 1.5 } }],
    ['no time', { action: 'snapshot', meta: { ...file, mtimeSeconds: Number.NaN } }],
    ['an absolute path', { action: 'snapshot', meta: { ...file, path: raw('/a') } }],
    ['a slash at the end', { action: 'snapshot', meta: { ...folder, path: raw('a/') } }],
    ['an empty component', { action: 'snapshot', meta: { ...file, path: raw('a//b') } }],
    ['a dot', { action: 'snapshot', meta: { ...file, path: raw('./a') } }],
    ['the way out', { action: 'snapshot', meta: { ...file, path: raw('a/../b') } }],
    ['a NUL', { action: 'snapshot', meta: { ...file, path: raw('a\0b') } }],
    ['a char that is no byte', { action: 'snapshot', meta: { ...file, path: raw('ā') } }],
    ['a link without a target', { action: 'snapshot', meta: { ...link, linkTarget: undefined } }],
    ['a target without a link', { action: 'snapshot', meta: { ...file, linkTarget: raw('x') } }],
    ['a delta of a folder', { action: 'diff', meta: folder }],
    ['data of a folder', { action: 'snapshot', meta: folder, data: Buffer.alloc(1) }],
    ['a chunk of a link', { action: 'snapshot', meta: link, block: 1 }],
    ['chunk 0', { action: 'snapshot', meta: file, block: 0 }],
    ['chunk 1.5', { action: 'snapshot', meta: file, block: 1.5 }],
    ['the end of the root', { action: 'deleted', path: raw('') }],
    ['the end of what is outside', { action: 'deleted', path: raw('../x') }],
  ])('refuses %s', (_, member) => {
    expect(() => encodeDiffTarMember(member)).toThrow(RangeError)
  })
})

describe('encodeSigTarMember()', () => {
  it('writes what duplicity looks for', () => {
    const signature = Buffer.alloc(24, 7)
    const bytes = encodeSigTarMember({ action: 'signature', meta: file, signature })
    expect(bytes).toHaveLength(1024)
    expect(head(bytes)).toBe('signature/d/f 0')
    expect(Buffer.from(bytes.subarray(0, 512))).toEqual(Buffer.from(signatureHeader(file, 24)))
    expect(head(encodeSigTarMember({ action: 'snapshot', meta: folder }))).toBe('snapshot/d/ 5')
    expect(head(encodeSigTarMember({ action: 'snapshot', meta: { ...folder, path: raw('') } }))).toBe('snapshot/ 5')
    expect(head(encodeSigTarMember({ action: 'snapshot', meta: link }))).toBe('snapshot/l 2')
    expect(head(encodeSigTarMember({ action: 'deleted', path: raw('d/f') }))).toBe('deleted/d/f 0')
    expect(head(signatureHeader({ ...file, path: raw('') }, 12))).toBe('signature/ 0')
  })

  it('refuses a signature of what is no file, and a file without one', () => {
    expect(() => encodeSigTarMember({ action: 'signature', meta: folder, signature: Buffer.alloc(12) })).toThrow(
      RangeError,
    )
    expect(() => encodeSigTarMember({ action: 'snapshot', meta: file })).toThrow(RangeError)
    expect(() => signatureHeader(link, 12)).toThrow(RangeError)
    expect(() => encodeSigTarMember({ action: 'deleted', path: raw('') })).toThrow(RangeError)
  })
})

describe('the ends', () => {
  it.each([
    [0, 10_240],
    [512, 9728],
    [9216, 1024],
    [9728, 10_752],
    [10_240, 10_240],
    [20_480, 10_240],
  ])('after %d bytes are %d zeros', (soFar, length) => {
    expect(sigTarEnd(soFar)).toEqual(new Uint8Array(length))
    expect(volumeEnd(soFar, { encrypted: true })).toEqual(new Uint8Array(length))
    expect(volumeEnd(soFar, { encrypted: false })).toHaveLength(0)
  })
})
