// How fast signatures, deltas and patches are made: node bench/bench.mjs [megabytes]. Needs the build.
//
// MB/s of content by processor time, the best of five rounds, so that other work on the machine shows less. Beside it those
// of rdiff, where that is installed, files in memory where there is /dev/shm.
import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeltaEncoder, DeltaIndex, patch, readSignature, signature, SignatureEncoder } from '../dist/index.js'

const bytes = Number(process.argv[2] ?? 64) * 1_000_000
const chunkBytes = 262_144

async function* pieces(content) {
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes)
}

async function* once(content) {
  yield content
}

function secondsOfProcessor() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rdiff-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

/** The same by rdiff: MB/s of content, or nothing where there is none. */
function rdiff(...words) {
  const script = 'TIMEFORMAT="%U %S"; cd "$1"; shift; time rdiff -f "$@"'
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    const { status, stderr } = spawnSync('bash', ['-c', script, 'bash', folder, ...words], { encoding: 'utf8' })
    if (status !== 0) return '–'
    const [user, system] = stderr.trim().split(' ').map(Number)
    best = Math.min(best, user + system)
  }
  return Math.round(bytes / best / 1e6)
}

/** The delta by rdiff. */
function rdiffDelta(old, next, blockBytes) {
  writeFileSync(join(folder, 'signature'), signature(old, { blockBytes }))
  writeFileSync(join(folder, 'new'), next)
  return rdiff('delta', 'signature', 'new', 'delta')
}

async function measure(name, count, work, peer = () => '–') {
  let best = Number.POSITIVE_INFINITY
  let result
  for (let round = 0; round < 5; round++) {
    const start = secondsOfProcessor()
    result = await work()
    best = Math.min(best, secondsOfProcessor() - start)
  }
  console.log(`| ${name} | ${Math.round(count / best / 1e6)} | ${peer()} | ${result} |`)
}

async function encode(index, content, kernel) {
  const encoder = new DeltaEncoder(index, { kernel })
  let made = 0
  for await (const chunk of pieces(content)) for (const part of encoder.push(chunk)) made += part.length
  for (const part of encoder.finish()) made += part.length
  return made
}

const noise = randomFillSync(Buffer.allocUnsafe(bytes))
const other = randomFillSync(Buffer.allocUnsafe(bytes))
const shifted = Buffer.concat([Buffer.from('x'), noise.subarray(0, bytes - 1)])
const edited = Buffer.from(noise)
for (let at = 5000; at < bytes; at += 20_000) edited[at] ^= 1
const zeros = Buffer.alloc(bytes)
const text = Buffer.alloc(bytes)
for (let at = 0, i = 0; at < bytes; i++)
  at += text.write(`${(i * 2654435761) % 2 ** 32} the quick brown fox ${i % 977}\n`, at)
const otherText = Buffer.alloc(bytes)
for (let at = 0, i = 7; at < bytes; i++)
  at += otherText.write(`${(i * 40503) % 2 ** 32} a lazy dog jumps ${i % 991}\n`, at)

const signed = async (content, blockBytes) => readSignature(once(signature(content, { blockBytes })))

console.log(
  `${bytes / 1e6} MB, Node ${process.version}\n\n| what | MB/s | rdiff’s MB/s | bytes of delta |\n|---|---|---|---|`,
)
for (const blockBytes of [512, 2048, 16_384]) {
  const work = () => {
    const encoder = new SignatureEncoder({ blockBytes })
    for (let at = 0; at < bytes; at += chunkBytes) encoder.push(noise.subarray(at, at + chunkBytes))
    encoder.finish()
    return '–'
  }
  await measure(`signature, blocks of ${blockBytes}`, bytes, work, () => {
    writeFileSync(join(folder, 'old'), noise)
    return rdiff('-H', 'md4', '-R', 'rollsum', '-b', String(blockBytes), '-S', '8', 'signature', 'old', 'signature')
  })
}
const cases = [
  ['unchanged', noise, noise, [512, 2048, 16_384]],
  ['shifted by a byte', noise, shifted, [2048]],
  ['a byte in 20,000 changed', noise, edited, [512, 2048]],
  ['all new', noise, other, [512, 2048, 16_384]],
  ['zeros against zeros', zeros, zeros, [2048]],
  ['new text against text', text, otherText, [512]],
]
for (const [name, old, next, lengths] of cases) {
  for (const blockBytes of lengths) {
    const index = new DeltaIndex(await signed(old, blockBytes))
    const work = () => encode(index, next, true)
    await measure(`${String(name)}, blocks of ${blockBytes}`, bytes, work, () => rdiffDelta(old, next, blockBytes))
  }
}
for (const [name, old, next] of [cases[0], cases[3]]) {
  const index = new DeltaIndex(await signed(old, 2048))
  await measure(`${String(name)}, blocks of 2048, in plain JavaScript`, bytes, () => encode(index, next, false))
}
const many = await signed(noise, 512)
await measure(`index of ${many.weak.length} blocks`, bytes, () => new DeltaIndex(many).blocks)

const encoder = new DeltaEncoder(await signed(noise, 2048))
const parts = [...encoder.push(edited), ...encoder.finish()]
const source = {
  size: noise.length,
  open: ({ start, end }) => pieces(noise.subarray(start, end)),
}
await measure(
  'patch, a byte in 20,000 changed',
  bytes,
  async () => {
    let made = 0
    for await (const chunk of patch(source, pieces(Buffer.concat(parts)))) made += chunk.length
    if (made !== bytes) throw new Error('not the whole content')
    return Buffer.concat(parts).length
  },
  () => {
    writeFileSync(join(folder, 'old'), noise)
    writeFileSync(join(folder, 'delta'), Buffer.concat(parts))
    return rdiff('patch', 'old', 'delta', 'again')
  },
)
