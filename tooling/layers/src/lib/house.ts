/** What a package may use. Everything else is refused. */
export interface Room {
  layer: number
  /** Packages of this workspace, by their name without the scope. */
  uses: readonly string[]
  /** Modules of Node, without `node:`; all of them when left out. For one entry only: `{ './file': […] }`. */
  node?: readonly string[] | Readonly<Record<string, readonly string[]>>
  /** Packages from elsewhere; none when left out. */
  external?: readonly string[] | 'any'
  /** Files that import what is computed at run time: each says there what it is, and why it cannot be named. */
  computed?: readonly string[]
}

/** The layers, from the ground up. Imports go strictly downward. */
export const layerNames = [
  'know nothing of the others',
  'know bytes',
  'know what they adapt',
  'sets, chains and volumes in a storage',
  'write path and read path, strangers to each other',
  'composition roots',
] as const

const storage = { layer: 2, uses: ['bytes', 'storage'] } as const

/** Every room there may be: also those that are not built yet, so that nobody has to guess where they go. */
export const house: Readonly<Record<string, Room>> = {
  bytes: { layer: 0, uses: [], node: { '.': [], './file': ['fs/promises'] } },
  deflate: { layer: 0, uses: [], node: ['zlib', 'os'] },
  selection: { layer: 0, uses: [], node: [] },

  tar: { layer: 1, uses: ['bytes'], node: [] },
  rdiff: { layer: 1, uses: ['bytes'], node: ['fs'] },
  openpgp: {
    layer: 1,
    uses: ['bytes', 'deflate'],
    node: ['crypto', 'zlib', 'timers/promises', 'child_process', 'module', 'url'],
    external: ['openpgp', 'seek-bzip'],
    computed: ['src/lib/openpgp-js-parts.ts'],
  },
  filetree: { layer: 1, uses: ['bytes'] },
  storage: { layer: 1, uses: ['bytes'], node: ['crypto', 'timers/promises'] },
  mediafire: { layer: 1, uses: ['bytes'], external: ['undici'] },

  'volume-format': { layer: 2, uses: ['bytes', 'tar', 'deflate'], node: ['zlib'] },
  'storage-file': storage,
  'storage-mediafire': { layer: 2, uses: ['bytes', 'storage', 'mediafire'] },
  'storage-s3': { ...storage, external: ['s3mini'] },
  'storage-sftp': { ...storage, external: ['ssh2-sftp-client'] },
  'storage-webdav': { ...storage, external: ['undici'] },
  'storage-rclone': storage,
  'storage-testkit': { layer: 2, uses: ['bytes', 'storage'] },
  'mediafire-emulator': { layer: 2, uses: [] },

  repository: { layer: 3, uses: ['bytes', 'storage', 'volume-format'], external: ['fs-native-extensions'] },

  archiver: { layer: 4, uses: ['bytes', 'filetree', 'rdiff', 'volume-format', 'repository'] },
  restorer: { layer: 4, uses: ['bytes', 'filetree', 'rdiff', 'volume-format', 'repository'] },
}

/** Apps wire: they may use every room, but not each other. */
export const appLayer = layerNames.length - 1
