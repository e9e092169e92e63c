export { duplicity, duplicityEnv, duplicityHome, type DuplicityOptions } from './lib/duplicity.ts'
export { allPeers, peerLines, preparePeers } from './lib/prepare.ts'
export {
  debianFolder,
  duplicityPeer,
  type DuplicityVersion,
  duplicityVersions,
  hostDuplicity,
  inWorldOf,
  plainEnv,
  trixiePeer,
  type WorldOptions,
} from './lib/worlds.ts'
