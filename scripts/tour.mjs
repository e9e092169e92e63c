// The main job on real input, told as it goes: a MediaFire account on this machine, a full backup of a folder into it, an
// increment, status, listing, restore, a comparison, and the page of the account.
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, lstatSync, mkdtempSync, openSync, readdirSync, readlinkSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const program = join(checkout, 'apps/cli/bin/coalmine')
const source = process.argv[2] === undefined ? join(checkout, 'packages') : resolve(process.argv[2])
const work = mkdtempSync(join(tmpdir(), 'coalmine-tour-'))
const target = join(work, 'restored')
const url = 'mf://Coalmine/Backup'
const email = 'me@example.com'
const [passphrase, password] = [randomBytes(12).toString('base64url'), randomBytes(12).toString('base64url')]
const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text)
// Whoever sits there may look at the page for so long.
const lookMs = 60_000

/** A MediaFire of this machine alone, in a process of its own. */
async function startEmulator() {
  const words = ['--data-dir', join(work, 'mediafire'), '--account', email]
  const child = spawn(
    process.execPath,
    [join(checkout, 'packages/mediafire-emulator/bin/mediafire-emulator.js'), ...words],
    {
      env: { ...process.env, MEDIAFIRE_EMULATOR_PASSWORD: password },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const lines = createInterface({ input: child.stdout })
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit')])
  if (typeof line !== 'string') throw new Error(`The emulator ended with code ${line}`)
  return { child, address: JSON.parse(line).url }
}

function coalmine(args, address, { quiet = false } = {}) {
  console.log(bold(`\n$ coalmine ${args.join(' ')}`))
  const run = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: {
      ...process.env,
      PASSPHRASE: passphrase,
      XDG_CACHE_HOME: join(work, 'cache'),
      COALMINE_MEDIAFIRE_URL: address,
      MEDIAFIRE_EMAIL: email,
      MEDIAFIRE_PASSWORD: password,
    },
  })
  const lines = run.stdout.trimEnd().split('\n')
  const shown = quiet && lines.length > 10 ? [...lines.slice(0, 8), `… and ${lines.length - 8} lines more`] : lines
  console.log(shown.join('\n'))
  process.stderr.write(run.stderr)
  if (run.status !== 0) throw new Error(`coalmine ended with code ${run.status}`)
}

/** Something that the full backup leaves out, so that the increment has something new; where names need no quoting only. */
function later() {
  const names = lstatSync(source).isDirectory() ? readdirSync(source).sort() : []
  const plain = /^[\w.-]+$/.test(source.replaceAll('/', '')) ? names.filter((name) => /^[\w.-]+$/.test(name)) : []
  return names.length > 1 ? plain.at(-1) : undefined
}

/** Path → what must be the same after a restore: kind, mode, owner, time, and content or link target. Names are bytes. */
function survey(root) {
  const found = new Map()
  const visit = (path, name) => {
    const stat = lstatSync(path)
    if (stat.isSocket()) return
    const link = stat.isSymbolicLink()
    const detail = link ? readlinkSync(path, 'latin1') : stat.isFile() ? digest(path) : ''
    // The format keeps whole seconds from 1970 on; modes of links mean nothing.
    const seconds = Math.max(0, Math.floor(stat.mtimeMs / 1000))
    const mode = link ? '' : stat.mode & 0o7777
    found.set(name, [stat.mode & 0o170000, mode, stat.uid, stat.gid, seconds, detail].join(' '))
    if (!stat.isDirectory()) return
    for (const child of readdirSync(path, 'latin1')) {
      visit(Buffer.concat([path, Buffer.from('/'), Buffer.from(child, 'latin1')]), `${name}/${child}`)
    }
  }
  visit(Buffer.from(root), '.')
  return found
}

function digest(path) {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(1 << 20)
  const file = openSync(path, 'r')
  for (let count; (count = readSync(file, buffer)) > 0;) hash.update(buffer.subarray(0, count))
  closeSync(file)
  return hash.digest('hex')
}

/** What the page of the account says, as a person reads it. */
async function page(address) {
  const html = await (await fetch(address)).text()
  const cells = (row) => [...row.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell]) => cell)
  const [tree = ''] = /<h3>Files and folders<\/h3>.*?<\/table>/s.exec(html) ?? []
  const rows = [...tree.matchAll(/<tr>.*?<\/tr>/gs)].map(([row]) => cells(row)).filter((row) => row.length > 0)
  if (!rows.some(([path = '']) => path.endsWith('.manifest.gpg'))) throw new Error('The page does not show the backup')
  const used = /<p>([^<]* used)/.exec(html)?.[1] ?? ''
  return [...rows.map(([path, size, , privacy]) => `${path.padEnd(84)} ${size.padStart(8)}  ${privacy}`), used]
}

/** Until a key is pressed, when somebody is there; never for long. */
async function look(address) {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return
  console.log(`Look at ${address} in a browser; Enter ends the tour, and so does a minute.`)
  process.stdin.resume()
  await Promise.race([once(process.stdin, 'data'), new Promise((resolve) => setTimeout(resolve, lookMs).unref())])
  process.stdin.pause()
}

let emulator
try {
  emulator = await startEmulator()
  const { address } = emulator
  console.log(`This is a tour of Coalmine: it backs up ${source}`)
  console.log(`into a MediaFire account (of an emulator on this machine, ${address}), encrypted with the`)
  console.log(`passphrase ${passphrase}, and gets it back.`)
  const before = survey(source)
  const left = later()
  if (left !== undefined) console.log(`The full backup leaves out ${left}, as if it came later.`)
  coalmine(['full', ...(left === undefined ? [] : ['--exclude', join(source, left)]), source, url], address)
  coalmine(['incremental', source, url], address)
  coalmine(['collection-status', url], address)
  coalmine(['list-current-files', url], address, { quiet: true })
  coalmine(['restore', url, target], address)
  const after = survey(target)
  const different = [...before].filter(([path, what]) => after.get(path) !== what).map(([path]) => path)
  const extra = [...after.keys()].filter((path) => !before.has(path))
  console.log(bold('\nCompared, entry by entry: kind, mode, owner, time and content'))
  if (different.length + extra.length > 0) {
    const some = [...different, ...extra].slice(0, 10).join(', ')
    throw new Error(`${different.length + extra.length} of ${before.size} differ: ${some}`)
  }
  console.log(`all ${before.size} are the same`)
  console.log(bold(`\nThe page of the account, ${address}`))
  console.log((await page(address)).join('\n'))
  await look(address)
  console.log(bold('\nFor real:'))
  console.log('  export PASSPHRASE="a long sentence that only you know"')
  console.log('  npm start -- login mf you@example.com')
  console.log('  npm start -- full ~/Documents mf://Coalmine/Backup      (or file:///mnt/backup)')
  console.log('  npm start -- restore mf://Coalmine/Backup ~/restored')
  console.log('  npm start -- --help')
  console.log('Without this program: for v in *.difftar.gpg; do gpg -d "$v" | tar x; done  (see README.md)')
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  if (emulator !== undefined && emulator.child.exitCode === null) {
    emulator.child.kill()
    await once(emulator.child, 'exit')
  }
  rmSync(work, { recursive: true, force: true })
}
