import { fromBytes } from '@coalmine/bytes'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createMediaFire, type MediaFire, MediaFireError, tokenAuth } from '../src/index.ts'
import { stubDispatcher, type StubReply } from './stub-dispatcher.ts'

// Judge: whatever a server answers, what comes out is a value or a MediaFireError on one line without the token.

const token = 'the-session-token'

async function drain(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of items) count += 1
  return count
}

const uses: ((mediafire: MediaFire) => Promise<unknown>)[] = [
  ({ api }) => api.user.getInfo(),
  ({ api }) => api.user.getLimits(),
  ({ api }) => api.user.getSettings(),
  ({ api }) => api.user.fetchTerms(),
  ({ api }) => api.folder.getInfo(),
  ({ api }) => api.folder.getInfos(['a', 'b']),
  ({ api }) => drain(api.folder.files()),
  ({ api }) => drain(api.folder.folders()),
  ({ api }) => api.folder.create('a'),
  ({ api }) => api.folder.search('a'),
  ({ api }) => api.folder.getDepth('a'),
  ({ api }) => api.file.getInfo('a'),
  ({ api }) => api.file.getInfos(['a', 'b']),
  ({ api }) => api.file.getLinks('a'),
  ({ api }) => api.file.getVersions('a'),
  ({ api }) => api.file.copy('a'),
  ({ api }) => api.device.changes(0),
  ({ api }) => drain(api.device.trashedFiles()),
  ({ api }) => api.system.getLimits(),
  ({ api }) => api.system.getMimeTypes(),
  ({ api }) => api.upload.check({ filename: 'a', size: 5, hash: '0'.repeat(64) }),
  ({ api }) => api.upload.poll('a'),
  (mediafire) => mediafire.upload('a', fromBytes(new Uint8Array(5)), { onDuplicate: 'replace' }),
  (mediafire) => drain(mediafire.download('q1')),
  (mediafire) => mediafire.paths.find('mf:/a/b'),
  (mediafire) => mediafire.trash.deleteFiles(['a', 'b']),
  (mediafire) => mediafire.sharing.publishFile('a'),
]

const names = (
  'result error message new_key deprecated action user_info folder_info folder_infos file_info file_infos folder_content ' +
  'files folders quickkey folderkey filename name size hash created created_utc privacy revision more_chunks chunk_size ' +
  'links direct_download one_time resumable_upload all_units_ready number_of_units unit_size bitmap words doupload key ' +
  'status fileerror file_exists hash_exists different_hash duplicate_quickkey action_token session_token device_revision ' +
  'changes_list_block updated deleted results type limits terms_of_service folder_depth chain_folders asynchronous ready'
).split(' ')

const scalar = fc.oneof(
  fc.constantFrom(
    '',
    'yes',
    'no',
    '0',
    '1',
    '5',
    '99',
    '105',
    '-20',
    'Success',
    'Error',
    'q1',
    'a',
    token,
    '0'.repeat(64),
  ),
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    5,
    -1,
    1.5,
    1e21,
    4_194_304,
    'http://x.example/a',
    '2026-01-05 10:11:12',
  ),
  fc.string({ maxLength: 5 }),
)
const { record } = fc.letrec<{ value: unknown; record: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('record')),
  record: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 8, noNullPrototype: true }),
}))
const likely = record.map((fields) => JSON.stringify({ response: { result: 'Success', ...fields } }))
const anyBody = fc.oneof(
  { weight: 6, arbitrary: likely },
  { weight: 1, arbitrary: fc.tuple(likely, fc.nat(200)).map(([text, at]) => text.slice(0, at)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.constantFrom('<html>captcha</html>', '<html><title>Just a moment...', '<response/>', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 50 }) },
)
const anyReply = fc.record({
  status: fc.constantFrom(200, 200, 200, 206, 302, 403, 404, 429, 500, 900),
  type: fc.constantFrom('application/json', 'text/html', 'application/octet-stream'),
  location: fc.constantFrom('', 'http://y.example/', 'x y', '//'),
  body: anyBody,
})

it('any answer to any call is a value or a MediaFireError', async () => {
  let values = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...uses),
      fc.array(anyReply, { minLength: 1, maxLength: 6 }),
      async (use, replies) => {
        let at = 0
        let answered = 0
        const dispatcher = stubDispatcher((): StubReply => {
          // A server that goes on for ever is another test's.
          if (++answered > 400) throw new Error('It asks for ever')
          const { status, type, location, body } = replies[at++ % replies.length]!
          const headers: Record<string, string> = { 'content-type': type }
          if (location !== '') headers['location'] = location
          return { status, headers, body: Buffer.from(body) }
        })
        let nowMs = 0
        const sleep = async (ms: number): Promise<void> => {
          nowMs += ms
        }
        const auth = tokenAuth({ token })
        const options = { callsPerSecond: 1e6, burst: 1e6, tries: 2, now: () => nowMs, sleep, random: () => 0 }
        const mediafire = createMediaFire({ auth, dispatcher, ...options })
        try {
          await use(mediafire)
          values += 1
        } catch (error) {
          if (!(error instanceof MediaFireError)) throw error
          expect(error.message).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
          expect(error.message).not.toContain(token)
        }
      },
    ),
    { numRuns: process.env['COALMINE_LONG'] ? 50_000 : 1000 },
  )
  expect(values).toBeGreaterThan(20)
})
