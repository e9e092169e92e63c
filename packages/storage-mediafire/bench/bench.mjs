// How fast a volume goes to MediaFire and comes back, against the emulator in a process of its own: through the client and
// through the storage. npm run bench -- --mediafire [MiB] [rounds], or this file after a build.
import { spawn } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fromFile } from '@coalmine/bytes/file'
import { createMediaFire, passwordAuth } from '@coalmine/mediafire'
import { createMediaFireStorage } from '@coalmine/storage-mediafire'

const [mebibytes = 200, rounds = 5] = process.argv.map(Number).filter((number) => number > 0)
const size = mebibytes * 2 ** 20
const top = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coalmine-bench-'))
const account = { email: 'me@example.com', password: 'secret' }

/** What the two programs could do at most: as many bytes through a socket of Node, received and not looked at. */
const bareServer = `
const piece = Buffer.alloc(2 ** 20)
const server = require('node:http').createServer((request, response) => {
  if (request.method === 'POST') return request.resume().once('end', () => response.end())
  response.setHeader('content-length', ${size})
  require('node:stream').Readable.from((function* () { for (let at = 0; at < ${size}; at += piece.length) yield piece })()).pipe(response)
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))`

const program = join(
  dirname(createRequire(import.meta.url).resolve('@coalmine/mediafire-emulator/package.json')),
  'bin',
  'mediafire-emulator.js',
)
const emulator = spawn(
  process.execPath,
  [program, '--data-dir', join(top, 'data'), '--account', account.email, '--profile', 'instant'],
  {
    env: { ...process.env, MEDIAFIRE_EMULATOR_PASSWORD: account.password },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
try {
  const [line] = await once(createInterface({ input: emulator.stdout }), 'line')
  const { url } = JSON.parse(line)
  const results = new Map()
  const calls = new Map()
  for (let round = 0; round < rounds; round++) {
    // New bytes each time: what the service has already it is not sent.
    const file = join(top, 'volume')
    const bytes = randomFillSync(Buffer.allocUnsafe(size))
    writeFileSync(file, bytes)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const client = () => createMediaFire({ baseUrl: url, auth: passwordAuth(account) })
    await fetch(`${url}/_emulator/log`, { method: 'DELETE' })

    await timed('SHA-256 alone', async () => createHash('sha256').update(bytes).digest())
    const bare = spawn(process.execPath, ['-e', bareServer], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [port] = await once(createInterface({ input: bare.stdout }), 'line')
    await timed(
      'fetch alone, POST',
      async () => (await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: bytes })).text(),
      bare,
    )
    await timed('fetch alone, GET', async () => drained((await fetch(`http://127.0.0.1:${port}`)).body), bare)
    bare.kill()
    await once(bare, 'exit')

    const mediafire = client()
    const source = await fromFile(file, { chunkBytes: 2 ** 20 })
    const { key } = await timed('client, upload', () => mediafire.upload(`client ${round}`, source))
    if (round === 0) await counted('client, upload')
    await timed('client, download', () => drained(mediafire.download(key)))
    if (round === 0) await counted('client, download')
    await mediafire.trash.purgeFiles(key)
    await mediafire.close()

    const storage = createMediaFireStorage({ client: client(), folder: ['Bench'], listLagMs: 0 })
    await storage.stat('warm up')
    await fetch(`${url}/_emulator/log`, { method: 'DELETE' })
    await timed('storage, put (SHA-256 known)', () => storage.put('volume', source, { digests: { sha256 } }))
    if (round === 0) await counted('storage, put (SHA-256 known)')
    await timed('storage, get', () => drained(storage.get('volume')))
    if (round === 0) await counted('storage, get')
    await storage.delete('volume')
    await storage.close()
  }
  console.log('| | MB/s | CPU s, ours | CPU s, server | calls |\n|---|---|---|---|---|')
  for (const [what, all] of results) {
    const { wall, own, other } = all.toSorted((a, b) => a.wall - b.wall)[Math.floor(all.length / 2)]
    const row = [what, Math.round(size / 1e6 / wall), own.toFixed(2), other.toFixed(2), calls.get(what) ?? '']
    console.log(`| ${row.join(' | ')} |`)
  }

  async function timed(what, run, server = emulator) {
    const [startMs, own, other] = [performance.now(), process.cpuUsage(), cpuSeconds(server.pid)]
    const result = await run()
    const { user, system } = process.cpuUsage(own)
    const wall = (performance.now() - startMs) / 1000
    const cost = { wall, own: (user + system) / 1e6, other: cpuSeconds(server.pid) - other }
    results.set(what, [...(results.get(what) ?? []), cost])
    return result
  }

  async function counted(what) {
    const { calls: all } = await (await fetch(`${url}/_emulator/log`)).json()
    const names = new Map()
    for (const { call } of all) if (!call.startsWith('_')) names.set(call, (names.get(call) ?? 0) + 1)
    calls.set(what, [...names].map(([name, count]) => `${count} × ${name}`).join(', '))
    await fetch(`${url}/_emulator/log`, { method: 'DELETE' })
  }
} finally {
  emulator.kill()
  await once(emulator, 'exit')
  rmSync(top, { recursive: true })
}

async function drained(stream) {
  let bytes = 0
  for await (const chunk of stream) bytes += chunk.length
  if (bytes !== size) throw new Error(`${bytes} of ${size} bytes came`)
}

/** Of a process of Linux, in hundredths. */
function cpuSeconds(pid) {
  if (!existsSync(`/proc/${pid}/stat`)) return Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
