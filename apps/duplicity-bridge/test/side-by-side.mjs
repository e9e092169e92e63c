// duplicity's own MediaFire backend and the bridge, side by side on the emulator: what works, how many requests, how long.
//
//   MEDIAFIRE_SDK=DIR node test/side-by-side.mjs
//
// DIR is on Python's path: the unmodified mediafire-python-open-sdk with requests, requests_toolbelt and six. Prints a table.
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmulator } from '@coalmine/mediafire-emulator'

const sdk = process.env.MEDIAFIRE_SDK
if (sdk === undefined) throw new Error('MEDIAFIRE_SDK says where mediafire-python-open-sdk is')
const program = fileURLToPath(new URL('../bin/duplicity-bridge.js', import.meta.url))
const account = { email: 'me@example.com', password: 'a password' }
const url = 'mf://me%40example.com@mediafire.com/Some/Folder'

// The SDK's address is a constant of a module: a sitecustomize changes it, nothing of the SDK is.
const leadElsewhere = `
import os, sys
from importlib.machinery import PathFinder
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "mediafire.api": return None
        spec = PathFinder.find_spec(name, path, target)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            module.API_BASE = os.environ["MF_BASE"]
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder)
`

const programs = [
  { name: 'own backend, answers of 2015', profile: 'legacy', ours: false, fail: 0 },
  { name: 'own backend', profile: 'modern', ours: false, fail: 0 },
  { name: 'bridge', profile: 'modern', ours: true, fail: 0 },
  { name: 'own backend, 5 % fail', profile: 'modern', ours: false, fail: 0.05 },
  { name: 'bridge, 5 % fail', profile: 'modern', ours: true, fail: 0.05 },
]

const actions = [
  { name: 'full', args: (w) => ['full', '--volsize', '1', w.source, url] },
  {
    name: 'incremental',
    args: (w) => ['incremental', w.source, url],
    before: (w) => appendFileSync(join(w.source, 'b'), 'more'),
  },
  { name: 'collection-status', args: () => ['collection-status', url] },
  { name: 'verify', args: (w) => ['verify', '--compare-data', url, w.source] },
  { name: 'restore', args: (w) => ['restore', url, join(w.folder, 'restored')] },
  { name: 'second full', args: (w) => ['full', '--volsize', '1', w.source, url] },
  { name: 'remove-all-but-n-full 1', args: () => ['remove-all-but-n-full', '1', '--force', url] },
]

const columns = []
for (const one of programs) columns.push(await tried(one))
const line = (cells) => `| ${cells.join(' | ')} |`
console.log(line(['', ...programs.map(({ name }) => name)]))
console.log(line(['---', ...programs.map(() => '---')]))
for (const [at, { name }] of actions.entries()) console.log(line([name, ...columns.map(({ rows }) => rows[at])]))
console.log(line(['objects left, and in the trash; what duplicity counts', ...columns.map(({ left }) => left)]))

async function tried({ profile, ours, fail }) {
  const folder = mkdtempSync(join(tmpdir(), 'side-by-side-'))
  const emulator = await startEmulator({
    dataDir: join(folder, 'mf'),
    accounts: [account],
    tls: true,
    settings: { profile },
  })
  try {
    const world = { folder, source: join(folder, 'source') }
    for (const name of ['source', 'home', 'shim']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'shim', 'sitecustomize.py'), leadElsewhere)
    writeFileSync(join(world.source, 'a'), randomBytes(5_000_000))
    writeFileSync(join(world.source, 'b'), 'b')
    if (fail > 0) {
      const kinds = [
        { kind: 'drop', when: 'before' },
        { kind: 'drop', when: 'after' },
        { kind: 'status', status: 500 },
        { kind: 'expire' },
      ]
      for (const fault of kinds) emulator.faults.add({ call: '*', chance: fail / kinds.length, fault })
    }
    const env = {
      PATH: process.env.PATH,
      HOME: join(folder, 'home'),
      TZ: 'UTC',
      FTP_PASSWORD: account.password,
      ...(ours
        ? { COALMINE_MEDIAFIRE_URL: emulator.url, NODE_EXTRA_CA_CERTS: emulator.certificate.path }
        : {
            PYTHONPATH: `${join(folder, 'shim')}:${sdk}`,
            MF_BASE: emulator.url,
            REQUESTS_CA_BUNDLE: emulator.certificate.path,
          }),
    }
    const rows = []
    for (const { args, before } of actions) {
      before?.(world)
      emulator.log.clear()
      const argv = ['duplicity', ...args(world), '--no-encryption', '--backend-retry-delay', '1']
      const startMs = performance.now()
      const { code, tries } = await run(ours ? [process.execPath, program, 'run', '--', ...argv] : argv, env)
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
      const how = code === 0 ? 'works' : `code ${code}`
      rows.push(`${how}${tries > 0 ? `, ${tries} tries failed` : ''}; ${emulator.log.count()} requests, ${seconds} s`)
    }
    const { files, trash } = emulator.account()
    return { rows, left: `${files.length} and ${trash.length}; ${believed(env.HOME)}` }
  } finally {
    await emulator.stop()
    rmSync(folder, { recursive: true })
  }
}

/** How many objects the archive dir counts: manifests, signatures, and the volumes in each manifest. */
function believed(home) {
  const root = join(home, '.cache', 'duplicity')
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  const manifests = names.filter((name) => name.endsWith('.manifest'))
  const volumes = manifests.map((name) => readFileSync(join(root, name), 'latin1').match(/^Volume \d+:/gm)?.length ?? 0)
  const signatures = names.filter((name) => name.endsWith('.sigtar.gz'))
  return manifests.length + signatures.length + volumes.reduce((sum, count) => sum + count, 0)
}

function run([program, ...args], env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      if (process.env.SAY) process.stderr.write(said)
      resolve({ code, tries: said.match(/^Attempt of/gm)?.length ?? 0 })
    })
  })
}
