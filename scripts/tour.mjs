// The main job on real input, told as it goes: a full backup of a folder, its listing, its restore, and a comparison.
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, lstatSync, mkdtempSync, openSync, readdirSync, readlinkSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const program = join(checkout, 'apps/cli/bin/coalmine')
const source = process.argv[2] === undefined ? join(checkout, 'packages') : resolve(process.argv[2])
const work = mkdtempSync(join(tmpdir(), 'coalmine-tour-'))
const storage = join(work, 'storage')
const target = join(work, 'restored')
const url = `file://${storage}`
const passphrase = randomBytes(12).toString('base64url')
const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text)

function coalmine(args, { quiet = false } = {}) {
  console.log(bold(`\n$ coalmine ${args.join(' ')}`))
  const run = spawnSync(program, [...args, '--archive-dir', join(work, 'archive')], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: { ...process.env, PASSPHRASE: passphrase },
  })
  const lines = run.stdout.trimEnd().split('\n')
  const shown = quiet && lines.length > 10 ? [...lines.slice(0, 8), `… and ${lines.length - 8} lines more`] : lines
  console.log(shown.join('\n'))
  process.stderr.write(run.stderr)
  if (run.status !== 0) {
    console.error(`coalmine ended with code ${run.status}`)
    process.exit(run.status ?? 1)
  }
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

try {
  console.log(`This is a tour of Coalmine: it backs up ${source}`)
  console.log(`into ${storage}, encrypted with the passphrase ${passphrase}, and gets it back.`)
  const before = survey(source)
  coalmine(['full', source, url])
  coalmine(['collection-status', url])
  coalmine(['list-current-files', url], { quiet: true })
  coalmine(['restore', url, target])
  const after = survey(target)
  const different = [...before].filter(([path, what]) => after.get(path) !== what).map(([path]) => path)
  const extra = [...after.keys()].filter((path) => !before.has(path))
  console.log(bold('\nCompared, entry by entry: kind, mode, owner, time and content'))
  if (different.length + extra.length > 0) {
    console.log(
      `${different.length + extra.length} of ${before.size} differ: ${[...different, ...extra].slice(0, 10).join(', ')}`,
    )
    process.exitCode = 1
  } else {
    console.log(`all ${before.size} are the same`)
    console.log(bold('\nFor real:'))
    console.log('  export PASSPHRASE="a long sentence that only you know"')
    console.log('  npm start -- full ~/Documents file:///mnt/backup')
    console.log('  npm start -- restore file:///mnt/backup ~/restored')
    console.log('  npm start -- --help')
    console.log('Without this program: for v in *.difftar.gpg; do gpg -d "$v" | tar x; done  (see README.md)')
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
