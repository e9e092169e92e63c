import { randomBytes } from 'node:crypto'
import { type ByteSource, fromBytes } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { failureOf } from './harness.ts'
import { account, mib, sha256, type Story } from './scripted-account.ts'
import { failure, type Reply, type Seen, success } from './scripted-server.ts'

const small = randomBytes(5000)
const large = randomBytes(5 * mib + 7)

describe('a small file', () => {
  it('takes three calls: check, simple, poll', async () => {
    const { server, upload, state, progress } = await account(small)
    const mtime = new Date('2026-01-05T10:11:12Z')
    expect(await upload({ onDuplicate: 'replace', folderKey: 'x9iqvxkb9hzg1', mtime })).toEqual({
      outcome: 'uploaded',
      key: 'oqu8a32pt7nkou1',
      name: 'a.bin',
      size: 5000,
      sha256: sha256(small),
      sentBytes: 5000,
      sentUnits: 0,
    })
    expect(server.actions()).toEqual(['user/get_action_token', 'upload/check', 'upload/simple', 'upload/poll_upload'])
    const [, check, simple, poll] = server.seen
    expect(check!.params).toMatchObject({
      filename: 'a.bin',
      size: '5000',
      hash: sha256(small),
      folder_key: 'x9iqvxkb9hzg1',
    })
    expect(Object.fromEntries(new URLSearchParams(simple!.query))).toEqual({
      session_token: 'the-action-token',
      response_format: 'json',
      folder_key: 'x9iqvxkb9hzg1',
      action_on_duplicate: 'replace',
      mtime: '2026-01-05T10:11:12Z',
    })
    expect(simple!.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '5000',
      'x-filename': 'a.bin',
      'x-filesize': '5000',
      'x-filehash': sha256(small),
    })
    expect(state.simple!.equals(small)).toBe(true)
    expect(poll!.params).toMatchObject({ key: 'b7bpiovaoyv' })
    expect([...new Set(progress.map(({ phase }) => phase))]).toEqual(['hashing', 'sending', 'assembling', 'verified'])
    expect(progress.at(-1)).toEqual({ phase: 'verified', bytes: 5000, total: 5000 })
  })

  it('can be empty', async () => {
    const empty = new Uint8Array(0)
    const { server, upload, state } = await account(empty)
    expect(await upload()).toMatchObject({ outcome: 'uploaded', size: 0, sha256: sha256(empty) })
    expect(server.seen[1]!.params).toMatchObject({
      size: '0',
      hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    })
    expect(state.simple!.length).toBe(0)
  })

  it('with a name that fits no header goes as a form, byte by byte', async () => {
    for (const name of ['ä☃ 日本.txt', ' leading and trailing ', '.hidden', "it's (1) + & = % #;.tar.gz", 'e\u0301']) {
      const { upload, state, server } = await account(small)
      await upload({ onDuplicate: 'keep' }, name).catch(() => undefined)
      expect(server.seen[1]!.params['filename']).toBe(name)
      const plain = await account(small, {
        answer: ({ action }) =>
          action === 'upload/poll_upload'
            ? success(action, {
                doupload: {
                  result: '0',
                  status: '99',
                  quickkey: 'q1',
                  hash: sha256(small),
                  size: '5000',
                  filename: name,
                },
              })
            : undefined,
      })
      expect((await plain.upload({}, name)).name).toBe(name)
      const { headers, body } = plain.server.seen[2]!
      if (headers['x-filename'] !== undefined) {
        expect([headers['x-filename'], body.equals(small)]).toEqual([name, true])
        continue
      }
      const boundary = /boundary=(.+)$/.exec(headers['content-type']!)![1]!
      const text = body.toString('latin1')
      const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${Buffer.from(name).toString('latin1')}"\r\n`
      expect(text.startsWith(head)).toBe(true)
      expect(text.endsWith(`\r\n--${boundary}--\r\n`)).toBe(true)
      const at = text.indexOf('\r\n\r\n') + 4
      expect(body.subarray(at, at + 5000).equals(small)).toBe(true)
      expect(body.length).toBe(at + 5000 + boundary.length + 8)
      expect(state.simple).toBeUndefined()
    }
  })

  it('with a name that MediaFire would refuse or change is refused before any call', async () => {
    const { upload, server } = await account(small)
    for (const name of [
      '',
      ' ',
      '.',
      '..',
      'a/b',
      'a\\b',
      'a:b',
      'a*',
      'a?',
      '"a"',
      '<a',
      'a>',
      'a|b',
      'a\nb',
      'a\u0000',
      'x'.repeat(256),
      '\ud83d',
    ]) {
      expect((await failureOf(upload({}, name))).code, name).toBe('invalid')
    }
    expect((await failureOf(upload({}, 'a/b'))).message).toBe('Cannot upload "a/b": a name cannot have / in it')
    await expect(upload({ folderKey: 'a,b' })).rejects.toThrow(TypeError)
    await expect(upload({ sha256: 'x' })).rejects.toThrow(TypeError)
    await expect(upload({ parallel: 0 })).rejects.toThrow(RangeError)
    expect(server.seen).toEqual([])
  })
})

describe('a large file', () => {
  it('goes in units, each with its hash, and comes out whole', async () => {
    const { server, upload, stored, progress, sentUnits } = await account(large)
    const result = await upload({ parallel: 2 })
    expect(result).toMatchObject({ outcome: 'uploaded', sentUnits: 6, sentBytes: large.length })
    expect(stored().equals(large)).toBe(true)
    expect(sentUnits().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5])
    // The token, the check, six units, one poll: the fewest that the protocol allows.
    expect(server.seen).toHaveLength(9)
    for (const { headers, body, params } of server.seen.filter(({ action }) => action === 'upload/resumable')) {
      expect(headers).toMatchObject({
        'x-filename': 'a.bin',
        'x-filesize': String(large.length),
        'x-filehash': sha256(large),
        'x-unit-size': String(body.length),
        'x-unit-hash': sha256(body),
        'content-length': String(body.length),
      })
      expect(params).toMatchObject({ session_token: 'the-action-token', action_on_duplicate: 'skip' })
    }
    const sending = progress.filter(({ phase }) => phase === 'sending').map(({ bytes }) => bytes)
    expect([sending[0], sending.at(-1)]).toEqual([0, large.length])
    expect(progress.every(({ total, bytes }) => total === large.length && bytes <= total)).toBe(true)
  })

  it('is cut as the service says, not as we would guess, with or without a known hash', async () => {
    for (const known of [undefined, sha256(large)]) {
      const { upload, stored, sentUnits } = await account(large, { unitSize: 700_001 })
      await upload({ sha256: known })
      expect(stored().equals(large)).toBe(true)
      expect(sentUnits()).toHaveLength(8)
    }
  })

  it('sends only the units that the service lacks, as a new process does after a kill', async () => {
    const { upload, state, sentUnits, stored, progress } = await account(large)
    for (const unit of [0, 1, 3, 5]) state.units.set(unit, large.subarray(unit * mib, (unit + 1) * mib))
    expect(await upload()).toMatchObject({ sentUnits: 2, sentBytes: 2 * mib })
    expect(sentUnits().sort((a, b) => a - b)).toEqual([2, 4])
    expect(stored().equals(large)).toBe(true)
    expect(progress.find(({ phase }) => phase === 'sending')!.bytes).toBe(large.length - 2 * mib)
  })

  it('sends nothing when all units are there, and polls', async () => {
    const { upload, state, server } = await account(large)
    for (let unit = 0; unit < 6; unit++) state.units.set(unit, large.subarray(unit * mib, (unit + 1) * mib))
    expect(await upload()).toMatchObject({ outcome: 'uploaded', sentUnits: 0 })
    expect(server.actions().slice(1)).toEqual(['upload/check', 'upload/poll_upload'])
  })

  it('sends a unit again whose answer was lost, whose body was cut, or which arrived damaged', async () => {
    const faults: Reply[] = [
      { drop: true },
      { status: 502 },
      { body: '{"response":{"dou' },
      failure('upload/resumable', 169, { doupload: { result: '-304' } }),
      failure('upload/resumable', 169, { doupload: { result: '-43' } }),
      failure('upload/resumable', 304),
    ]
    const { upload, stored, sentUnits } = await account(large, {
      answer: ({ action, nth }) => (action === 'upload/resumable' && nth % 2 === 0 ? faults[nth / 2] : undefined),
    })
    await upload({ parallel: 1 })
    expect(stored().equals(large)).toBe(true)
    expect(sentUnits()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
  })

  it('asks anew when the service has lost a unit, or all of them', async () => {
    const losing = await account(large, {
      answer: ({ action, nth }, state) => {
        if (action === 'upload/check' && nth === 1) state.units.delete(3)
        // The answers never say that all is there, for once.
        if (action !== 'upload/resumable' || nth > 5) return undefined
        const fields = { doupload: { result: '0', key: 'b7bpiovaoyv' } }
        return (state.units.set(nth, large.subarray(nth * mib, (nth + 1) * mib)), success(action, fields))
      },
    })
    await losing.upload({ parallel: 1 })
    expect(losing.sentUnits()).toEqual([0, 1, 2, 3, 4, 5, 3])
    const forgetful = await account(large, {
      answer: ({ action, nth }) =>
        action === 'upload/resumable' && nth === 2 ? failure(action, 169, { doupload: { result: '-302' } }) : undefined,
    })
    await forgetful.upload({ parallel: 1 })
    expect(forgetful.server.actions().filter((action) => action === 'upload/check')).toHaveLength(2)
    expect(forgetful.stored().equals(large)).toBe(true)
  })

  it('goes on when the token ends in the middle', async () => {
    let valid = 'the-action-token'
    let tokens = 0
    const { upload, stored } = await account(large, {
      answer: ({ action, params, nth }) => {
        if (action === 'user/get_action_token')
          return success(action, { action_token: (valid = `action-token-${++tokens}`) })
        if (action === 'upload/resumable' && nth === 2) valid = 'another one'
        return action.startsWith('upload/') && params['session_token'] !== valid ? failure(action, 105) : undefined
      },
    })
    await upload()
    expect(stored().equals(large)).toBe(true)
    expect(tokens).toBe(2)
  })

  it('waits while the service puts the file together, with growing pauses, and reads nothing but the quick key', async () => {
    const statuses = ['4', '5', '6', '11', '18', '19', '19', '19', '19', '19', '19', '19']
    const { upload, clock } = await account(large, {
      answer: ({ action, nth }) =>
        action === 'upload/poll_upload' && nth < statuses.length
          ? success(action, { doupload: { result: '0', status: statuses[nth], description: 'x' } })
          : undefined,
    })
    await upload()
    expect(clock.pauses).toHaveLength(12)
    expect(clock.pauses.every((pause, i) => i === 0 || pause >= clock.pauses[i - 1]!)).toBe(true)
    expect([clock.pauses[0], clock.pauses.at(-1)]).toEqual([500, 5000])
  })

  it('checks anew when the poll says that something is missing, or that the key is not known', async () => {
    const inProgress = (action: string) => success(action, { doupload: { result: '0', status: '17' } })
    const unknown = (action: string) => failure(action, 169, { doupload: { result: '-20' } })
    for (const reply of [inProgress, unknown]) {
      let checks = 0
      const { upload, sentUnits, stored } = await account(large, {
        answer: ({ action }, state) => {
          if (action === 'upload/check' && ++checks === 2) state.units.delete(5)
          return action === 'upload/poll_upload' && checks < 2 ? reply(action) : undefined
        },
      })
      await upload()
      expect(sentUnits()).toHaveLength(7)
      expect(stored().equals(large)).toBe(true)
    }
    const short = await account(large, {
      answer: ({ action, nth }) => (action === 'upload/poll_upload' && nth < 3 ? unknown(action) : undefined),
    })
    await short.upload()
    expect(short.server.actions().filter((action) => action === 'upload/check')).toHaveLength(1)
  })

  it('gives up with a sentence when the service loses everything again and again', async () => {
    const { upload } = await account(large, {
      answer: ({ action }) =>
        action === 'upload/poll_upload' ? success(action, { doupload: { result: '0', status: '99' } }) : undefined,
    })
    expect((await failureOf(upload())).message).toBe('Cannot upload "a.bin": MediaFire has lost what was sent, 6 times')
  })
})

describe('what stands still', () => {
  it('is an error that says so: a unit whose bytes nobody takes', async () => {
    const { upload } = await account(
      large,
      {
        answer: ({ action }) => (action === 'upload/resumable' ? { body: 'x', hangAfter: 0 } : undefined),
      },
      { stallMs: 200, tries: 1 },
    )
    const error = await failureOf(upload())
    expect(error).toMatchObject({ code: 'stalled', retry: 'later' })
    expect(error.message).toBe('Cannot upload "a.bin": nothing has moved for 0.2 s')
  })

  it('is an error that says so: a file that is never put together', async () => {
    const { upload, clock } = await account(large, {
      answer: ({ action }) =>
        action === 'upload/poll_upload' ? success(action, { doupload: { result: '0', status: '19' } }) : undefined,
    })
    const error = await failureOf(upload())
    expect(error).toMatchObject({ code: 'stalled', outcome: 'unknown' })
    expect(error.message).toBe(
      'Cannot upload "a.bin": MediaFire has not gone on with putting the file together for 600 s (its status 19)',
    )
    expect(clock.pauses.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(620_000)
  })

  it('does not hit a source that is slow but moves', async () => {
    const slow: ByteSource = {
      size: 10,
      async *open(range = {}) {
        for (let i = range.start ?? 0; i < (range.end ?? 10); i++) {
          await new Promise((resolve) => setTimeout(resolve, 60))
          yield small.subarray(i, i + 1)
        }
      },
    }
    const { upload } = await account(small.subarray(0, 10), {}, { stallMs: 250 })
    expect((await upload({ sha256: sha256(small.subarray(0, 10)) }, 'a.bin', slow)).outcome).toBe('uploaded')
  })
})

describe('what is there already', () => {
  const there = (more: object = {}) => ({
    file_exists: 'yes',
    different_hash: 'no',
    duplicate_quickkey: 'oqu8a32pt7nkou1',
    ...more,
  })

  it('is left alone when it is the same file', async () => {
    for (const onDuplicate of ['refuse', 'replace', 'skip'] as const) {
      const { upload, server } = await account(small, { check: there({ hash_exists: 'yes' }) })
      expect(await upload({ onDuplicate })).toMatchObject({
        outcome: 'unchanged',
        key: 'oqu8a32pt7nkou1',
        sentBytes: 0,
      })
      expect(server.actions().slice(1)).toEqual(['upload/check', 'file/get_info'])
    }
  })

  it('is not taken for the same file by the check alone', async () => {
    const other = { quickkey: 'oqu8a32pt7nkou1', filename: 'a.bin', size: '5000', hash: '0'.repeat(64) }
    const { upload, state } = await account(small, {
      check: there({ in_folder: 'yes', different_hash: undefined }),
      answer: ({ action }) => (action === 'file/get_info' ? success(action, { file_info: other }) : undefined),
    })
    expect((await upload({ onDuplicate: 'replace' })).outcome).toBe('uploaded')
    expect(state.simple!.equals(small)).toBe(true)
  })

  it('is refused, skipped, kept or replaced when it is another file', async () => {
    const check = there({ different_hash: 'yes' })
    const refused = await account(small, { check })
    expect(await failureOf(refused.upload())).toMatchObject({
      code: 'exists',
      keys: ['oqu8a32pt7nkou1'],
      retry: 'never',
    })
    const skipped = await account(small, { check })
    expect(await skipped.upload({ onDuplicate: 'skip' })).toMatchObject({ outcome: 'skipped', sentBytes: 0 })
    for (const { server } of [refused, skipped]) expect(server.actions().slice(1)).toEqual(['upload/check'])
    const replaced = await account(small, { check })
    expect((await replaced.upload({ onDuplicate: 'replace' })).outcome).toBe('uploaded')
    expect(replaced.server.seen[2]!.params['action_on_duplicate']).toBe('replace')
    const kept = await account(small, {
      check,
      answer: ({ action }) =>
        action === 'upload/poll_upload'
          ? success(action, {
              doupload: {
                result: '0',
                status: '99',
                quickkey: 'q2',
                filename: 'a(1).bin',
                size: '5000',
                hash: sha256(small),
              },
            })
          : undefined,
    })
    expect(await kept.upload({ onDuplicate: 'keep' })).toMatchObject({
      outcome: 'uploaded',
      key: 'q2',
      name: 'a(1).bin',
    })
    // In one unit, which may be sent twice without making two files.
    expect(kept.sentUnits()).toEqual([0])
  })

  it('that somebody was quicker to make is found by the next check', async () => {
    let exists = false
    const { upload } = await account(small, {
      answer: ({ action }) => {
        if (action === 'upload/poll_upload') {
          exists = true
          return success(action, { doupload: { result: '0', status: '99', fileerror: '13' } })
        }
        if (action !== 'upload/check' || !exists) return undefined
        return success(action, { hash_exists: 'no', ...there({ different_hash: 'yes' }) })
      },
    })
    expect((await failureOf(upload())).code).toBe('exists')
  })

  it('as bytes of anybody needs no sending', async () => {
    const { upload, server } = await account(large, { check: { hash_exists: 'yes', in_account: 'no' } })
    expect(await upload({ onDuplicate: 'replace' })).toMatchObject({ outcome: 'instant', sentBytes: 0, name: 'a.bin' })
    expect(server.actions().slice(1)).toEqual(['upload/check', 'upload/instant', 'file/get_info'])
    expect(server.seen[2]!.params).toMatchObject({
      action_on_duplicate: 'replace',
      folder_key: 'myfiles',
      hash: sha256(large),
    })
  })

  it('as bytes that cannot be used after all is sent', async () => {
    const { upload, stored } = await account(large, {
      check: { hash_exists: 'yes' },
      answer: ({ action }) => (action === 'upload/instant' ? failure(action, 129) : undefined),
    })
    expect((await upload()).outcome).toBe('uploaded')
    expect(stored().equals(large)).toBe(true)
  })

  it('two uploads of the same bytes into one folder do not get into each other', async () => {
    let done = false
    const { upload, server } = await account(large, {
      answer: ({ action }) => {
        if (action === 'upload/poll_upload') done = true
        return action === 'upload/check' && done
          ? success(action, { hash_exists: 'yes', file_exists: 'no' })
          : undefined
      },
    })
    const [first, second] = await Promise.all([upload(), upload()])
    expect([first.outcome, second.outcome]).toEqual(['uploaded', 'instant'])
    expect(server.actions().filter((action) => action === 'upload/resumable')).toHaveLength(6)
  })
})

describe('what is stored is compared', () => {
  const polled = (fields: object) => ({
    answer: ({ action }: Seen) =>
      action === 'upload/poll_upload'
        ? success(action, {
            doupload: { result: '0', status: '99', quickkey: 'q1', hash: sha256(small), size: '5000', ...fields },
          })
        : undefined,
  })

  it('by the poll, and by the file itself where the poll tells too little', async () => {
    const full = await account(small, polled({}))
    await full.upload()
    expect(full.server.actions()).not.toContain('file/get_info')
    for (const lacking of [{ hash: undefined }, { size: '' }, { hash: '', size: undefined }]) {
      const { upload, server } = await account(small, polled(lacking))
      expect((await upload()).outcome).toBe('uploaded')
      expect(server.actions().at(-1)).toBe('file/get_info')
    }
  })

  it('and what differs is an error that names the file', async () => {
    const wrong: [object, RegExp][] = [
      [{ hash: '0'.repeat(64) }, /: other bytes are stored$/],
      [{ size: '4999' }, /: 4999 of 5000 bytes are stored$/],
      [{ filename: 'a(1).bin' }, /: it is stored under another name, "a\(1\)\.bin"$/],
    ]
    for (const [fields, sentence] of wrong) {
      const error = await failureOf((await account(small, polled(fields))).upload())
      expect(error).toMatchObject({ code: 'mismatch', keys: ['q1'] })
      expect(error.message).toMatch(sentence)
    }
  })

  it('also when the new file is not known everywhere yet', async () => {
    const { upload, clock } = await account(small, {
      answer: ({ action, nth }) => {
        if (action === 'upload/poll_upload')
          return success(action, { doupload: { result: '0', status: '99', quickkey: 'q1' } })
        return action === 'file/get_info' && nth < 3 ? failure(action, 110) : undefined
      },
    })
    expect((await upload()).outcome).toBe('uploaded')
    expect(clock.pauses).toEqual([500, 1000, 2000])
  })
})

describe('what keeps a file from being stored has its sentence', () => {
  const cases: [name: string, story: Story, code: string, sentence: RegExp][] = [
    [
      'no room, by the check',
      { check: { storage_limit_exceeded: 'yes' } },
      'storage-full',
      /the storage of the account is full/,
    ],
    [
      'too little room',
      { check: { available_space: '4999' } },
      'storage-full',
      /the account has 4999 bytes left, and the file has 5000/,
    ],
    [
      'no room, by the transfer',
      { answer: ({ action }) => (action === 'upload/simple' ? failure(action, 162) : undefined) },
      'storage-full',
      /MediaFire's error 162/,
    ],
    ...(
      [
        ['1', 'too-large'],
        ['5', 'refused'],
        ['14', 'not-found'],
        ['15', 'storage-full'],
        ['18', 'denied'],
      ] as const
    ).map(([fileerror, code]): [string, Story, string, RegExp] => [
      `file error ${fileerror}`,
      {
        answer: ({ action }) =>
          action === 'upload/poll_upload'
            ? success(action, { doupload: { result: '0', status: '99', fileerror } })
            : undefined,
      },
      code,
      new RegExp(`\\(MediaFire's file error ${fileerror}\\)$`),
    ]),
    ...(
      [
        ['-881', 'too-large'],
        ['-206', 'deleted'],
        ['-204', 'denied'],
        ['-14', 'not-found'],
        ['-49', 'invalid'],
        ['14', 'not-found'],
      ] as const
    ).map(([result, code]): [string, Story, string, RegExp] => [
      `upload result ${result}`,
      {
        answer: ({ action }) =>
          action === 'upload/simple' ? failure(action, 169, { doupload: { result } }) : undefined,
      },
      code,
      new RegExp(`\\(MediaFire's upload result ${result}\\)$`),
    ]),
  ]
  for (const [name, story, code, sentence] of cases) {
    it(name, async () => {
      const { upload } = await account(small, story)
      const error = await failureOf(upload())
      expect([error.code, error.message]).toEqual([code, expect.stringMatching(sentence)])
      expect(error.message).toMatch(/^Cannot upload "a\.bin": /)
    })
  }
})

describe('a source', () => {
  it('that has other bytes than it said is told so', async () => {
    for (const [size, state] of [
      [4999, 'it has more than the 4999 bytes that it said'],
      [5001, 'it ends after 5000 of 5001 bytes'],
    ] as const) {
      const source: ByteSource = { size, open: () => fromBytes(small).open() }
      for (const known of [undefined, sha256(small)]) {
        const { upload } = await account(small)
        const error = await failureOf(upload({ sha256: known }, 'a.bin', source))
        expect(error.message).toBe(`Cannot upload "a.bin": the source has changed: ${state}`)
        expect(error.code).toBe('bad-source')
      }
    }
  })

  it('that changes while it is sent is told so', async () => {
    let opened = 0
    const source: ByteSource = {
      size: large.length,
      open(range) {
        opened += 1
        return fromBytes(opened === 1 ? large : randomBytes(large.length)).open(range)
      },
    }
    const { upload } = await account(large, {
      answer: ({ action, headers, body }) =>
        action === 'upload/resumable' && sha256(body) !== headers['x-unit-hash']
          ? failure(action, 169, { doupload: { result: '-304' } })
          : undefined,
    })
    const error = await failureOf(upload({}, 'a.bin', source))
    expect(error.code).toBe('bad-source')
    expect(error.message).toMatch(/the source has changed: its bytes \d+ to \d+ are others than before$/)
  })

  it('that fails hands its own error out, and nothing is left under way', async () => {
    const failed = new Error('the disk is gone')
    const source: ByteSource = {
      size: large.length,
      async *open(range) {
        yield large.subarray(range?.start ?? 0, (range?.start ?? 0) + 10)
        throw failed
      },
    }
    for (const known of [undefined, sha256(large)]) {
      const { upload } = await account(large)
      await expect(upload({ sha256: known }, 'a.bin', source)).rejects.toBe(failed)
    }
  })
})

it('an upload that is aborted ends with the reason, wherever it is', async () => {
  const reason = new Error('enough')
  for (const at of ['upload/check', 'upload/resumable', 'upload/poll_upload']) {
    const stop = new AbortController()
    const { upload } = await account(large, {
      answer: ({ action }) => {
        if (action !== at) return undefined
        setTimeout(() => stop.abort(reason), 20)
        return { body: 'x', hangAfter: 0 }
      },
    })
    await expect(upload({ signal: stop.signal })).rejects.toBe(reason)
  }
  const { upload, server } = await account(large)
  await expect(upload({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(server.seen).toEqual([])
})

it('web uploads are asked for and told', async () => {
  const { api } = await account(small, {
    answer: ({ action }) => {
      if (action === 'upload/add_web_upload') return success(action, { upload_key: 'w1' })
      if (action !== 'upload/get_web_uploads') return undefined
      return success(action, {
        web_uploads: [{ uploadkey: 'w1', active: 'yes', status_code: '3', percentage: '50', eta: '' }],
      })
    },
  })
  expect(await api.addWebUpload({ url: 'https://example.com/x', filename: 'x.bin' })).toBe('w1')
  expect(await api.getWebUploads({ all: true })).toMatchObject([
    { uploadKey: 'w1', active: true, statusCode: 3, percentage: 50 },
  ])
})
