import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The names of users and groups on this machine. Names with one char per byte. */
export interface Owners {
  /** '' if unknown. */
  userName(uid: number): string
  groupName(gid: number): string
  /** `undefined` if unknown. */
  uid(name: string): number | undefined
  gid(name: string): number | undefined
}

export interface OwnerOptions {
  /** Path of the users' file; /etc/passwd. */
  readonly passwd?: string
  /** Path of the groups' file; /etc/group. */
  readonly group?: string
  /**
   * Asks the system about those who are in neither file (LDAP and the like): a line as in the file, or `undefined`.
   * The `getent` command otherwise. `false`: nobody is asked.
   */
  readonly ask?: false | ((database: 'passwd' | 'group', key: string) => string | undefined)
}

/** Questions without an answer after which no more are asked: an archive may hold any number of invented names. */
const mostMisses = 200

/** Reads the files at the first question, once; each question to the system is asked once. */
export function ownerNames(options: OwnerOptions = {}): Owners {
  const { passwd = '/etc/passwd', group = '/etc/group', ask = getent } = options
  const users = new Database('passwd', passwd, ask)
  const groups = new Database('group', group, ask)
  return {
    userName: (uid) => users.nameOf(uid),
    groupName: (gid) => groups.nameOf(gid),
    uid: (name) => users.idOf(name),
    gid: (name) => groups.idOf(name),
  }
}

class Database {
  readonly #kind: 'passwd' | 'group'
  readonly #file: string
  #ask: Required<OwnerOptions>['ask']
  readonly #ids = new Map<string, number | undefined>()
  readonly #names = new Map<number, string>()
  #loaded = false
  #misses = 0

  constructor(kind: 'passwd' | 'group', file: string, ask: Required<OwnerOptions>['ask']) {
    this.#kind = kind
    this.#file = file
    this.#ask = ask
  }

  nameOf(id: number): string {
    this.#load()
    const known = this.#names.get(id)
    if (known !== undefined) return known
    if (this.#ask === false) return ''
    const found = this.#lookUp(String(id))
    const name = found?.id === id ? found.name : ''
    this.#names.set(id, name)
    return name
  }

  idOf(name: string): number | undefined {
    this.#load()
    if (this.#ids.has(name)) return this.#ids.get(name)
    const text = this.#ask === false || !askable(name) ? undefined : textOf(name)
    if (text === undefined) return undefined
    const found = this.#lookUp(text)
    const id = found?.name === name ? found.id : undefined
    this.#ids.set(name, id)
    return id
  }

  #lookUp(key: string): { name: string; id: number } | undefined {
    if (this.#ask === false) return undefined
    const line = this.#ask(this.#kind, key)
    const found = line === undefined ? undefined : parseLine(line)
    if (found === undefined && ++this.#misses >= mostMisses) this.#ask = false
    return found
  }

  #load(): void {
    if (this.#loaded) return
    this.#loaded = true
    let text: string
    try {
      text = readFileSync(this.#file, 'latin1')
    } catch {
      // A system without the file: everybody is unknown to it, and the system may still know them.
      return
    }
    for (const line of text.split('\n')) {
      const found = parseLine(line)
      if (found === undefined) continue
      // The first line counts, as for the system's own look-ups.
      if (!this.#ids.has(found.name)) this.#ids.set(found.name, found.id)
      if (!this.#names.has(found.id)) this.#names.set(found.id, found.name)
    }
  }
}

/** `name:password:id:…` of both files. Lines that are comments or NIS marks hold no number or begin with `#`, `+`, `-`. */
function parseLine(line: string): { name: string; id: number } | undefined {
  const found = /^([^:#+-][^:]*):[^:]*:(\d{1,10})(?::|$)/.exec(line)
  if (found === null || Number(found[2]) > 0xffff_fffe) return undefined
  return { name: found[1]!, id: Number(found[2]) }
}

/** A number would be taken for an id, a dash for an option. */
function askable(name: string): boolean {
  return name.length <= 256 && /^[^-+#:\x00-\x20\x7f][^:\x00-\x1f\x7f]*$/.test(name) && !/^\d+$/.test(name)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(name: string): string | undefined {
  try {
    return strict.decode(Buffer.from(name, 'latin1'))
  } catch {
    // No argument can hold it: node passes arguments as UTF-8.
    return undefined
  }
}

function getent(database: 'passwd' | 'group', key: string): string | undefined {
  const done = spawnSync('getent', [database, key], {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 10_000,
    maxBuffer: 65_536,
  })
  // No such command, unknown key, or a directory that does not answer: the name is unknown, and numbers are used.
  return done.status === 0 ? done.stdout.toString('latin1').split('\n')[0] : undefined
}
