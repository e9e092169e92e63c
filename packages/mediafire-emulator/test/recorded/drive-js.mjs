// Uses the JavaScript SDK (mediafire-javascript-sdk, its folder as argument) in a real browser: Chromium without window.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const [sdk = ''] = process.argv.slice(2)
const page = `<!DOCTYPE html><meta charset="utf-8"><body><script src="/sdk/mediafire.js"></script><script>
const say = (name, value) => fetch('/' + name, { method: 'POST', body: String(value) })
const fail = (error) => say('failed', error.stack ?? JSON.stringify(error))
window.onerror = (text, file, line) => say('failed', text + ' ' + file + ':' + line)
async function run() {
  const mf = new MF(42709, { resourcePath: '/sdk/' })
  // The address is all that is changed; the name in it is what the SDK looks for when it signs.
  mf._API_PATH = '//${new URL(process.env.MF_BASE).host}/mediafire.com/api/'
  const promise = (start) => new Promise((success, error) => start({ success, error }))
  await promise((c) => mf.login({ email: '${process.env.MF_EMAIL}', password: '${process.env.MF_PASSWORD}' }, c))
  while (mf._v2SessionTokens.length < 3) await new Promise((resolve) => setTimeout(resolve, 50))
  const call = (path, options) => promise((c) => mf.api(path, options, c))
  const { response } = await call('user/get_info', {})
  if (response.user_info.display_name !== 'Recorded') throw new Error('another account')
  const made = await call('folder/create', { foldername: 'J\\u00f6 & s/'.replace('/', '') })
  await Promise.all([1, 2, 3, 4, 5].map(() => call('folder/get_content', { folder_key: made.response.folder_key })))
  const large = new Uint8Array(5 * 2 ** 20 + 3).map((_, index) => index % 251)
  const files = [new File(['hello'], 'small.txt'), new File([large], 'large.bin')]
  const upload = (list) => new Promise((resolve) => {
    const done = new Map()
    mf.upload(list, { onUpdate(uploader, file, state) {
      if (state === 'failed' || state === 'complete') done.set(file.name, state + ' ' + file.quickkey)
      if (done.size === list.length) resolve(done)
    } }, { folderkey: made.response.folder_key })
  })
  for (const [name, state] of await upload(files)) if (!state.startsWith('complete')) throw new Error(name + ' ' + state)
  const listed = await call('folder/get_content', { folder_key: made.response.folder_key, content_type: 'files' })
  const names = listed.response.folder_content.files.map((file) => file.filename).join()
  if (names !== 'large.bin,small.txt') throw new Error(names)
  await say('done', names)
}
run().catch(fail)
</script>`

let outcome
const ended = new Promise((resolve) => {
  outcome = resolve
})
const server = createServer((request, response) => {
  if (request.url === '/') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(page)
    return
  }
  if (request.method === 'POST') {
    let text = ''
    request.on('data', (chunk) => (text += chunk))
    request.on('end', () => {
      response.end()
      outcome([request.url, text])
    })
    return
  }
  try {
    response.writeHead(200, { 'content-type': 'text/javascript' })
    response.end(readFileSync(join(sdk, basename(request.url))))
  } catch {
    // Icons and the like that a browser asks for.
    response.end()
  }
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const profile = mkdtempSync(join(tmpdir(), 'mfjs-'))
const flags = [
  '--headless',
  '--no-sandbox',
  '--ignore-certificate-errors',
  `--user-data-dir=${profile}`,
  '--remote-debugging-port=0',
]
const browser = spawn('chromium', [...flags, `http://127.0.0.1:${server.address().port}/`], { stdio: 'ignore' })
const late = setTimeout(() => outcome(['/late', 'nothing came for two minutes']), 120_000)
const [what, text] = await ended
clearTimeout(late)
const gone = once(browser, 'exit')
browser.kill()
await gone
server.close()
rmSync(profile, { recursive: true, force: true })
console.log(what, text)
process.exitCode = what === '/done' ? 0 : 1
