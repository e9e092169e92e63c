// Points 1 to 13 of the service's checklist. Judge: what is written down of the answers that its clients rely on.
import { connect } from 'node:net'
import { once } from 'node:events'
import { request } from 'node:http'
import { itWith, run } from '@coalmine/fixtures'
import { expect, it } from 'vitest'
import { email, emulate, login, loginParams, send, textOf } from './caller.ts'

it('1: routes GET and POST of any version and of none, and OPTIONS', async () => {
  const emulator = await emulate()
  for (const version of ['', '1.0', '1.3', '1.5', '2.14']) {
    for (const method of ['GET', 'POST'] as const) {
      const { response } = await send(emulator.url, 'system/get_version', {}, { version, method })
      expect(response['result'], version).toBe('Success')
    }
  }
  expect((await fetch(`${emulator.url}/api/1.5/system/get_version.php`, { method: 'PUT' })).status).toBe(405)
  expect((await fetch(`${emulator.url}/api/1.5/system/get_version`)).status).toBe(404)
})

it('2: merges query and body, the body wins; empty and unknown parameters are fine', async () => {
  const emulator = await emulate()
  const { token } = await login(emulator)
  const url = `${emulator.url}/api/1.5/folder/get_content.php?content_type=folders&session_token=none&1699999999999&folder_key=`
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `content_type=files&session_token=${token}&response_format=json&filter=&what=ever`,
  })
  const { response } = (await answer.json()) as { response: { folder_content: { content_type: string } } }
  expect(response.folder_content.content_type).toBe('files')
})

it('3: answers XML unless JSON is asked for', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  await bob.ok('folder/create', { foldername: 'a & <b>'.replace('<b>', 'b') })
  const { text, headers } = await bob.call('folder/get_content', { response_format: 'xml' })
  expect(headers.get('content-type')).toBe('text/xml')
  expect(text).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<response><action>folder\/get_content<\/action>/)
  expect(text).toContain('<folders><folder><folderkey>')
  expect(text).toContain('<name>a &amp; b</name>')
  emulator.set({ defaultFormat: 'json' })
  const plain = await fetch(`${emulator.url}/api/1.5/system/get_version.php`)
  expect(plain.headers.get('content-type')).toBe('application/json')
})

itWith('python3', '3: the XML is XML, whatever is in it', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  await bob.ok('user/update', { display_name: `a\u0001]]>&'"<é\uFFFF` })
  const { text } = await bob.call('user/get_info', { response_format: 'xml' })
  const script =
    'import sys, xml.etree.ElementTree as t; print(t.fromstring(sys.stdin.buffer.read()).find("user_info/display_name").text)'
  const { stdout } = await run(['python3', '-c', script], { input: Buffer.from(text), check: true })
  expect(stdout.toString().trim()).toBe(`a\uFFFD]]>&'"<é\uFFFD`)
})

it('4 and 6: the type has no charset; scalars are text but for the two true numbers', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  const { headers, text } = await bob.call('folder/create', { foldername: 'x' })
  expect(headers.get('content-type')).toBe('application/json')
  expect(text).toMatch(/"new_device_revision":\d/)
  const allText = (value: unknown, name = ''): void => {
    if (typeof value === 'object' && value !== null) for (const [key, each] of Object.entries(value)) allText(each, key)
    else if (name !== 'new_device_revision') expect(typeof value, name).toBe('string')
  }
  allText(JSON.parse(text))
  allText(JSON.parse((await bob.call('user/get_info')).text))
  const failed = await bob.call('file/get_info', { quick_key: 'none' })
  expect(failed.text).toMatch(/"error":110/)
})

it('5: takes chunked bodies, also empty ones, and Expect: 100-continue', async () => {
  const emulator = await emulate({ settings: { profile: 'instant' } })
  const { token } = await login(emulator)
  for (const content of ['', 'hello']) {
    const path = `/api/1.5/upload/simple.php?session_token=${token}&response_format=json&action_on_duplicate=keep`
    const asked = request(`${emulator.url}${path}`, {
      method: 'POST',
      headers: { 'X-FILENAME': 'a.txt', 'transfer-encoding': 'chunked', expect: '100-continue' },
    })
    const answered = once(asked, 'response')
    await once(asked, 'continue')
    asked.end(content)
    const [answer] = (await answered) as [import('node:http').IncomingMessage]
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(text)))
    expect(text).toContain('"doupload":{"result":"0","key":"')
  }
})

it('7: the action is exactly the call, with its slash escaped', async () => {
  const emulator = await emulate()
  const { text } = await send(emulator.url, 'system/get_status')
  expect(text).toContain(String.raw`{"response":{"action":"system\/get_status",`)
})

it('8: errors have result, error and message; statuses are mapped, or always 200', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  const statuses = async (): Promise<number[]> => [
    (await bob.call('file/get_info')).status,
    (await bob.call('file/get_info', { quick_key: 'x' })).status,
    (await send(emulator.url, 'user/get_info')).status,
    (await bob.call('user/destroy_action_token', { action_token: 'x' })).status,
    (await bob.call('no/such_call')).status,
  ]
  expect(await statuses()).toEqual([400, 404, 403, 500, 404])
  emulator.set({ statuses: 'always-200' })
  expect(await statuses()).toEqual([200, 200, 200, 200, 200])
  const { response } = await send(emulator.url, 'user/get_info')
  expect(response).toMatchObject({ action: 'user/get_info', result: 'Error', error: 104 })
  expect(textOf(response['message'])).not.toBe('')
})

it('9: lists are lists, and the one that was asked for is there when it is empty', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  for (const content_type of ['files', 'folders']) {
    const { folder_content } = await bob.ok('folder/get_content', { content_type })
    expect(folder_content?.[content_type]).toEqual([])
    expect((await bob.ok('device/get_trash', { content_type }))[content_type]).toEqual([])
  }
})

it('10: lets pages of other sites call, with all the heads of an upload', async () => {
  const emulator = await emulate()
  const origin = 'https://app.example'
  const asked = await fetch(`${emulator.url}/api/1.5/upload/resumable.php`, { method: 'OPTIONS', headers: { origin } })
  expect(asked.headers.get('access-control-allow-origin')).toBe(origin)
  const heads = 'x-filename, x-filesize, x-filetype, x-filehash, x-unit-id, x-unit-hash, x-unit-size, content-type'
  const allowed = (asked.headers.get('access-control-allow-headers') ?? '').toLowerCase().split(', ')
  for (const head of heads.split(', ')) expect(allowed).toContain(head)
  const answer = await send(emulator.url, 'system/get_status', {}, { headers: { origin } })
  expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
})

itWith('python3', '11: one port answers HTTPS with all its names, and HTTP', async () => {
  const emulator = await emulate({ tls: true })
  const script = `
import socket, ssl, sys
port, cafile = int(sys.argv[1]), sys.argv[2]
for name in ['localhost', '127.0.0.1', 'www.mediafire.com', 'mediafire.com', 'download1234.mediafire.com', 'app.mediafire.com']:
    context = ssl.create_default_context(cafile=cafile)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname=name) as s:
        s.sendall(b'GET /api/1.5/system/get_version.php HTTP/1.0\\r\\n\\r\\n')
        assert b'200 OK' in s.recv(1000), name
try:
    context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname='example.com')
    print('accepted')
except ssl.SSLCertVerificationError:
    print('fine')
`
  const path = emulator.certificate?.path ?? ''
  const { stdout } = await run(['python3', '-c', script, String(emulator.port), path], { check: true })
  expect(stdout.toString().trim()).toBe('fine')
  expect(emulator.url).toBe(`https://127.0.0.1:${emulator.port}`)
  const { response } = await send(`http://127.0.0.1:${emulator.port}`, 'system/get_version')
  expect(response['result']).toBe('Success')
})

it('11: as a proxy it leads to itself, under the names of the service only', async () => {
  const emulator = await emulate({ tls: true })
  const ask = async (name: string): Promise<string> => {
    const socket = connect(emulator.port, '127.0.0.1')
    socket.write(`CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\n\r\n`)
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return bytes.toString().split('\r\n')[0] ?? ''
  }
  expect(await ask('www.mediafire.com:443')).toBe('HTTP/1.1 200 Connection established')
  expect(await ask('example.com:443')).toBe('HTTP/1.1 403 Forbidden')
  expect(await ask('mediafire.com.example.com:443')).toBe('HTTP/1.1 403 Forbidden')
})

it('12: ends connections after each answer when it is told to', async () => {
  const emulator = await emulate({ settings: { keepAlive: false } })
  const answer = await send(emulator.url, 'system/get_status')
  expect(answer.headers.get('connection')).toBe('close')
  emulator.set({ keepAlive: true })
  expect((await send(emulator.url, 'system/get_status')).headers.get('connection')).toBe('keep-alive')
})

it('13: unknown calls answer 253, deprecated ones 126', async () => {
  const emulator = await emulate()
  expect((await send(emulator.url, 'user/no_such_thing')).response['error']).toBe(253)
  expect((await send(emulator.url, 'constructor/constructor')).response['error']).toBe(253)
  expect((await send(emulator.url, 'upload/constructor')).response['error']).toBe(253)
  expect((await send(emulator.url, 'upload/pre_upload')).response).toMatchObject({ error: 126, deprecated: 'yes' })
  expect((await send(emulator.url, 'upload/upload')).response['error']).toBe(126)
})

it('40: logs calls, with how they were proved and without their secrets', async () => {
  const emulator = await emulate()
  const bob = await login(emulator)
  await bob.ok('user/get_info')
  const { action_token } = await bob.ok('user/get_action_token', { type: 'upload' })
  await send(emulator.url, 'upload/check', { filename: 'a', size: '0', session_token: textOf(action_token) })
  const key = await bob.put('a.txt', 'hello')
  await (await bob.get(key)).text()
  const names = emulator.log.calls().map((call) => call.call)
  expect(names.slice(0, 4)).toEqual([
    'user/get_session_token',
    'user/get_info',
    'user/get_action_token',
    'upload/check',
  ])
  expect(names.at(-1)).toBe('download')
  expect(emulator.log.count('upload/*')).toBe(names.filter((name) => name.startsWith('upload/')).length)
  const [info, check] = [emulator.log.calls('user/get_info')[0], emulator.log.calls('upload/check')[0]]
  expect([info?.verified, check?.verified]).toEqual(['v1', 'action upload'])
  expect(info?.params['session_token']).toMatch(/^#\d+$/)
  const all = JSON.stringify(emulator.log.calls())
  const { password, signature } = loginParams()
  for (const secret of [password, encodeURIComponent(password ?? ''), signature, bob.token, textOf(action_token)]) {
    expect(all).not.toContain(secret)
  }
  expect(all).toContain(email)
  expect(all).not.toMatch(/download\/[a-z0-9]{24}/)
})
