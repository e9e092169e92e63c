// The WebDAV server, as programs of this machine use it. Judges: duplicity's own webdav:// backend, curl, Python's XML
// parser, raw sockets, and the files of the storage.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createRandom, diffTrees, itWith, run, snapshotTree, tempDir } from '@coalmine/fixtures'
import { duplicityPeer } from '@coalmine/interop'
import { expect, it, onTestFinished } from 'vitest'
import { bridgeWorld, mediaFire, program, versions } from './bridge-world.ts'

const token = 'token-of-this-test-0123'
const random = createRandom('webdav')

async function served(env: Readonly<Record<string, string>> = {}, url?: string) {
  const folder = await tempDir('webdav')
  const storage = join(folder, 'storage')
  const spool = join(folder, 'spool')
  mkdirSync(spool)
  const argv = [program, 'serve', 'webdav', '--storage', url ?? `file://${storage}`]
  const all = { PATH: process.env['PATH'], TMPDIR: spool, DUPLICITY_BRIDGE_TOKEN: token, ...env }
  const child = spawn(process.execPath, argv, { env: all, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const base = line.split(' is at ')[1]!
  const ended = once(child, 'close') as Promise<[number | null]>
  const headers = { authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}` }
  return {
    base,
    port: Number(new URL(base).port),
    storage,
    spool,
    folder,
    child,
    ended,
    complaints: () => complaints,
    ask: (method: string, path: string, more: RequestInit & { duplex?: 'half' } = {}) =>
      fetch(`${base}${path}`, {
        method,
        ...more,
        headers: { ...headers, ...(more.headers as Record<string, string>) },
      }),
  }
}

for (const version of versions) {
  itWith(
    [duplicityPeer(version)],
    `duplicity ${version} backs up to webdav:// of the server, restores, removes`,
    async () => {
      const { storage, port, spool, child, ended, complaints } = await served()
      const { ran, source, home, restored } = await bridgeWorld(version)
      const url = `webdav://any@127.0.0.1:${port}/`
      const env = { FTP_PASSWORD: token }
      const common = ['--no-encryption', '--volsize', '1']
      const duplicity = async (...args: string[]) => {
        const { code, said } = await ran(['duplicity', ...args], { env })
        expect(code, said).toBe(0)
        return said
      }
      await duplicity('full', ...common, source, url)
      expect(readdirSync(storage)).toHaveLength(4)
      expect(await duplicity('collection-status', url)).toContain('No orphaned or incomplete')
      const target = restored()
      await duplicity('restore', '--no-encryption', url, target)
      expect(diffTrees(await snapshotTree(source), await snapshotTree(target), { ignore: ['fractions'] })).toEqual([])
      await duplicity('full', ...common, source, url)
      await duplicity('remove-all-but-n-full', '1', '--force', url)
      expect(readdirSync(storage)).toHaveLength(4)
      expect(existsSync(join(home, '.cache'))).toBe(true)
      child.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
      expect(readdirSync(spool)).toEqual([])
      expect(complaints()).toBe('')
    },
  )
}

itWith(['curl', 'python3'], 'curl puts, gets, lists and deletes, in the account of an emulator', async () => {
  const { env, names } = await mediaFire()
  const { base, folder, spool } = await served(env, 'mf://Dav')
  const content = random.bytes(2_500_000)
  const file = join(folder, 'content')
  writeFileSync(file, content)
  // curl reads its secret from a file.
  const settings = join(folder, 'curlrc')
  writeFileSync(settings, `user = "me:${token}"\nsilent\nshow-error\nfail\n`)
  const curl = (...args: string[]) => run(['curl', '--config', settings, ...args], { check: true })
  await curl('--upload-file', file, `${base}Gr%C3%BC%C3%9Fe%20%26%20'co'.bin`)
  await curl('--upload-file', '/dev/null', `${base}empty`)
  expect(names('/Dav')).toEqual(["Grüße & 'co'.bin", 'empty'])
  const back = await curl(`${base}Gr%C3%BC%C3%9Fe%20%26%20'co'.bin`)
  expect(back.stdout.equals(content)).toBe(true)
  const part = await curl('--range', '1000000-1000099', `${base}Gr%C3%BC%C3%9Fe%20%26%20'co'.bin`)
  expect(part.stdout.equals(content.subarray(1_000_000, 1_000_100))).toBe(true)
  const tail = await curl('--range', '-7', `${base}Gr%C3%BC%C3%9Fe%20%26%20'co'.bin`)
  expect(tail.stdout.equals(content.subarray(-7))).toBe(true)
  const listing = await curl('--request', 'PROPFIND', '--header', 'Depth: 1', base)
  const script = `
import sys, xml.etree.ElementTree as tree, urllib.parse
for one in tree.fromstring(sys.stdin.buffer.read()):
    print(urllib.parse.unquote(one.find("{DAV:}href").text), one.findtext(".//{DAV:}getcontentlength"), one.find(".//{DAV:}collection") is not None)
`
  const { stdout } = await run(['python3', '-c', script], {
    input: listing.stdout,
    check: true,
    env: { ...process.env, PYTHONIOENCODING: 'utf8' },
  })
  expect(stdout.toString().trim().split('\n').sort()).toEqual([
    '/ None True',
    "/Grüße & 'co'.bin 2500000 False",
    '/empty 0 False',
  ])
  await curl('--request', 'DELETE', `${base}empty`)
  await curl('--request', 'DELETE', `${base}empty`)
  expect(names('/Dav')).toHaveLength(1)
  expect(readdirSync(spool).flatMap((name) => readdirSync(join(spool, name)))).toEqual([])
})

it('without the token nothing is answered, whatever is asked', async () => {
  const { base, storage } = await served()
  const wrongs: Record<string, string>[] = [
    {},
    { authorization: 'Basic' },
    { authorization: 'Basic !!!' },
    { authorization: `Basic ${Buffer.from(token).toString('base64')}` },
    { authorization: `Basic ${Buffer.from(`me:${token}x`).toString('base64')}` },
    { authorization: `Basic ${Buffer.from('me:').toString('base64')}` },
    { authorization: 'Bearer ' },
    { authorization: `Digest ${token}` },
  ]
  for (const headers of wrongs) {
    for (const method of ['GET', 'PROPFIND', 'PUT', 'DELETE', 'OPTIONS', 'MKCOL', 'BOGUS']) {
      const answer = await fetch(`${base}a`, { method, headers, body: method === 'PUT' ? 'x' : undefined }).catch(
        () => undefined,
      )
      if (method === 'BOGUS' && answer === undefined) continue
      expect([answer?.status, method], JSON.stringify(headers)).toEqual([method === 'BOGUS' ? 400 : 401, method])
    }
  }
  expect(existsSync(storage)).toBe(false)
  const bearer = await fetch(base, { headers: { authorization: `Bearer ${token}` } })
  expect(bearer.status).toBe(200)
})

/** What is answered to bytes as they are; the first line. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(text)
  let said = ''
  socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')))
  const timer = setTimeout(() => socket.destroy(), 5000)
  await once(socket, 'close')
  clearTimeout(timer)
  return said.split('\r\n', 1)[0]!
}

it('hostile paths and pages lead nowhere', async () => {
  const { port, storage, folder, ask } = await served()
  mkdirSync(storage)
  writeFileSync(join(folder, 'precious'), 'precious')
  const basic = `Authorization: Basic ${Buffer.from(`any:${token}`).toString('base64')}\r\nConnection: close\r\n`
  const head = `Host: 127.0.0.1:${port}\r\n${basic}`
  const paths = [
    '/../precious',
    '/..',
    '/.',
    '/%2e%2e%2fprecious',
    '/%2e%2e',
    '/..%5cprecious',
    '//precious',
    '/a/../../precious',
    '/a/b',
    '/%00',
    '/a%0d%0ab',
    '/%ff%fe',
    '/%',
    '/.coalmine-tmp-x',
    `/${'x'.repeat(300)}`,
    `http://127.0.0.1:${port}/precious`,
    '*',
    'precious',
  ]
  for (const path of paths) {
    for (const method of ['GET', 'PUT', 'DELETE', 'PROPFIND']) {
      const line = await raw(port, `${method} ${path} HTTP/1.1\r\n${head}Content-Length: 0\r\n\r\n`)
      // Where names are anything but slashes, this one is a name.
      const isName = path === '/..%5cprecious'
      const good = isName ? /^HTTP\/1\.1 (?:2\d\d|404) / : /^HTTP\/1\.1 (?:400|404) /
      expect(line, `${method} ${path}`).toMatch(good)
    }
  }
  expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('precious')
  expect(readdirSync(storage)).toEqual([])
  expect(readdirSync(folder).sort()).toEqual(['precious', 'spool', 'storage'])

  expect(await raw(port, `GET / HTTP/1.1\r\nHost: evil.example:${port}\r\n${basic}\r\n`)).toContain(' 403 ')
  expect(await raw(port, `GET / HTTP/1.1\r\n${basic}\r\n`)).toMatch(/ 40[03] /)
  expect(await raw(port, `GET / HTTP/1.1\r\n${head}Origin: http://evil.example\r\n\r\n`)).toContain(' 403 ')
  expect((await ask('MKCOL', 'folder')).status).toBe(403)
  expect((await ask('MKCOL', '')).status).toBe(405)
  expect((await ask('DELETE', '')).status).toBe(403)
  expect((await ask('MOVE', 'a')).status).toBe(405)
  expect((await ask('GET', 'a')).status).toBe(404)
  expect((await ask('PROPFIND', 'a')).status).toBe(404)
  expect((await ask('PROPFIND', '', { body: 'x'.repeat(100_000) })).status).toBe(413)
  expect((await ask('PUT', 'a', { body: 'x', headers: { 'content-range': 'bytes 0-0/9' } })).status).toBe(501)
  expect((await ask('PUT', 'a', { body: 'x', headers: { 'if-match': '"1"' } })).status).toBe(501)
  expect((await ask('PUT', 'a', { body: 'one' })).status).toBe(201)
  expect((await ask('PUT', 'a', { body: 'two', headers: { 'if-none-match': '*' } })).status).toBe(412)
  expect(await (await ask('GET', 'a')).text()).toBe('one')
  expect((await ask('GET', 'a', { headers: { range: 'bytes=3-' } })).status).toBe(416)
  expect((await ask('HEAD', 'a')).headers.get('content-length')).toBe('3')
})

it('a body that breaks off stores nothing, and leaves nothing; what fails is said by its status', async () => {
  const { emulator, env, names } = await mediaFire()
  const { port, spool, ask, child, ended } = await served(env, 'mf://Dav')
  const head = `Host: localhost:${port}\r\nAuthorization: Bearer ${token}\r\n`
  const socket = connect(port, '127.0.0.1')
  socket.write(`PUT /half HTTP/1.1\r\n${head}Content-Length: 1000000\r\n\r\n`)
  socket.write(Buffer.alloc(500_000))
  const inSpool = () => readdirSync(spool, { recursive: true, encoding: 'utf8' }).length
  await seen(() => inSpool() === 2)
  socket.destroy()
  await seen(() => inSpool() === 1)
  expect(names('/Dav')).toEqual([])

  emulator.changeAccount({ baseStorage: 1000, bonusStorage: 0 })
  const full = await ask('PUT', 'large', { body: 'x'.repeat(5000) })
  expect([full.status, await full.text()]).toEqual([507, expect.stringContaining('the storage of the account is full')])
  emulator.changeAccount({ baseStorage: 1_000_000 })
  expect((await ask('PUT', 'large', { body: 'x'.repeat(5000) })).status).toBe(201)
  // What breaks in the middle of an answer is no whole one.
  emulator.faults.add({ call: 'download', fault: { kind: 'truncate', bytes: 1000 } })
  await expect(ask('GET', 'large').then((answer) => answer.text())).rejects.toThrow()
  emulator.faults.clear()
  emulator.faults.add({ call: '*', fault: { kind: 'status', status: 503 } })
  expect((await ask('PROPFIND', '')).status).toBe(503)
  emulator.faults.clear()

  emulator.faults.add({ call: 'upload/*', fault: { kind: 'stall', when: 'before' } })
  const late = ask('PUT', 'late', { body: 'y'.repeat(5000) }).catch(() => undefined)
  await seen(() => emulator.faults.list().some(({ done }) => done > 0))
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  await late
  expect(names('/Dav')).toEqual(['large'])
  expect(readdirSync(spool)).toEqual([])
})

async function seen(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10))
}

it('it serves this machine alone, and tells a token that it made up', async () => {
  const folder = await tempDir('webdav')
  const storage = ['--storage', `file://${folder}/storage`]
  const refused = async (words: readonly string[], env: Record<string, string> = {}) => {
    const argv = [process.execPath, program, 'serve', 'webdav', ...words]
    const { code, stderr } = await run(argv, { env: { PATH: process.env['PATH'], ...env }, timeoutMs: 20_000 })
    return `${code} ${stderr.toString()}`
  }
  for (const listen of [
    '0.0.0.0:8080',
    '[::]:8080',
    '192.168.1.1:80',
    'example.com:80',
    '127.0.0.1',
    '127.0.0.1:99999',
  ]) {
    expect(await refused([...storage, '--listen', listen])).toMatch(/^2 Cannot listen on/)
  }
  expect(await refused(storage, { DUPLICITY_BRIDGE_TOKEN: 'short' })).toMatch(/^2 .*at least 16 characters/)
  const file = join(folder, 'token')
  writeFileSync(file, `${token}\n`)
  chmodSync(file, 0o644)
  expect(await refused([...storage, '--token-file', file])).toMatch(/^2 .*others may read it/)
  expect(await refused([...storage, '--token-file', join(folder, 'none')])).toMatch(/^2 .*ENOENT/)
  expect(await refused([])).toMatch(/^2 .*--storage says what/)
  expect(await refused(['--storage', `mf://me:secret-word@mediafire.com/x`])).toMatch(/^1 (?!.*secret-word)/)
  const { port } = await served()
  expect(await refused([...storage, '--listen', `127.0.0.1:${port}`])).toMatch(/^1 Cannot listen on .*EADDRINUSE/)

  chmodSync(file, 0o600)
  const argv = [program, 'serve', 'webdav', ...storage]
  const child = spawn(process.execPath, argv, {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  while (lines.length < 2) await once(reader, 'line')
  const made = /: (\S{32})$/.exec(lines[1]!)![1]!
  const base = lines[0]!.split(' is at ')[1]!
  expect((await fetch(base, { headers: { authorization: `Bearer ${made}` } })).status).toBe(200)
  expect((await fetch(base, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
})
