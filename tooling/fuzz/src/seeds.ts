// Makes the seeds of the corpus: small sound inputs for every target, written by the real programs where there are any.
// They are kept in the repository; `node scripts/fuzz.mjs --seeds` makes them anew.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { collect, fromBytes, type RawPath } from '@coalmine/bytes'
import { encryptMessage } from '@coalmine/openpgp'
import {
  encodeDiffTarMember,
  encodeSigTarMember,
  type EntryMeta,
  formatManifest,
  sigTarEnd,
} from '@coalmine/volume-format'
import { aeadMessage, dataPacket } from './lib/aead-writer.ts'
import { keep } from './lib/corpus.ts'
import { literal, messageAround, oldPacket, packet } from './lib/openpgp-writer.ts'
import { output } from './lib/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'coalmine-seeds-'))
const bytes = (text: string) => Buffer.from(text, 'latin1')
const here = (name: string) => join(folder, name)

/** Runs a program that must succeed; what it writes. */
async function by(argv: readonly string[], input?: Uint8Array, env: NodeJS.ProcessEnv = process.env): Promise<Buffer> {
  const { code, stdout } = await output(argv, { input, env })
  if (code !== 0) throw new Error(`Cannot make seeds: ${argv[0]} ended with code ${code}`)
  return stdout
}

export async function makeSeeds(): Promise<number> {
  let count = 0
  const seed = (target: string, label: string, input: Uint8Array) => {
    keep(target, 'seed', input, label)
    count += 1
  }
  try {
    for (const [label, input] of Object.entries(texts())) seed(label.split(' ')[0]!, label.split(' ')[1]!, input)
    for (const [label, input] of Object.entries(fileIndexes())) seed('file-index', label, input)
    for (const [label, input] of await archives()) seed('tar', label, input)
    for (const [label, input] of sets()) seed(label.split(' ')[0]!, label.split(' ')[1]!, input)
    for (const [label, input] of await differences()) seed(label.split(' ')[0]!, label.split(' ')[1]!, input)
    for (const [label, input] of await encrypted()) seed(label.split(' ')[0]!, label.split(' ')[1]!, input)
    for (const [label, input] of await compressed()) seed(label.split(' ')[0]!, label.split(' ')[1]!, input)
  } finally {
    rmSync(folder, { recursive: true })
  }
  return count
}

/** Nobody else writes these. */
function fileIndexes(): Record<string, Buffer> {
  const head = Buffer.concat([bytes('coalmine files 1'), Buffer.from(Float64Array.of(1 / 3).buffer)])
  const block = (payload: Buffer, length = payload.length) => {
    const start = Buffer.alloc(8)
    start.writeUInt32LE(length, 0)
    start.writeUInt32LE(crc32(payload), 4)
    return Buffer.concat([start, payload])
  }
  const files = (names: readonly string[], shared: readonly number[]) => {
    const text = bytes(names.join('\0'))
    const numbers = names.flatMap((_, at) => [at, 999_999_999, 1_700_000_000_000.25, 4096])
    const parts = [Uint32Array.of(names.length, text.length), Uint16Array.from(shared), Float64Array.from(numbers)]
    return block(Buffer.concat([...parts.map(({ buffer }) => Buffer.from(buffer)), text]))
  }
  const end = block(Buffer.alloc(32, 7), 0)
  return {
    empty: Buffer.concat([head, end]),
    'one-block': Buffer.concat([head, files(['a', 'b/c', 'd', '\xff'], [0, 0, 2, 2]), end]),
    'two-blocks': Buffer.concat([head, files(['', 'x y'], [0, 0]), files(['z'], [0]), end]),
  }
}

function texts(): Record<string, Buffer> {
  const full = 'duplicity-full.20231114T221320Z'
  const inc = 'duplicity-inc.20231114T221320Z.to.20231116T020000Z'
  const listing = [
    ...[`10 ${full}.vol1.difftar.gpg`, `10 ${full}.vol2.difftar.gpg`, `5 ${full}.manifest.gpg`],
    ...[`7 ${inc}.vol1.difftar.gpg`, `5 ${inc}.manifest.gpg`, '3 README', '9 df.tox8jw.1.dt.g', '4 df.tox8jw.m.g'],
    ...['8 duplicity-full-signatures.20231114T221320Z.sigtar.gpg', `1 ${full}.jsonstat.gpg`],
    ...['8 duplicity-new-signatures.20231114T221320Z.to.20231116T020000Z.sigtar.gpg', `0 ${full}.manifest.part`],
    ...['6 duplicity-inc.20231115T000000Z.to.20231117T000000Z.manifest', `2 ${full}.vol1.difftar.gz`],
  ]
  return {
    'names volume': bytes(`\0${full}.vol12.difftar.gpg`),
    'names increment': bytes(`\0${inc}.manifest`),
    'names short': bytes('\0di.tox8jw.tox9zz.1a.dt.g'),
    'names signatures': bytes('\0duplicity-new-signatures.20231114T221320Z.to.20231116T020000Z.sigtar.gz'),
    'names partial': bytes('\0duplicity-full-signatures.20231114T221320Z.sigtar.part'),
    'names statistics': bytes('\0dist.tox8jw.tox9zz.jst'),
    'names old': bytes('\x01duplicity-full.2023-11-14T22_13_20+01_00.vol1.difftar'),
    'names prefixed': bytes(`\x02pre-${full}.manifest.gpg`),
    'names prefixes': bytes(`\x03a${full}.vol1.difftar`),
    'times compact': bytes('\x0020231114T221320Z'),
    'times long': bytes('\x012023-11-14T22:13:20-04:30'),
    'times local': bytes('\x012023-03-26T02:30:00'),
    'times interval': bytes('\x001Y2M3W4D5h6m7s'),
    'times date': bytes('\x0203/31/2002'),
    'times number': bytes('\x001700000000'),
    'times now': bytes('\0now'),
    'listings chains': bytes(listing.join('\n')),
    'listings sizes': bytes(`NaN ${full}.manifest\n-1 ${full}.vol1.difftar\n1e999 ${full}.vol2.difftar`),
    'chains two': Buffer.of(0, 1, 0, 1, 2, 1, 2, 3, 1, 1, 3, 1, 0, 4, 0, 4, 5, 1, 9, 10, 1),
    'storage-urls file': bytes('file:///srv/b%20c/%C3%A9'),
    'storage-urls relative': bytes('file://rel/b'),
    'storage-urls account': bytes('mf://user%40host:se%2Fcret@mediafire.com/dir?x=1'),
    'storage-urls plain': bytes('mf://My Folder/x'),
    'storage-urls port': bytes('sftp://u@[::1]:2222//abs'),
    'ledgers put': bytes(
      `{"put":"${full}.vol1.difftar.gpg","size":10,"sha1":"ff","digests":{"sha256":"aa"}}\n{"gone":"x"}\n{"put":"y","si`,
    ),
    'ledgers again': bytes(
      '{"put":"a","size":1,"sha1":"f"}\n{"put":"b","size":2,"sha1":"e"}\n{"put":"a","size":3,"sha1":"d"}\n',
    ),
    'journals full': bytes(
      '{"journal":1,"times":{"type":"full","timeSeconds":1700000000},"manifest":"m","conditions":{"a":"b"},"probe":"AA=="}\n' +
        '{"number":1,"start":{"path":""},"end":{"path":"a","block":2},"sha1":"ff","key":"v1","bytes":10,' +
        '"signatureBytes":5,"copyBytes":4,"files":["nx","cy","dz"],"mark":{"size":9,"inode":"7"}}\n',
    ),
    'journals increment': bytes(
      '{"journal":1,"times":{"type":"inc","startSeconds":1,"endSeconds":2},"manifest":"m","conditions":{}}\n{"numb',
    ),
    'restore-marks plain': bytes('{"url":"file:///srv/b","setSeconds":1700000000,"path":"d"}\n'),
    'restore-marks bytes': bytes('{"url":"mf://x","setSeconds":0,"path":"?","pathBase64":"/w=="}\n'),
    'mediafire-answers file': bytes(
      '{"response":{"action":"file/get_info","result":"Success","file_info":{},"quickkey":"abc","filename":"a","size":"12",' +
        '"hash":"","created":"2023-11-14 22:13:20","links":{"normal_download":"https://x/"},"permissions":{"value":"2"}}}',
    ),
    'mediafire-answers folder': bytes(
      '{"response":{"result":"Success","folderkey":"k","name":"n","file_count":"3","size":18446744073709551616}}',
    ),
    'mediafire-answers error': bytes('{"response":{"result":"Error","message":"f00dfacef00dface","error":105}}'),
    'mediafire-answers page': bytes('<!doctype html><title>Just a moment</title>'),
    'owners passwd': bytes(
      'root:x:0:0:root:/root:/bin/sh\n# note\n+::::::\nnobody:x:65534:65534::/:\nj\xf6rg:x:1000:1000\n',
    ),
    'commands quoted': Buffer.from(`pass "show it" 'a b'\\ c d\\"e`),
    'manifests written': Buffer.from(formatManifest(manifest())),
    'manifests restarted': bytes(
      'Volume 1:\n    StartingPath   .  \n    EndingPath     a 1\n    Hash MD5 00\n    Hash SHA1 11\n' +
        'Volume 3:\n    StartingPath   a 2\n    EndingPath     b  \n    Hash SHA1 22\n' +
        'Volume 2:\n    STARTINGPATH   a 2\n    endingpath     "b\\x20c" \n    note\n    Hash SHA1 33\n',
    ),
  }
}

function manifest() {
  const place = (path: string, block?: number) => ({ path: path as RawPath, block })
  const hashes = [{ name: 'SHA1', hex: '2d29c68b025b000ac71a93818501a4a567d6bc89' }]
  return {
    hostname: 'vm',
    localDir: 'some "source"' as RawPath,
    volumes: new Map([
      [1, { number: 1, start: place(''), end: place('big', 16), hashes }],
      [2, { number: 2, start: place('big', 17), end: place('sub/\xff "x"'), hashes }],
    ]),
    files: [
      { action: 'new' as const, path: 'big' as RawPath },
      { action: 'changed' as const, path: 'sp ace' as RawPath },
      { action: 'deleted' as const, path: 'gone\n' as RawPath },
    ],
  }
}

/** By GNU tar, in each of its dialects. */
async function archives(): Promise<[string, Buffer][]> {
  const tree = here('tree')
  mkdirSync(join(tree, 'folder'), { recursive: true })
  writeFileSync(join(tree, 'file'), 'canary')
  writeFileSync(join(tree, 'folder', 'n'.repeat(130)), '')
  symlinkSync('t'.repeat(120), join(tree, 'link'))
  for (const name of ['file', 'folder']) utimesSync(join(tree, name), 1_700_000_000.25, 1_700_000_000.25)
  const made: [string, Buffer][] = []
  for (const format of ['v7', 'oldgnu', 'gnu', 'pax']) {
    const names = format === 'v7' ? ['file'] : ['file', 'folder', 'link']
    const words = [
      `--format=${format}`,
      '--blocking-factor=1',
      '--owner=canary:70000',
      '--group=mine:70001',
      '--sort=name',
    ]
    made.push([format, await by(['tar', '--create', '--file=-', ...words, '-C', tree, ...names])])
  }
  writeFileSync(join(tree, 'sparse'), 'canary')
  await by(['truncate', '--size=100000', join(tree, 'sparse')])
  for (const version of ['0.1', '1.0']) {
    const words = ['--format=pax', `--sparse-version=${version}`, '--sparse', '--blocking-factor=1']
    made.push([`sparse-${version}`, await by(['tar', '--create', '--file=-', ...words, '-C', tree, 'sparse'])])
  }
  return made
}

function sets(): [string, Buffer][] {
  const meta = (path: string, kind: EntryMeta['kind'], more: Partial<EntryMeta> = {}): EntryMeta => ({
    path: path as RawPath,
    ...{ kind, mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, userName: 'root', groupName: 'root' },
    ...more,
  })
  const volume = (members: Parameters<typeof encodeDiffTarMember>[0][]) =>
    Buffer.concat(members.map((one) => encodeDiffTarMember(one)))
  const signed = (members: Parameters<typeof encodeSigTarMember>[0][]) => {
    const all = Buffer.concat(members.map((one) => encodeSigTarMember(one)))
    return Buffer.concat([all, sigTarEnd(all.length).subarray(0, 1024)])
  }
  const file = (path: string, block?: number, action: 'snapshot' | 'diff' = 'snapshot') => ({
    action,
    meta: meta(path, 'file'),
    data: bytes('canary'),
    block,
  })
  const link = { action: 'snapshot' as const, meta: meta('link', 'symlink', { linkTarget: 'file' as RawPath }) }
  const device = { action: 'snapshot' as const, meta: meta('null', 'character-device', { devMajor: 1, devMinor: 3 }) }
  const folderOf = (path: string) => ({ action: 'snapshot' as const, meta: meta(path, 'directory') })
  const first = volume([folderOf(''), file('a'), file('b', 1), file('b', 2)])
  const second = volume([
    file('b', 3),
    { action: 'deleted', path: 'c' as RawPath },
    file('d', undefined, 'diff'),
    link,
    device,
  ])
  const signature = (path: string) => ({
    action: 'signature' as const,
    meta: meta(path, 'file'),
    signature: Buffer.from('7273013600000800000000080000000000000000', 'hex'),
  })
  const older = signed([folderOf(''), signature('a'), signature('b'), signature('c')])
  const newer = signed([
    folderOf(''),
    { action: 'deleted', path: 'a' as RawPath },
    signature('b'),
    { action: 'snapshot', meta: link.meta },
  ])
  return [
    ['difftar one', first],
    ['difftar two', Buffer.concat([first, bytes('=====next volume====='), second])],
    ['sigtar one', older],
    ['sigtar chain', Buffer.concat([older, bytes('=====next file====='), newer])],
    ['pax records', bytes('18 path=a/b/c/d/e\n20 mtime=1700000000.5\n11 size=6\n')],
    ['pax empty', bytes('9 size=\n8 uid=\n')],
  ]
}

/** By rdiff. */
async function differences(): Promise<[string, Buffer][]> {
  const made: [string, Buffer][] = []
  const old = Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * 7 + (at >> 8)) & 255))
  writeFileSync(here('old'), old)
  writeFileSync(
    here('new'),
    Buffer.concat([old.subarray(1024, 2048), bytes('canary'), old.subarray(0, 512), bytes('!'.repeat(300))]),
  )
  for (const hash of ['md4', 'blake2']) {
    for (const rolling of ['rollsum', 'rabinkarp']) {
      const words = ['-H', hash, '-R', rolling, '-b', '512', '-S', '8']
      await by(['rdiff', '--force', ...words, 'signature', here('old'), here('signature')])
      made.push([`rdiff-signature ${hash}-${rolling}`, readFileSync(here('signature'))])
    }
  }
  await by(['rdiff', '--force', 'delta', here('signature'), here('new'), here('delta')])
  const first = Buffer.concat([Buffer.of(3000 >> 8, 3000 & 255), readFileSync(here('delta'))])
  made.push(['rdiff-delta rdiff', first])
  await by(['rdiff', '--force', '-b', '64', 'signature', here('new'), here('signature')])
  await by(['rdiff', '--force', 'delta', here('signature'), here('old'), here('delta')])
  made.push(['rdiff-chain rdiff', Buffer.concat([first, bytes('=====next delta====='), readFileSync(here('delta'))])])
  return made
}

/** By GnuPG, and by us. */
async function encrypted(): Promise<[string, Buffer][]> {
  const home = here('gnupg')
  mkdirSync(home, { mode: 0o700 })
  const env = { PATH: process.env['PATH'], GNUPGHOME: home, LC_ALL: 'C' }
  const content = bytes('What the canary knew.\n'.repeat(20))
  const made: [string, Buffer][] = []
  const variants: Record<string, string[]> = {
    plain: ['--compress-algo', 'none'],
    zip: ['--compress-algo', 'zip'],
    zlib: ['--compress-algo', 'zlib', '--cipher-algo', 'AES'],
    bzip2: ['--compress-algo', 'bzip2', '--cipher-algo', 'CAMELLIA256'],
    'simple-s2k': ['--s2k-mode', '0', '--cipher-algo', '3DES'],
    'salted-s2k': ['--s2k-mode', '1', '--s2k-digest-algo', 'SHA1'],
    signed: ['--s2k-mode', '3', '--s2k-digest-algo', 'SHA512', '--set-filename', 'name'],
  }
  const always = ['gpg', '--batch', '--pinentry-mode', 'loopback', '--passphrase', 'x', '--s2k-count', '65536']
  for (const [label, words] of Object.entries(variants)) {
    made.push([`openpgp gpg-${label}`, await by([...always, ...words, '--symmetric', '--output', '-'], content, env)])
  }
  await by(['gpgconf', '--kill', 'gpg-agent'], undefined, env)
  for (const algorithm of ['zip', 'none'] as const) {
    const options = { passphrase: 'x', s2kCount: 1024, compression: { algorithm } }
    made.push([
      `openpgp ours-${algorithm}`,
      Buffer.from(await collect(encryptMessage(fromBytes(content).open(), options))),
    ])
  }
  // What gpg itself reads of authenticated encryption: packets of type 20.
  for (const mode of [1, 2] as const) {
    const way = { tag: 20, mode, cipher: 9, chunkOctet: 0 } as const
    const { head, parts } = aeadMessage(way, literal('canary '.repeat(30)))
    made.push([`openpgp type-20-mode-${mode}`, Buffer.concat([head, dataPacket(way, parts)])])
  }
  for (const [at, damage] of [0, 1, 2, 3, 5, 7, 8, 9].entries()) {
    const choice = Buffer.of(at * 37, at, damage, at, 77)
    made.push([`openpgp-aead damage-${damage}`, Buffer.concat([choice, bytes('canary '.repeat(3 * at))])])
  }
  made.push(
    [
      'openpgp partial',
      partial(messageAround(Buffer.concat([packet(10, bytes('PGP')), literal('canary'.repeat(200))]))),
    ],
    ['openpgp-inside literal', literal('canary')],
    [
      'openpgp-inside old',
      Buffer.concat([oldPacket(10, bytes('PGP')), oldPacket(11, bytes('t\x03abc\0\0\0\0one\r\ntwo\r\n'))]),
    ],
    ['openpgp-inside zip', packet(8, Buffer.of(1), deflateRawSync(literal('canary '.repeat(50))))],
    ['openpgp-inside zlib', packet(8, Buffer.of(2), deflateSync(literal('canary '.repeat(50))))],
    ['openpgp-inside open', Buffer.concat([Buffer.of(0xa3, 1), deflateRawSync(literal('canary'))])],
    [
      'openpgp-inside nested',
      packet(8, Buffer.of(0), packet(8, Buffer.of(1), deflateRawSync(packet(8, Buffer.of(0), literal('x'))))),
    ],
    ['s2k iterated', Buffer.concat([Buffer.of(0, 1, 3, 2, 1, 40), bytes('saltsalt'), Buffer.of(0, 0), bytes('pass')])],
    ['s2k simple', Buffer.concat([Buffer.of(3, 0, 1, 0, 1, 0), bytes('saltsalt'), Buffer.of(1, 0), bytes('pass')])],
  )
  return made
}

/** The last packet in pieces of partial lengths. */
function partial(message: Buffer): Buffer {
  const at = message.indexOf(0xd2)
  const start = at + (message[at + 1]! < 192 ? 2 : message[at + 1]! < 224 ? 3 : 6)
  const body = message.subarray(start)
  const rest = body.subarray(512 + 1)
  const tail =
    rest.length < 192 ? Buffer.of(rest.length) : Buffer.of(192 + ((rest.length - 192) >> 8), (rest.length - 192) & 255)
  const pieces = [Buffer.of(0xd2, 0xe9), body.subarray(0, 512), Buffer.of(0xe0), body.subarray(512, 513), tail, rest]
  return Buffer.concat([message.subarray(0, at), ...pieces])
}

async function compressed(): Promise<[string, Buffer][]> {
  const content = bytes('The canary sings as long as the air is good.\n'.repeat(30))
  const named = here('named')
  writeFileSync(named, content)
  const chosen = (format: number, data: Uint8Array) => Buffer.concat([Buffer.of(format, 255), data])
  const members = Buffer.concat([gzipSync('one'), gzipSync('two'), Buffer.alloc(20)])
  return [
    ['bzip2 short', await by(['bzip2', '-c', '-1'], literal('canary '.repeat(60)))],
    ['bzip2 long-run', await by(['bzip2', '-c', '-9'], literal('a'.repeat(8000)))],
    ['bzip2 nothing', await by(['bzip2', '-c'], Buffer.alloc(0))],
    ['inflate raw', chosen(0, deflateRawSync(content))],
    ['inflate zlib', chosen(1, deflateSync(content))],
    ['inflate stored', chosen(0, deflateRawSync(content.subarray(0, 100), { level: 0 }))],
    ['inflate fixed', chosen(0, deflateRawSync('abcabcabc', { strategy: 4 }))],
    ['inflate gzip', chosen(2, await by(['gzip', '-c', '--name', named]))],
    ['inflate members', chosen(2, members)],
    ['inflate bomb', chosen(0, deflateRawSync(Buffer.alloc(3_000_000), { level: 9 }))],
    ['inflate limited', Buffer.concat([Buffer.of(0, 9), deflateRawSync(content)])],
  ]
}
