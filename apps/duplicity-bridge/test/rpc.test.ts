// The protocol, as a program in any language speaks it: raw lines through the pipes of the built command. Judges: the
// examples of docs/rpc.md, and the files of the storage as the file system has them.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom, run, tempDir } from '@coalmine/fixtures'
import { expect, it } from 'vitest'
import { email, mediaFire, password, program } from './bridge-world.ts'
import { type Message, startRpc } from './rpc-client.ts'

const random = createRandom('rpc')

async function opened(env: Readonly<Record<string, string>> = {}, url?: string) {
  const folder = await tempDir('rpc')
  const client = startRpc([], env)
  const open = await client.call('open', { protocol: 1, url: url ?? `file://${folder}/storage` })
  expect(open.error).toBeUndefined()
  return { ...client, folder, storage: join(folder, 'storage') }
}

it('the conversation in docs/rpc.md is what the program says', async () => {
  const folder = await tempDir('rpc')
  writeFileSync(join(folder, 'hello'), 'hello')
  const page = readFileSync(new URL('../docs/rpc.md', import.meta.url), 'utf8')
  const lines = /## A conversation\n[^]*?```\n([^]*?)```/.exec(page)![1]!.trimEnd().split('\n')
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const filled = lines.map((line) => line.replaceAll('$DIR', folder).replaceAll('$VERSION', version))
  const client = startRpc()
  let heard = 0
  for (const line of filled) {
    if (line.startsWith('> ')) client.send(`${line.slice(2)}\n`)
    else {
      expect(line.startsWith('< ')).toBe(true)
      const at = heard++
      await client.until(() => client.messages.length > at)
      const expected = JSON.parse(line.slice(2).replaceAll('$TIME', '"$TIME"')) as Message
      const said = JSON.parse(
        JSON.stringify(client.messages[at]).replaceAll(/("modifiedMs":)[\d.]+/g, '$1"$TIME"'),
      ) as Message
      expect(said).toEqual(expected)
    }
  }
  expect(await client.ended).toEqual({ code: 0, signal: null })
  expect(client.messages).toHaveLength(heard)
  expect(client.complaints()).toBe('')
  expect(readFileSync(join(folder, 'back'), 'utf8')).toBe('hello')
  expect(existsSync(join(folder, 'none'))).toBe(false)
  expect(readdirSync(join(folder, 'storage'))).toEqual([])
})

it('everything that the page names is there: methods, codes, limits', async () => {
  const page = readFileSync(new URL('../docs/rpc.md', import.meta.url), 'utf8')
  const methods = [
    ...page
      .split('## Calls')[1]!
      .split('## ')[0]!
      .matchAll(/^\| `(\w+)` \|/gm),
  ].map((match) => match[1]!)
  expect(methods).toEqual(['open', 'put', 'get', 'list', 'query', 'delete', 'usage', 'ping', 'close'])
  const { call } = await opened()
  for (const method of methods.slice(0, -1)) {
    expect((await call(method)).error?.code, method).not.toBe(-32_601)
  }
  expect((await call('move')).error?.code).toBe(-32_601)
  expect((await call('constructor')).error?.code).toBe(-32_601)
  expect((await call('open', { protocol: 1 })).error?.code).toBe(-32_002)
  expect((await call('open', { protocol: 2 })).error?.code).toBe(-32_003)
  expect((await call('query', { names: Array.from({ length: 1001 }, String) })).error?.code).toBe(-32_602)
  const first = startRpc()
  expect((await first.call('list')).error?.code).toBe(-32_002)
})

it('objects go and come whole, listings in pages, names in any writing; paths need be no text', async () => {
  const { call, messages, folder, storage } = await opened()
  const large = random.bytes(3_000_000)
  const odd = Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.from([0xff, 0xfe])])
  writeFileSync(odd, large)
  const put = await call('put', { name: 'Größe Ω 🜚', pathBase64: odd.toString('base64'), progress: true })
  expect(put.result).toMatchObject({ size: 3_000_000, sha256: createHash('sha256').update(large).digest('hex') })
  expect(readFileSync(join(storage, 'Größe Ω 🜚')).equals(large)).toBe(true)
  const phases = messages.filter(({ method }) => method === 'progress').map(({ params }) => params)
  expect(phases.at(-1)).toMatchObject({ phase: 'verified', bytes: 3_000_000 })

  for (let at = 0; at < 1203; at++) writeFileSync(join(storage, `o${at}`), '')
  mkdirSync(join(storage, 'folder'))
  const listed = await call('list')
  expect(listed.result).toEqual({ count: 1204, foreign: 1 })
  const pages = messages
    .filter(({ method }) => method === 'objects')
    .map(({ params }) => params?.['objects'] as unknown[])
  expect(pages.map((page) => page.length)).toEqual([500, 500, 204])

  const many = Array.from({ length: 1000 }, (_, at) => `o${at}`)
  const gone = await call('delete', { names: [...many.slice(0, 998), 'a/b', 'never'] })
  expect(gone.result?.['objects']).toHaveLength(999)
  expect(gone.result?.['failed']).toMatchObject([
    { name: 'a/b', error: { data: { kind: 'invalid-key', retry: 'never' } } },
  ])
  expect(readdirSync(storage)).toHaveLength(1203 - 998 + 2)
})

it('a local file that is none is said, nothing is written through a link, half a file is removed', async () => {
  const { call, folder, storage } = await opened()
  const missing = await call('put', { name: 'a', path: join(folder, 'missing') })
  expect(missing.error?.data).toEqual({ kind: 'local', retry: 'never', errno: 'ENOENT' })
  expect((await call('put', { name: 'a', path: '/dev/zero' })).error?.data?.['kind']).toBe('local')
  expect((await call('put', { name: 'a', path: 'relative' })).error?.code).toBe(-32_602)
  writeFileSync(join(folder, 'file'), 'precious')
  expect((await call('put', { name: 'a', path: join(folder, 'file') })).error).toBeUndefined()
  symlinkSync(join(folder, 'file'), join(folder, 'link'))
  expect((await call('get', { name: 'a', path: join(folder, 'link') })).error?.data?.['errno']).toBe('ELOOP')
  expect((await call('get', { name: 'a', path: folder })).error?.data?.['kind']).toBe('local')
  expect((await call('get', { name: 'a', path: '/dev/full' })).error?.data?.['kind']).toBe('local')
  expect(existsSync('/dev/full')).toBe(true)
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('precious')
  expect(readdirSync(storage)).toEqual(['a'])
})

it('a hostile other side is answered or ignored, and the next call works', async () => {
  const { call, send, messages, child, until } = await opened()
  const nasty = [
    'null',
    '42',
    '"open"',
    '[]',
    '{}',
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"1.0","id":5,"method":"ping"}',
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
    `{"jsonrpc":"2.0","id":"${'x'.repeat(65)}","method":"ping"}`,
    '{"jsonrpc":"2.0","id":7,"method":{}}',
    '{"jsonrpc":"2.0","id":7,"method":"put","params":[1]}',
    '{"jsonrpc":"2.0","id":7,"method":"put","params":{"name":{"toString":1},"path":"/x"}}',
    '{"jsonrpc":"2.0","id":7,"method":"put","params":{"__proto__":{"name":"a"},"path":"/x"}}',
    '{"jsonrpc":"2.0","id":7,"method":"query","params":{"names":[[]]}}',
    '{"jsonrpc":"2.0","id":7,"method":"query","params":{"names":["\\ud800"]}}',
    '['.repeat(500_000),
    `{"a":${'{"a":'.repeat(100_000)}`,
    '\u0000',
    '\ufeff{}',
    '{"jsonrpc":"2.0","id":7,"method":"ping"',
  ]
  const before = messages.length
  for (const line of nasty) send(`${line}\n`)
  send(Buffer.from([0xff, 0xfe, 0x7b, 10]))
  send(`${'x'.repeat(3_000_000)}\n`)
  // These are never answered.
  send('\n\r\n{"jsonrpc":"2.0","method":"cancel","params":{"id":99}}\n{"jsonrpc":"2.0","method":"cancel"}\n')
  send('{"jsonrpc":"2.0","method":"unknown"}\n')
  expect((await call('ping')).result).toEqual({})
  const answers = messages.slice(before, -1)
  expect(answers.every((answer) => answer.error !== undefined || answer.result !== undefined)).toBe(true)
  const failures = answers.filter(
    ({ error, result }) => error !== undefined || JSON.stringify(result).includes('invalid-key'),
  )
  expect(failures).toHaveLength(nasty.length + 2)
  expect(child.exitCode).toBeNull()

  // More calls than may be under way.
  send(`${Array.from({ length: 200 }, (_, at) => `{"jsonrpc":"2.0","id":"q${at}","method":"list"}`).join('\n')}\n`)
  send('{"jsonrpc":"2.0","id":"last","method":"ping"}\n')
  await Promise.all(Array.from({ length: 200 }, (_, at) => until((message) => message.id === `q${at}`)))
  const codes = messages.filter(({ id }) => String(id).startsWith('q')).map(({ error }) => error?.code)
  expect(new Set(codes.filter((code) => code !== undefined))).toEqual(new Set([-32_001]))
})

it('who asks and does not read is not read from either: what waits for him has an end', async () => {
  const folder = await tempDir('rpc')
  const child = spawn(process.execPath, [program, 'rpc', '--storage', `file://${folder}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => undefined)
  const bad = Buffer.from('x\n'.repeat(32_768))
  let taken = 0
  // Until it takes nothing for a second: then it waits for us.
  for (;;) {
    const isTaken = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), 1000)
      child.stdin.write(bad, () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
    if (!isTaken) break
    taken += bad.length
    if (taken > 50_000_000) break
  }
  const status = readFileSync(`/proc/${child.pid}/status`, 'latin1')
  expect(Number(/VmRSS:\s+(\d+)/.exec(status)![1])).toBeLessThan(400_000)
  expect(taken).toBeLessThan(50_000_000)
  child.kill('SIGKILL')
})

it('cancel stops a call, and what it was doing; so does the end of the input', async () => {
  const { emulator, env, names } = await mediaFire()
  const { ask, call, send, child, ended, folder, until } = await opened(env, 'mf://Backup')
  writeFileSync(join(folder, 'file'), random.bytes(300_000))
  expect((await call('put', { name: 'a', path: join(folder, 'file') })).error).toBeUndefined()
  const stall = emulator.faults.add({ call: 'download', fault: { kind: 'stall', when: 'before' } })
  const get = ask('get', { name: 'a', path: join(folder, 'back') })
  const again = `{"jsonrpc":"2.0","id":${get.id},"method":"ping"}\n`
  send(again)
  const refused = await until(({ error }) => error?.message.includes('is under way') === true)
  expect(refused).toMatchObject({ id: null, error: { code: -32_600 } })
  await seen(() => emulator.faults.list().some(({ done }) => done > 0))
  send(`{"jsonrpc":"2.0","method":"cancel","params":{"id":${get.id}}}\n`)
  expect((await get.answer).error?.data).toEqual({ kind: 'cancelled', retry: 'never' })
  expect(existsSync(join(folder, 'back'))).toBe(false)

  emulator.faults.remove(stall)
  emulator.faults.add({ call: 'upload/*', fault: { kind: 'stall', when: 'before' } })
  writeFileSync(join(folder, 'file'), random.bytes(300_000))
  const calls = emulator.log.count()
  // The end comes instead of an answer.
  ask('put', { name: 'b', path: join(folder, 'file') }).answer.catch(() => undefined)
  await seen(() => emulator.log.count() > calls || emulator.faults.list().some(({ done }) => done > 0))
  child.stdin.end()
  expect((await ended).signal).toBeNull()
  expect(names('/Backup')).toEqual(['a'])
})

async function seen(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10))
}

it('ends when the process that started it dies, though somebody holds its pipes open', async () => {
  const folder = await tempDir('rpc')
  // The shell dies; a sleeping child of it keeps both ends of the pipes.
  const script = `exec 3<>"$1/in"; "$2" "$3" rpc --storage "file://$1/storage" <&3 >"$1/out" 2>"$1/err" & echo $!; sleep 60 3<&3 & echo $!; wait`
  await run(['mkfifo', join(folder, 'in')], { check: true })
  const shell = spawn('sh', ['-c', script, 'sh', folder, process.execPath, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  await seen(() => out.trim().split('\n').length === 2)
  const [bridge, sleeper] = out.trim().split('\n').map(Number) as [number, number]
  writeFileSync(join(folder, 'in'), '{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
  await seen(() => existsSync(join(folder, 'out')) && readFileSync(join(folder, 'out'), 'utf8').includes('result'))
  shell.kill('SIGKILL')
  await seen(() => !isAlive(bridge))
  expect(isAlive(sleeper)).toBe(true)
  process.kill(sleeper)
})

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    // It is gone.
    return false
  }
}

it('no answer, no argument and no complaint has a secret', async () => {
  const { emulator, address } = await mediaFire()
  const url = `mf://${encodeURIComponent(email)}:${password}@mediafire.com/Backup`
  const asArgument = await run([process.execPath, program, 'rpc', '--storage', url])
  expect(asArgument.code).toBe(1)
  expect(asArgument.stderr.toString()).toContain('set BACKEND_PASSWORD instead')
  const typo = await run([process.execPath, program, 'rpc', `--url=${url}`])
  expect(typo.code).toBe(2)
  const bad = await run([process.execPath, program, url])
  expect(bad.code).toBe(2)

  const client = startRpc([], address)
  const open = await client.call('open', { protocol: 1, url })
  expect(open.result?.['storage']).toMatchObject({
    display: `mf://${encodeURIComponent(email)}:***@mediafire.com/Backup`,
  })
  expect((await client.call('list')).result).toEqual({ count: 0, foreign: 0 })
  const wrong = startRpc([], address)
  await wrong.call('open', { protocol: 1, url: url.replace(password, 'wr0ng-pass'), password: 'unused-pass' })
  const denied = await wrong.call('list')
  expect(denied.error?.data).toMatchObject({ kind: 'denied', retry: 'never' })
  const without = startRpc([], address)
  const none = await without.call('open', { protocol: 1, url: url.replace(`:${password}`, '') })
  expect(none.error).toMatchObject({ code: -32_000, data: { kind: 'denied' } })
  const given = await without.call('open', { protocol: 1, url: url.replace(`:${password}`, ''), password })
  expect(given.error).toBeUndefined()
  expect((await without.call('list')).error).toBeUndefined()
  const said = JSON.stringify([client, wrong, without].map((one) => [one.messages, one.complaints()]))
  const all = `${said}${[asArgument, typo, bad].map(({ stdout, stderr }) => `${stdout.toString()}${stderr.toString()}`).join('')}`
  for (const secret of [password, 'wr0ng-pass', 'unused-pass']) expect(all.includes(secret)).toBe(false)
  expect(emulator.log.count('user/get_session_token')).toBeGreaterThan(1)
})
