import { createHash } from 'node:crypto'
import { type ByteSource, fromBytes } from '@coalmine/bytes'
import { FileApi } from '../src/lib/api-file.ts'
import { UploadApi } from '../src/lib/api-upload.ts'
import { tokenAuth } from '../src/lib/token-auth.ts'
import { uploadFile } from '../src/lib/upload.ts'
import type { UploadOptions, UploadProgress } from '../src/lib/upload-job.ts'
import { callerOf } from './harness.ts'
import { failure, type Reply, type Seen, serve, success } from './scripted-server.ts'

export const mib = 1_048_576
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What the script says of the file that is there, or is being sent. */
export interface Story {
  /** Steps in, to answer otherwise. */
  answer?: (seen: Seen, state: State) => Reply | undefined
  check?: object
  unitSize?: number
  size?: number
}

export interface State {
  units: Map<number, Buffer>
  simple?: Buffer
  bitmap(): { count: string; words: string[] }
  resumable(): object
}

/** The answers of one upload into an account, by the shapes of the facts; bytes that come are kept for the test to judge. */
export async function account(content: Uint8Array, story: Story = {}, options: Parameters<typeof callerOf>[1] = {}) {
  const { answer, check = {}, unitSize = mib } = story
  const count = Math.ceil(content.length / unitSize)
  const state: State = {
    units: new Map(),
    bitmap() {
      const words = Array.from({ length: Math.ceil(count / 16) }, () => 0)
      for (const unit of state.units.keys()) words[unit >> 4]! += 1 << (unit & 15)
      return { count: String(words.length), words: words.map(String) }
    },
    resumable: () => ({
      all_units_ready: state.units.size === count ? 'yes' : 'no',
      number_of_units: String(count),
      unit_size: String(unitSize),
      bitmap: state.bitmap(),
      upload_key: 'b7bpiovaoyv',
    }),
  }
  const info = { quickkey: 'oqu8a32pt7nkou1', filename: 'a.bin', size: String(content.length), hash: sha256(content) }
  const server = await serve((seen) => {
    const { action, params, headers, body } = seen
    const special = answer?.(seen, state)
    if (special !== undefined) return special
    const doupload = { result: '0', key: 'b7bpiovaoyv' }
    switch (action) {
      case 'user/get_action_token':
        return success(action, { action_token: 'the-action-token' })
      case 'upload/check':
        return success(action, {
          hash_exists: 'no',
          file_exists: 'no',
          available_space: '19024902978',
          storage_limit_exceeded: 'no',
          resumable_upload: state.resumable(),
          ...check,
        })
      case 'upload/instant':
        return success(action, { quickkey: info.quickkey, filename: params['filename'], new_device_revision: 4085 })
      case 'upload/simple':
        state.simple = body
        return success(action, { doupload, server: 'live' })
      case 'upload/resumable':
        state.units.set(Number(headers['x-unit-id']), body)
        return success(action, { doupload, resumable_upload: state.resumable() })
      case 'upload/poll_upload':
        return success(action, { doupload: { result: '0', status: '99', fileerror: '', ...info, filename: undefined } })
      case 'file/get_info':
        return success(action, { file_info: info })
      default:
        return failure(action, 253)
    }
  })
  const { caller, events, clock } = callerOf(server, { auth: tokenAuth({ token: 'the-session-token' }), ...options })
  const apis = { api: new UploadApi(caller), files: new FileApi(caller), engine: caller.engine }
  const progress: UploadProgress[] = []
  const upload = (more: UploadOptions = {}, name = 'a.bin', source: ByteSource = fromBytes(content)) =>
    uploadFile(apis, name, source, { onProgress: (one) => progress.push(one), ...more })
  const stored = () => Buffer.concat([...state.units].sort(([a], [b]) => a - b).map(([, bytes]) => bytes))
  const sentUnits = () =>
    server.seen.filter(({ action }) => action === 'upload/resumable').map(({ headers }) => Number(headers['x-unit-id']))
  return { server, upload, state, events, clock, progress, stored, sentUnits, api: apis.api }
}
