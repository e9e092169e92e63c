import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { itWith, nastyTree, run, tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'

// A whole run at the highest verbosity: what it says, logs, keeps and hands to children must hold neither the passphrase
// nor a session key, in no form that anybody would write it in. Judge: GnuPG tells the session key of each object.

const program = fileURLToPath(new URL('../../../apps/cli/bin/coalmine.js', import.meta.url))
// Long, and with what URLs, shells and JSON write in another way.
const passphrase = 'Zwölf Kanarien/vögel & "ein" Schacht? %41+7'

/** The ways to write a secret, each as bytes. Base64 at each of its three places within a longer text. */
function formsOf(secret: Buffer): Map<string, Buffer> {
  const forms = new Map<string, Buffer>([['raw', secret]])
  const text = secret.toString('utf8')
  const add = (name: string, form: string) => forms.set(name, Buffer.from(form))
  add('hex', secret.toString('hex'))
  add('HEX', secret.toString('hex').toUpperCase())
  for (const shift of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64')
    // Only what depends on nothing but the secret.
    add(`base64 after ${shift}`, whole.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + secret.length) * 8) / 6)))
  }
  if (Buffer.from(text).equals(secret)) {
    add('URL', encodeURIComponent(text))
    add('JSON', JSON.stringify(text).slice(1, -1))
    add('latin1 as UTF-8', secret.toString('latin1'))
    add('first half', text.slice(0, Math.ceil(text.length / 2)))
  }
  return forms
}

/** Names of the forms of secrets that bytes hold. */
function found(bytes: Buffer, secrets: ReadonlyMap<string, Buffer>): string[] {
  return [...secrets].flatMap(([name, secret]) =>
    [...formsOf(secret)].flatMap(([form, wanted]) => (bytes.includes(wanted) ? [`${name} as ${form}`] : [])),
  )
}

function* filesBelow(folder: string): Generator<string> {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const path = join(folder, name)
    // What is on its way may be gone again.
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory()) yield* filesBelow(path)
    else if (stat?.isFile()) yield path
  }
}

/** What is seen of a run from outside, while it lasts and afterwards. */
class Seen {
  readonly #pieces = new Map<string, Buffer>()
  readonly children = new Set<string>()

  add(where: string, bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pieces.set(`${where} ${this.#pieces.size}`, Buffer.from(bytes))
  }

  addFolder(where: string, folder: string): void {
    for (const path of filesBelow(folder)) {
      try {
        this.add(`${where} ${path}`, Buffer.concat([Buffer.from(path), readFileSync(path)]))
      } catch {
        // Gone between listing and reading.
      }
    }
  }

  /** Argument vectors and environments of all descendants of a process. */
  addChildren(pid: number): void {
    const own = procFile(pid, 'cmdline')
    for (const child of descendants(pid)) {
      // In this order: a child that has begun its program has its own environment.
      const words = procFile(child, 'cmdline')
      const environment = procFile(child, 'environ')
      // Between being made and beginning its program a child is an image of its parent, which was given the secret.
      if (environment === undefined || words === undefined || own === undefined || words.equals(own)) continue
      const [name = ''] = words.toString('latin1').split('\0')
      this.children.add(name)
      this.add(`words of ${name}`, words)
      this.add(`environment of ${name}`, environment)
    }
  }

  get places(): string[] {
    return [...this.#pieces.keys()]
  }

  holding(secrets: ReadonlyMap<string, Buffer>): string[] {
    return [...this.#pieces].flatMap(([where, bytes]) => found(bytes, secrets).map((what) => `${where}: ${what}`))
  }
}

function procFile(pid: number, file: 'cmdline' | 'environ'): Buffer | undefined {
  try {
    const bytes = readFileSync(`/proc/${pid}/${file}`)
    return bytes.length === 0 ? undefined : bytes
  } catch {
    // It has ended.
    return undefined
  }
}

function descendants(pid: number): number[] {
  const children: number[] = []
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1')
      for (const child of text.split(' ').map(Number)) if (child > 0) children.push(child, ...descendants(child))
    }
  } catch {
    // It has ended.
  }
  return children
}

/** Runs the command line as a user would, with all that it can say turned on, and looks at it all the time. */
async function watched(words: readonly string[], folder: string, env: NodeJS.ProcessEnv, seen: Seen): Promise<number> {
  const temp = join(folder, 'tmp')
  const log = join(folder, 'log')
  const all = ['-v9', '--log-fd', '3', '--log-file', log, '--progress', '--progress-rate', '1', '--tempdir', temp]
  const spoken = ['full', 'restore'].includes(words[0]!) ? all : all.filter((word) => !/progress|^1$/.test(word))
  const child = spawn(process.execPath, [program, ...words, ...spoken], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  for (const [at, stream] of child.stdio.entries()) {
    if (at > 0) stream!.on('data', (bytes: Buffer) => seen.add(`descriptor ${at} of ${words[0]}`, bytes))
  }
  const look = setInterval(() => {
    seen.addChildren(child.pid!)
    seen.addFolder('while it ran, in the spool:', temp)
  }, 5)
  const [code] = (await closed) as [number]
  clearInterval(look)
  seen.addFolder('afterwards, in the temporary folder:', temp)
  seen.addFolder('afterwards, in the archive dir:', join(folder, 'cache'))
  seen.add('log file', readFileSync(log))
  return code
}

describe('found()', () => {
  it('finds a secret in every form that is looked for', () => {
    const secrets = new Map([['it', Buffer.from(passphrase)]])
    const holders = [
      `x${passphrase}y`,
      Buffer.from(passphrase).toString('hex'),
      Buffer.from(`${passphrase} and more`).toString('base64'),
      Buffer.from(`1${passphrase}`).toString('base64'),
      Buffer.from(`12${passphrase}`).toString('base64'),
      encodeURIComponent(passphrase),
      JSON.stringify({ a: passphrase }),
      Buffer.from(passphrase).toString('latin1'),
    ]
    for (const text of holders) expect(found(Buffer.from(text), secrets), text).not.toEqual([])
    expect(found(Buffer.from('nothing of it'), secrets)).toEqual([])
  })
})

describe('a whole run says and keeps no secret', () => {
  itWith(
    ['gpg', 'root'],
    'full, listing, status, restore, and what fails on the way',
    async () => {
      const folder = await tempDir('secrets')
      for (const name of ['tmp', 'bin', 'gnupg']) mkdirSync(join(folder, name), { mode: 0o700 })
      await nastyTree(join(folder, 'source'))
      writeFileSync(join(folder, 'source', 'large'), Buffer.alloc(3_000_000, 'canary'))
      const phraseFile = join(folder, 'phrase')
      writeFileSync(phraseFile, `${passphrase}\n`, { mode: 0o600 })
      // Children that live long enough to be seen: every program that is looked up by its name waits a little.
      const slow = '#!/bin/sh\nsleep 0.1\nPATH=/usr/local/bin:/usr/bin:/bin\nexec "$(basename "$0")" "$@"\n'
      for (const name of ['getent', 'mkfifo', 'mknod', 'gpg', 'cat']) {
        writeFileSync(join(folder, 'bin', name), slow)
        chmodSync(join(folder, 'bin', name), 0o755)
      }
      const url = `file://${folder}/storage`
      const plain = { PATH: `${folder}/bin:/usr/local/bin:/usr/bin:/bin`, HOME: folder, TZ: 'UTC', LC_ALL: 'C.UTF-8' }
      const secret = { ...plain, PASSPHRASE: passphrase }
      const own = ['--archive-dir', join(folder, 'cache')]
      const seen = new Seen()

      expect(await watched(['full', ...own, '--volsize', '1', join(folder, 'source'), url], folder, secret, seen)).toBe(
        0,
      )
      const byCommand = ['--passphrase-command', `cat ${phraseFile}`]
      expect(await watched(['list-current-files', ...own, ...byCommand, url], folder, plain, seen)).toBe(0)
      expect(await watched(['collection-status', ...own, url], folder, secret, seen)).toBe(0)
      const byFile = ['--passphrase-file', phraseFile]
      expect(await watched(['restore', ...own, ...byFile, url, join(folder, 'restored')], folder, plain, seen)).toBe(0)

      const storage = join(folder, 'storage')
      const keys = readdirSync(storage)
      const sessions = await sessionKeys(storage, keys, phraseFile, { ...plain, GNUPGHOME: join(folder, 'gnupg') })
      expect(sessions.size).toBe(keys.length)

      // What fails: another passphrase that is nearly the same, a damaged volume, a storage that is not there.
      const nowhere = ['--archive-dir', join(folder, 'cache', 'none')]
      const wrong = `${passphrase}!`
      expect(
        await watched(['restore', ...nowhere, url, join(folder, 'r2')], folder, { ...plain, PASSPHRASE: wrong }, seen),
      ).toBe(31)
      expect(
        await watched(['full', ...nowhere, join(folder, 'source'), url], folder, { ...plain, PASSPHRASE: wrong }, seen),
      ).toBe(31)
      const volume = join(
        storage,
        keys.find((key) => key.includes('vol1'))!,
      )
      const bytes = readFileSync(volume)
      bytes[bytes.length - 9]! ^= 1
      writeFileSync(volume, bytes)
      expect(await watched(['restore', ...own, url, join(folder, 'r3')], folder, secret, seen)).toBe(21)
      expect(
        await watched(['restore', ...own, 'file:///nowhere/at/all', join(folder, 'r4')], folder, secret, seen),
      ).not.toBe(0)

      const secrets = new Map([['the passphrase', Buffer.from(passphrase)], ...sessions])
      expect(seen.holding(secrets)).toEqual([])
      // And there was something to look at.
      for (const place of [
        'descriptor 1',
        'descriptor 2',
        'descriptor 3',
        'log file',
        'in the spool',
        'in the archive dir',
        'words of',
        'environment of',
      ]) {
        expect(seen.places.filter((one) => one.includes(place)).length, place).toBeGreaterThan(0)
      }
      expect(seen.children.size).toBeGreaterThan(0)
    },
    600_000,
  )
})

/** The session key of every object, as GnuPG shows it. */
async function sessionKeys(storage: string, keys: readonly string[], phraseFile: string, env: NodeJS.ProcessEnv) {
  const sessions = new Map<string, Buffer>()
  const argv = ['gpg', '--batch', '--pinentry-mode', 'loopback', '--passphrase-file', phraseFile, '--show-session-key']
  for (const key of keys) {
    const { stderr } = await run([...argv, '--output', '/dev/null', '--yes', '--decrypt', join(storage, key)], { env })
    const shown = /session key: '\d+:([0-9A-F]+)'/.exec(stderr.toString())?.[1]
    if (shown !== undefined) sessions.set(`the session key of ${key}`, Buffer.from(shown, 'hex'))
  }
  await run(['gpgconf', '--kill', 'gpg-agent'], { env })
  return sessions
}
