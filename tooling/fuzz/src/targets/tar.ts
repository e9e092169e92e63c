import { createHash } from 'node:crypto'
import { TarDecoder, TarError, type TarHeader } from '@coalmine/tar'
import * as fc from 'fast-check'
import { sameForAll, show } from '../lib/feed.ts'
import { Python } from '../lib/python.ts'
import { mendTar, tarBlock, tarMember } from '../lib/tar-blocks.ts'
import { demand, Finding, type Outcome, type Target } from '../lib/target.ts'

interface Member {
  readonly header: TarHeader
  readonly offset: number
  readonly pieces: Uint8Array[]
  ended: boolean
}

interface Read {
  readonly members: readonly Member[]
  readonly ended: boolean
  readonly error?: string
}

const longLink = (flag: 'L' | 'K', text: string) => tarMember({ name: '././@LongLink', flag }, `${text}\0`)
const pax = (text: string, flag = 'x') => tarMember({ name: 'pax', flag, magic: 'ustar\x0000' }, text)
const record = (text: string): string => {
  const length = text.length + 2
  const digits = String(length + String(length).length).length
  return `${length + digits} ${text}\n`
}

const paxTexts = [
  'path=a/b',
  'linkpath=c',
  'size=3',
  'size=',
  'mtime=1.5',
  'mtime=-1',
  'uid=70000',
  'uname=\xe9',
].concat([
  'GNU.sparse.major=1',
  'GNU.sparse.name=real',
  'GNU.sparse.map=0,1',
  'hdrcharset=BINARY',
  'comment=x',
  'path=a\0b',
])
const somePax = fc
  .array(fc.constantFrom(...paxTexts), { maxLength: 4 })
  .map((texts) => texts.map((text) => record(text)).join(''))

export const tarPieces: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('0', '\0', '1', '2', '3', '5', '6', '7', 'S', 'Q'),
      fc.string({ maxLength: 99 }),
      fc.nat(700),
    )
    .map(([flag, name, length]) =>
      tarMember({ flag, name, linkName: 'to' }, Buffer.alloc(flag === '0' ? length : 0, 'b')),
    ),
  somePax.map((text) => pax(text)),
  somePax.map((text) => pax(text, 'g')),
  fc
    .tuple(fc.constantFrom('L' as const, 'K' as const), fc.string({ maxLength: 300 }))
    .map(([flag, text]) => longLink(flag, text)),
  fc.constantFrom(Buffer.alloc(512), Buffer.alloc(1024), tarBlock({ name: 'a', size: '\x80\0\0\0\0\0\0\0\0\0\x02\0' })),
)

const python = new Python()

/** Archives of every dialect. */
export const tar: Target = {
  name: 'tar',
  about: 'tar archives: ustar, GNU, pax, v7 (TarDecoder)',
  maxBytes: 32_768,
  tokens: [Buffer.alloc(512), Buffer.alloc(1024), longLink('L', 'n'.repeat(120)), pax(record('path=p'))].concat(
    [tarMember({ name: 'file' }, 'body'), tarMember({ name: 'folder/', flag: '5' }), Buffer.from('ustar  \0')],
    paxTexts.map((text) => Buffer.from(record(text), 'latin1')),
  ),
  arbitrary: fc.array(tarPieces, { maxLength: 6 }).map((pieces) => Buffer.concat(pieces)),
  mend: mendTar,
  run: (input) => outcomeOf(readWhole(input)),
  judge: {
    needs: ['python3'],
    check: async (input) => compare(input, await python.ask('tar', input)),
    close: () => python.close(),
  },
}

/** Bodies of pax headers, ahead of a member that they are about. */
export const paxHeaders: Target = {
  name: 'pax',
  about: 'records of pax headers (TarDecoder)',
  maxBytes: 4096,
  tokens: [...paxTexts.map((text) => Buffer.from(record(text), 'latin1')), '=', '\n', ' ', 'size=', 'path='],
  arbitrary: somePax.map((text) => Buffer.from(text, 'latin1')),
  run: (input) => outcomeOf(readWhole(behindPax(input))),
  judge: {
    needs: ['python3'],
    check: async (input) => compare(behindPax(input), await python.ask('tar', behindPax(input))),
    close: () => python.close(),
  },
}

function behindPax(body: Uint8Array): Buffer {
  const header = tarMember({ name: 'pax', flag: 'x', magic: 'ustar\x0000' }, body)
  return Buffer.concat([header, tarMember({ name: 'file', magic: 'ustar\x0000' }, 'the body'), Buffer.alloc(1024)])
}

function readWhole(archive: Uint8Array): Read {
  return sameForAll(archive, (chunks) => withWholeBodies(read(chunks)))
}

function read(chunks: Iterable<Uint8Array>): Read {
  const decoder = new TarDecoder()
  const members: Member[] = []
  const take = (parts: ReturnType<TarDecoder['push']>): void => {
    for (const part of parts) {
      const open = members.at(-1)
      if (part.type === 'header') {
        demand(open === undefined || open.ended, 'A header comes before the end of the last member')
        members.push({ header: part.header, offset: part.offset, pieces: [], ended: false })
      } else if (open === undefined || open.ended) {
        throw new Finding(`A piece of kind ${part.type} comes outside of members`)
      } else if (part.type === 'end') {
        open.ended = true
      } else {
        demand(part.bytes.length > 0, 'An empty piece comes')
        open.pieces.push(part.bytes)
      }
    }
  }
  try {
    for (const chunk of chunks) take(decoder.push(chunk))
    take(decoder.finish())
  } catch (error) {
    if (!(error instanceof TarError)) throw error
    return { members, ended: decoder.ended, error: `${error.code} at ${error.offset}: ${error.message}` }
  }
  return { members, ended: decoder.ended }
}

function withWholeBodies({ members, ended, error }: Read): Read {
  const whole = members.map((member) => ({ ...member, pieces: [Buffer.concat(member.pieces)] }))
  for (const { header, pieces, ended: isWhole } of whole) {
    const { size, name, mtime, uid, gid, mode } = header
    demand(Number.isSafeInteger(size) && size >= 0, `A member has the size ${size}`)
    demand(!isWhole || pieces[0]!.length === size, `A body has ${pieces[0]!.length} bytes and not ${size}`)
    demand(![name, header.linkName, header.userName, header.groupName].join('').includes('\0'), 'A NUL is in a name')
    demand(
      [mtime, uid, gid, mode].every((number) => Number.isFinite(number)),
      `A number is none in ${show(header)}`,
    )
  }
  demand(error !== undefined || whole.every((member) => member.ended), 'A member has no end, and there is no error')
  return { members: whole, ended, error }
}

function outcomeOf({ members, error }: Read): Outcome {
  const outputBytes = members.reduce((sum, { pieces }) => sum + pieces[0]!.length, 0)
  return { accepted: error === undefined && members.length > 0, outputBytes }
}

// Python takes an empty number for 0, where POSIX says that the header's own field holds again; and it believes the name
// of a sparse member even when nothing says that the member is sparse.
const onPurpose = / (?:size|uid|gid|mtime)=\n|GNU\.sparse\./

/** Where both read an archive to its end, they must have read the same. */
function compare(archive: Uint8Array, answer: unknown): void {
  const ours = readWhole(archive)
  const { ok } = answer as { ok?: Record<string, unknown>[] }
  if (ok === undefined || ours.error !== undefined) return
  if (onPurpose.test(Buffer.from(archive).toString('latin1'))) return
  const mine = ours.members.map(({ header, offset, pieces }) => {
    const { name, typeflag, mode, uid, gid, size, mtime, linkName, userName, groupName } = header
    return {
      // Python drops slashes at the end of folders.
      name: header.type === 'directory' ? name.replace(/\/+$/, '') : name,
      type: typeflag === '\0' && header.type === 'directory' ? '5' : typeflag,
      ...{ mode, uid, gid, mtime, linkName, userName, groupName, offset },
      // Of what has no body, Python tells what pax declared.
      size: hasBody(header) ? size : undefined,
      body: header.type === 'file' ? { sha256: sha256(pieces[0]!), bytes: pieces[0]!.length } : undefined,
    }
  })
  const keys = Object.keys(mine[0] ?? {})
  const theirs = ok.map((member, at) =>
    Object.fromEntries(keys.map((key) => [key, mine[at]?.[key as 'body'] === undefined ? undefined : member[key]])),
  )
  demand(show(mine) === show(theirs), `Ours:   ${show(mine)}\nPython: ${show(theirs)}`)
}

function hasBody({ type }: TarHeader): boolean {
  return type === 'file' || type === 'other'
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
