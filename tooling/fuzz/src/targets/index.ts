import type { Target } from '../lib/target.ts'
import { difftar } from './difftar.ts'
import { fileIndex } from './file-index.ts'
import { inflating } from './inflate.ts'
import { journals, ledgers, restoreMarks } from './kept.ts'
import { chains, listings } from './listings.ts'
import { commands, owners } from './local.ts'
import { manifests } from './manifests.ts'
import { mediaFireAnswers } from './mediafire.ts'
import { names } from './names.ts'
import { bzip2, innerPackets, messages, s2k } from './openpgp.ts'
import { aeadData } from './openpgp-aead.ts'
import { keyMessages } from './openpgp-keys.ts'
import { deltaChains, deltas, signatures } from './rdiff.ts'
import { sigtar } from './sigtar.ts'
import { storageUrls } from './storage-urls.ts'
import { paxHeaders, tar } from './tar.ts'
import { times } from './times.ts'

/** Every parser of what comes from outside. */
export const targets: readonly Target[] = [
  ...[names, times, listings, chains, manifests],
  ...[tar, paxHeaders, difftar, sigtar, signatures, deltas, deltaChains],
  ...[messages, aeadData, keyMessages, innerPackets, s2k, bzip2, inflating],
  ...[storageUrls, owners, commands, fileIndex, mediaFireAnswers],
  ...[ledgers, journals, restoreMarks],
]
