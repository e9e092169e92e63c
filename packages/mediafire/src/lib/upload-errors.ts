import { MediaFireError, type MediaFireErrorCode, type Retry } from './media-fire-error.ts'

type Meaning = readonly [code: MediaFireErrorCode, state: string, retry?: Retry]

const internal: Meaning = ['server', 'MediaFire could not store the file']
const tooLarge: Meaning = ['too-large', 'the file is larger than the account may store']
const filedrop: Meaning = ['denied', 'the filedrop does not take it']
const denied: Meaning = ['denied', 'no right to write to the folder']
const noFolder: Meaning = ['not-found', 'the folder is gone']
const changed: Meaning = ['mismatch', 'MediaFire has received other bytes than were announced', 'now']
// Not tried again as it is: a new check comes first.
const forgotten: Meaning = ['refused', 'MediaFire has forgotten the upload', 'now']

/** `doupload.result` (facts: 4.10). What is missing is internal. */
const results: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [14, ['not-found', 'the folder is gone, and MediaFire has put the file into the root folder instead']],
  [-1, filedrop],
  [-8, filedrop],
  [-11, filedrop],
  [-14, noFolder],
  [-20, forgotten],
  [-21, filedrop],
  [-22, filedrop],
  [-41, tooLarge],
  [-42, tooLarge],
  [-43, ['mismatch', 'only a part of the file has arrived', 'now']],
  [-48, ['invalid', 'MediaFire does not accept the size of the file']],
  [-49, ['invalid', 'MediaFire does not accept the name of the file']],
  [-51, changed],
  [-80, forgotten],
  [-90, changed],
  [-99, ['session', 'the token for uploads is not valid any more']],
  [-203, ['not-found', 'the file to replace is gone']],
  [-204, denied],
  [-205, denied],
  [-206, ['deleted', 'the folder is in the trash']],
  [-302, forgotten],
  [-303, forgotten],
  [-304, changed],
  [-700, tooLarge],
  [-701, tooLarge],
  [-881, tooLarge],
  [-882, tooLarge],
])

/** `fileerror` (facts: 4.11). */
const fileErrors: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [1, tooLarge],
  [2, ['invalid', 'MediaFire does not accept an empty file here']],
  [5, ['refused', 'MediaFire holds the file for a virus']],
  [7, changed],
  [13, ['exists', 'there is a file of that name']],
  [14, noFolder],
  [15, ['storage-full', 'the storage of the account is full']],
  [16, ['refused', 'the file was changed by somebody else meanwhile']],
  [18, ['denied', 'the account is blocked']],
])

/** After these a new check tells what is to be sent. */
export const forgottenCodes: ReadonlySet<number> = new Set([-20, -80, -302, -303])

export function uploadError(uploadCode: number, attempted: string): MediaFireError {
  return errorOf(results.get(uploadCode) ?? internal, `upload result ${uploadCode}`, uploadCode, attempted)
}

export function fileError(uploadCode: number, attempted: string): MediaFireError {
  return errorOf(fileErrors.get(uploadCode) ?? internal, `file error ${uploadCode}`, uploadCode, attempted)
}

function errorOf(meaning: Meaning, what: string, uploadCode: number, attempted: string): MediaFireError {
  const [code, state, retry] = meaning
  const outcome = code === 'server' ? 'unknown' : 'not-done'
  return new MediaFireError(code, `${state} (MediaFire's ${what})`, { attempted, uploadCode, retry, outcome })
}
