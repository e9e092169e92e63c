export { FormatError, type FormatErrorCode } from './lib/format-error.ts'
export { formatPretty, formatTime, parseTimestamp, type TimestampOptions, type TimeZoneOptions } from './lib/times.ts'
export { parseTimeString, TimeError } from './lib/time-strings.ts'
export {
  formatName,
  parseName,
  type NameOptions,
  type NameParts,
  type ParsedName,
  type Prefixes,
  type SetTimes,
} from './lib/names.ts'
export { quote, unquote } from './lib/quoting.ts'
export {
  mayHold,
  type Manifest,
  type ManifestFile,
  type ManifestHash,
  type ManifestPlace,
  type ManifestVolume,
} from './lib/manifest.ts'
export { FileList } from './lib/file-list.ts'
export { formatManifest, manifestPieces, type ManifestToWrite } from './lib/manifest-format.ts'
export { ManifestDecoder, parseManifest, type ParseManifestOptions } from './lib/manifest-parse.ts'
export { type BackupSet, type SignatureSet, type StoredObject } from './lib/sets.ts'
export {
  collectSets,
  type BackupChain,
  type CollectOptions,
  type Collection,
  type SignatureChain,
} from './lib/chains.ts'
export {
  firstSeconds,
  matchChains,
  setsForTime,
  signaturesForTime,
  type MatchedChains,
  type SetsForTime,
  type SignaturesForTime,
} from './lib/choosing.ts'
export { type EntryKind, type EntryMeta } from './lib/entry-meta.ts'
export {
  BLOCK_BYTES,
  encodeDiffTarMember,
  encodeSigTarMember,
  signatureHeader,
  sigTarEnd,
  volumeEnd,
  type DiffTarMember,
  type SigTarMember,
} from './lib/encode-members.ts'
export { DiffTarDecoder, type DiffTarEntry, type DiffTarPart } from './lib/difftar-decoder.ts'
export { readSigTar, type ReadSigTarOptions, type SigTarEntry } from './lib/sigtar-reader.ts'
export { groupSigTars, mergeSigTars, type SigTarGroup } from './lib/sigtar-merge.ts'
export { plainEnvelope, type Envelope, type ObjectKind } from './lib/envelope.ts'
export { gzipEnvelope, type GzipOptions } from './lib/gzip-envelope.ts'
