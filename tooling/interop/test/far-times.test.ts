import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RawPath } from '@coalmine/bytes'
import { tempDir } from '@coalmine/fixtures'
import { encodeSigTarMember, type EntryMeta, sigTarEnd } from '@coalmine/volume-format'
import { describe, expect, it } from 'vitest'
import { coalmine, said } from './coalmine.ts'

// No program is needed here: what the real duplicity says of such times is compared with the nasty tree, up to 2242.
// Python's asctime and strftime give what is expected below for the years up to 9999.

const meta: EntryMeta = {
  path: '' as RawPath,
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  userName: '',
  groupName: '',
}

/** A storage that holds only the signatures of an empty folder of that time. */
async function storageOf(mtimeSeconds: number): Promise<string> {
  const folder = await tempDir('times')
  mkdirSync(join(folder, 'storage'))
  const member = encodeSigTarMember({ action: 'snapshot', meta: { ...meta, mtimeSeconds } })
  const sigtar = Buffer.concat([member, sigTarEnd(member.length)])
  writeFileSync(join(folder, 'storage', 'duplicity-full-signatures.20231114T221320Z.sigtar'), sigtar)
  return folder
}

describe('list-current-files shows files of every time', () => {
  it.each([
    [0, 'Thu Jan  1 00:00:00 1970', '19700101T000000Z'],
    [4_294_967_296, 'Sun Feb  7 06:28:16 2106', '21060207T062816Z'],
    [8_589_934_592, 'Wed Mar 16 12:56:32 2242', '22420316T125632Z'],
    [253_402_300_799, 'Fri Dec 31 23:59:59 9999', '99991231T235959Z'],
    [253_402_300_800, 'Sat Jan  1 00:00:00 10000', '100000101T000000Z'],
    [9_000_000_000_000, '@9000000000000', '@9000000000000'],
  ])('%d', async (seconds, human, record) => {
    const folder = await storageOf(seconds)
    const log = join(folder, 'log')
    const args = ['list-current-files', `file://${folder}/storage`, '--archive-dir', `${folder}/cache`]
    const listed = await coalmine([...args, '--log-file', log])
    expect(listed.code, said(listed)).toBe(0)
    expect(listed.stdout.toString().trimEnd().split('\n').at(-1)).toBe(`${human} .`)
    expect(readFileSync(log, 'latin1')).toContain(`INFO 10 ${record} '.' dir\n. ${human} .\n`)
  })
})
