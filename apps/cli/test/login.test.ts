// Where the credential of a MediaFire account comes from, and where a new cookie goes. Judges: the emulator, which tells how
// each session was proved; the file's mode and content; secret-tool.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { itWith, run } from '@coalmine/fixtures'
import { createMediaFire, webAuth } from '@coalmine/mediafire'
import type { Emulator } from '@coalmine/mediafire-emulator'
import { afterAll, describe, expect, it } from 'vitest'
import { endShared, program, runShared, said } from './coalmine.ts'
import { mediaFireWorld, plant } from './mediafire-account.ts'
import { runInSession, secretService } from './secret-service.ts'
import { onTerminal } from './terminal.ts'

afterAll(endShared)

const email = 'me@example.com'
const password = 'Pa55w0rd-that-nobody-sees'

/** A world whose runs know where the emulator is, and nothing of the account. */
async function bare() {
  const made = await mediaFireWorld()
  const { folder, emulator } = made
  const env = { COALMINE_MEDIAFIRE_URL: emulator.url }
  const file = join(folder, '.config', 'coalmine', 'mediafire.json')
  return {
    ...made,
    env,
    file,
    coalmine: (args: readonly string[], more: Record<string, string | undefined> = {}) =>
      runShared(folder, args, { env: { ...env, ...more } }),
    /** With something on standard input, which takes a process of its own. */
    typed: async (args: readonly string[], input: string) => {
      const all = { PATH: process.env['PATH']!, HOME: folder, TMPDIR: folder, ...env }
      const argv = [process.execPath, program, ...args]
      const { code, stdout, stderr } = await run(argv, { env: all, cwd: folder, input: Buffer.from(input) })
      return { code, out: stdout.toString(), err: stderr.toString() }
    },
    script: (name: string, text: string) => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`)
      chmodSync(join(folder, name), 0o700)
      return join(folder, name)
    },
    keep: (accounts: Record<string, unknown>, usual = email) => {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify({ version: 1, usual, accounts }), { mode: 0o600 })
    },
    kept: () => JSON.parse(readFileSync(file, 'utf8')) as { usual: string; accounts: Record<string, Kept> },
    /** How the sessions were had, in their order. */
    ways: () => emulator.log.calls().flatMap(({ call, verified }) => (isLogin(call) ? [verified || call] : [])),
  }
}

interface Kept {
  store: string
  credential: { cookie: string; password: string; signIn: string }
}

const isLogin = (call: string) => call === 'user/get_session_token' || /get_session_token|login/.test(call)

/** The cookie of a browser that is signed in. */
async function browserCookie(emulator: Emulator): Promise<string> {
  let cookie = ''
  const auth = webAuth({ email, password, onCookie: (fresh) => void (cookie = fresh) })
  const client = createMediaFire({ baseUrl: emulator.url, auth })
  await client.api.user.getInfo()
  await client.close()
  emulator.log.clear()
  return cookie
}

const works = (outcome: Parameters<typeof said>[0]) => expect(outcome.code, said(outcome)).toBe(0)

describe('coalmine login mf', () => {
  it('--store file keeps it in a file that only its owner can read, and logout forgets it', async () => {
    const { coalmine, typed, file, kept, ways } = await bare()
    const login = await typed(['login', 'mf', email, '--store', 'file'], `${password}\n`)
    works(login as never)
    expect(login.out).toBe(`Signed in to MediaFire as "${email}": a file that only you can read keeps the password\n`)
    expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700])
    expect(readdirSync(dirname(file))).toEqual(['mediafire.json'])
    expect(kept()).toMatchObject({ usual: email, accounts: { [email]: { store: 'file', credential: { password } } } })
    expect(ways()).toHaveLength(1) // It was tried before it was kept.

    works(await coalmine(['mf', 'df']))
    works(await coalmine(['mf', 'df'], { MEDIAFIRE_EMAIL: email }))
    const other = await coalmine(['mf', 'df'], { MEDIAFIRE_EMAIL: 'you@example.com' })
    expect([other.code, other.err]).toEqual([51, expect.stringContaining('there is no password')])
    for (const url of ['mf://Coalmine/Backup', 'mf://me%40example.com@mediafire.com/Coalmine/Backup']) {
      works(await coalmine(['collection-status', url]))
    }
    const out = await coalmine(['logout', 'mf'])
    works(out)
    expect(kept().accounts).toEqual({})
    expect((await coalmine(['mf', 'df'])).code).toBe(51)
    expect((await coalmine(['logout', 'mf'])).err).toContain('nobody is signed in')
  })

  it('keeps nothing that does not sign in, and takes nothing from the environment', async () => {
    const { coalmine, typed, file } = await bare()
    const wrong = await typed(['login', 'mf', email, '--store', 'file'], 'wr0ng\n')
    expect([wrong.code, existsSync(file)]).toEqual([51, false])
    expect(wrong.err).not.toContain('wr0ng')
    expect((await typed(['login', 'mf', email, '--store', 'file'], '')).err).toContain('the password is empty')
    const wrongly = async (...args: string[]) => {
      const { code, err } = await coalmine(args)
      expect(code, err).toBe(23)
      return err.split('\n')[0]
    }
    expect(await wrongly('login', 's3')).toBe('Cannot run "login s3": it is "login mf"')
    expect(await wrongly('login', 'mf')).toContain('say whose account it is')
    expect(await wrongly('login', 'mf', email, '--store', 'desk')).toContain('it may be keyring, file')
    expect(await wrongly('login', 'mf', email, '--sign-in', 'luck')).toContain('it may be password, web, cookie')
    expect(await wrongly('mf', 'df', '--store', 'file')).toContain('it belongs to login')
  })

  it('without a keyring refuses before anything is asked, and names what else there is', async () => {
    const { typed, file } = await bare()
    const login = await typed(['login', 'mf', email], `${password}\n`)
    expect(login.code).toBe(23)
    expect(login.err).toContain('Cannot take the credential of MediaFire from the keyring: there is no Secret Service')
    expect(login.err).toContain('--credential-command')
    expect(login.err).toContain('--store file')
    expect(existsSync(file)).toBe(false)
  })

  itWith(secretService, 'keeps it in the keyring, and nothing of it anywhere else', async () => {
    const { folder, env } = await bare()
    const inSession = (argv: readonly string[], input?: string) =>
      runInSession(folder, argv, { env, input: input === undefined ? undefined : Buffer.from(input) })
    const coalmine = (args: readonly string[], input?: string) => inSession([process.execPath, program, ...args], input)
    const login = await coalmine(['login', 'mf', email, '-v9'], `${password}\n`)
    expect(login.code, login.stderr.toString()).toBe(0)
    const words = ['lookup', 'service', 'coalmine', 'username', `mediafire:${email}`]
    const held = (await inSession(['secret-tool', ...words])).stdout.toString()
    expect(JSON.parse(held)).toEqual({ signIn: 'password', email, password })
    const marker = readFileSync(join(folder, 'config', 'coalmine', 'mediafire.json'), 'utf8')
    expect(JSON.parse(marker)).toEqual({ version: 1, usual: email, accounts: { [email]: { store: 'keyring' } } })
    const df = await coalmine(['mf', 'df'])
    expect(df.code, df.stderr.toString()).toBe(0)
    expect(df.stdout.toString()).toContain('Total: ')
    expect((await coalmine(['logout', 'mf', email])).code).toBe(0)
    expect((await inSession(['secret-tool', ...words])).stdout.toString()).toBe('')
    expect(login.stdout.toString() + login.stderr.toString()).not.toContain(password)
  })

  itWith(['python3'], 'asks on a terminal, and shows nothing', async () => {
    const { folder, env, kept } = await bare()
    const config = { COALMINE_MEDIAFIRE_URL: env.COALMINE_MEDIAFIRE_URL, XDG_CONFIG_HOME: join(folder, '.config') }
    const words = ['login', 'mf', email, '--store', 'file']
    const { code, shown } = await onTerminal(folder, words, [`${password}\n`], { env: config })
    expect(code, shown).toBe(0)
    expect(shown).toContain(`Password of ${email} for MediaFire: |`)
    expect(shown).not.toContain(password)
    expect(kept().accounts[email]!.credential.password).toBe(password)
  })
})

describe('a cookie', () => {
  it('--sign-in cookie takes that of a browser, and what replaces it goes back to the same place', async () => {
    const { coalmine, typed, kept, emulator, ways } = await bare()
    const cookie = await browserCookie(emulator)
    const login = await typed(['login', 'mf', '--sign-in', 'cookie', '--store', 'file'], `Cookie: ${cookie}\n`)
    works(login as never)
    expect(kept().usual).toBe(email) // As the service tells whose it is.
    const first = kept().accounts[email]!.credential.cookie
    expect(first).not.toBe(cookie)
    works(await coalmine(['mf', 'df']))
    const second = kept().accounts[email]!.credential.cookie
    expect(second).not.toBe(first)
    works(await coalmine(['mf', 'df']))
    expect(new Set(ways())).toEqual(new Set(['web/get_session_token.php']))
    // The one from before would not do any more.
    const old = await coalmine(['mf', 'df', '--credential-command', `echo '{"cookie":"${first}"}'`])
    expect([old.code, old.err]).toEqual([51, expect.stringContaining('the cookie does not sign in')])
  })

  it('--sign-in web goes through the form of the website once, and then by its cookie', async () => {
    const { coalmine, typed, kept, ways } = await bare()
    works((await typed(['login', 'mf', email, '--sign-in', 'web', '--store', 'file'], `${password}\n`)) as never)
    expect(kept().accounts[email]).toMatchObject({ store: 'file', credential: { signIn: 'web', password } })
    const forms = () => ways().filter((way) => way === 'web/login').length
    const before = forms()
    expect(before).toBeGreaterThan(0)
    works(await coalmine(['mf', 'df']))
    works(await coalmine(['mf', 'df']))
    expect(forms()).toBe(before)
  })

  it('that comes from a command goes back to it when it says so, and else is warned of', async () => {
    const { coalmine, emulator, folder, script } = await bare()
    const jar = join(folder, 'jar')
    writeFileSync(jar, JSON.stringify({ cookie: await browserCookie(emulator), replaces: true }))
    const manager = script('manager', `[ "$COALMINE_CREDENTIAL" = store ] && cat > '${jar}' || cat '${jar}'`)
    for (let times = 0; times < 2; times++) {
      const before = readFileSync(jar, 'utf8')
      const df = await coalmine(['mf', 'df', '--credential-command', manager])
      works(df)
      expect(df.err).toBe('')
      expect(readFileSync(jar, 'utf8')).not.toBe(before)
    }
    const { cookie } = JSON.parse(readFileSync(jar, 'utf8')) as { cookie: string }
    writeFileSync(jar, JSON.stringify({ cookie }))
    const df = await coalmine(['mf', 'df', '--credential-command', manager])
    works(df)
    expect(df.out).toContain('the new one could not be kept: the credential command does not say "replaces": true')
    expect(readFileSync(jar, 'utf8')).toBe(JSON.stringify({ cookie }))
  })

  it('that cannot be kept ends no run', async () => {
    const { coalmine, emulator, keep, file } = await bare()
    keep({ [email]: { store: 'file', credential: { signIn: 'cookie', cookie: await browserCookie(emulator) } } })
    // Between reading and writing it has become somebody else's link.
    emulator.faults.add({ call: '*', fault: { kind: 'stall', when: 'after', ms: 300 }, times: 1 })
    const running = coalmine(['mf', 'df'])
    while (emulator.faults.list()[0]!.done === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    renameSync(file, `${file}.moved`)
    symlinkSync(`${file}.moved`, file)
    const df = await running
    works(df)
    expect(df.out).toContain(
      'MediaFire has replaced the cookie, and the new one could not be kept: Cannot read the sign-ins',
    )
  })
})

describe('the sources of a credential', () => {
  it('--credential-command gives a password alone, or a whole credential', async () => {
    const { coalmine, script, folder } = await bare()
    const plain = script('plain', `echo '${password}'; echo more`)
    works(await coalmine(['mf', 'df', '--credential-command', plain], { MEDIAFIRE_EMAIL: email }))
    const unsaid = await coalmine(['mf', 'df', '--credential-command', plain])
    expect([unsaid.code, unsaid.err]).toEqual([51, expect.stringContaining('it is not said whose account it is')])
    const whole = script('whole', `echo '{"email":"${email}","password":"${password}"}'`)
    works(await coalmine(['mf', 'df', '--credential-command', whole]))
    const other = await coalmine(['mf', 'df', '--credential-command', whole], { MEDIAFIRE_EMAIL: 'you@example.com' })
    expect(other.err).toContain('the credential of the command is for another account than "you@example.com"')
    plant(folder, { source: 'x' })
    works(await coalmine(['full', 'source', 'mf://B', '--no-encryption', '--credential-command', whole]))
    const wrong = async (text: string) => {
      const { code, err } = await coalmine(['mf', 'df', '--credential-command', text], { MEDIAFIRE_EMAIL: email })
      expect([23, 51], err).toContain(code)
      return err
    }
    expect(await wrong('/nowhere/pass')).toContain('the command "/nowhere/pass": ENOENT')
    expect(await wrong(script('fails', 'exit 3'))).toContain('it ended with code 3')
    expect(await wrong(script('empty', 'true'))).toContain('neither a password nor an object')
    expect(await wrong(script('odd', `echo '{"signIn":"luck","password":"${password}"}'`))).not.toContain(password)
    expect(await wrong(`echo 'unclosed`)).toContain("Cannot read the credential command: a ' is not closed")
  })

  it('come in this order: URL, option, password of the environment, command of the environment, login, prompt', async () => {
    const { coalmine, keep, emulator, script, folder } = await bare()
    // Every source but the one in question has a password of its own that is wrong.
    const say = (word: string) => script(word, `echo '{"email":"${email}","password":"${word}"}'`)
    const sources = {
      url: 'mf://me%40example.com:from-url@mediafire.com/B',
      option: ['--credential-command', say('from-option')],
      env: { MEDIAFIRE_EMAIL: email, MEDIAFIRE_PASSWORD: 'from-variable', BACKEND_PASSWORD: 'from-variable' },
      command: { COALMINE_CREDENTIAL_COMMAND: say('from-command') },
    }
    keep({ [email]: { store: 'file', credential: { signIn: 'password', password: 'from-login' } } })
    // What was sent is seen in the emulator only as a number for each secret; so each password in turn is the right one.
    const named = 'mf://me%40example.com@mediafire.com/B'
    const used = async (url: string, args: readonly string[], env: Record<string, string>) => {
      const outcome = await coalmine(['collection-status', url, ...args, '-v9', '--log-file', join(folder, 'log')], env)
      expect(outcome.code, said(outcome)).toBe(51)
      return emulator.log.calls('user/get_session_token').at(-1)!.params['password']
    }
    const label = async (word: string) => {
      await fetch(`${emulator.url}/api/1.5/user/get_session_token.php?password=${word}&email=nobody@example.com`)
      return emulator.log.calls('user/get_session_token').at(-1)!.params['password']
    }
    const { url, option, env, command } = sources
    const all = { ...env, ...command }
    expect(await used(url, option, all)).toBe(await label('from-url'))
    for (const one of [named, 'mf://B']) {
      expect(await used(one, option, all)).toBe(await label('from-option'))
      expect(await used(one, [], all)).toBe(await label('from-variable'))
      expect(await used(one, [], command)).toBe(await label('from-command'))
      expect(await used(one, [], {})).toBe(await label('from-login'))
    }
  })

  it('a file of sign-ins that others can read, that is a link or is damaged, is refused and not quoted', async () => {
    const { coalmine, keep, file } = await bare()
    keep({ [email]: { store: 'file', credential: { signIn: 'password', password } } })
    works(await coalmine(['mf', 'df']))
    const refused = async () => {
      const { code, err } = await coalmine(['mf', 'df'])
      expect(code, err).toBe(23)
      expect(err).not.toContain(password)
      return err
    }
    chmodSync(file, 0o640)
    expect(await refused()).toContain('others can read or change it')
    chmodSync(file, 0o600)
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -5))
    expect(await refused()).toContain('it is not whole')
    writeFileSync(file, '{"version":2}')
    expect(await refused()).toContain('it is none of this version')
    keep({ [email]: { store: 'file', credential: {} } })
    expect(await refused()).toContain('an account in it has no credential')
    renameSync(file, `${file}.moved`)
    symlinkSync(`${file}.moved`, file)
    expect(await refused()).toContain('it is a link')
  })
})

it('nothing secret of a whole run at highest verbosity is anywhere but where it is kept', async () => {
  const { coalmine, typed, folder, emulator, kept, file, script } = await bare()
  const seen = join(folder, 'seen-by-children')
  const watch = `{ env; tr '\\0' ' ' < /proc/$PPID/cmdline; } >> '${seen}'`
  const manager = script('manager', `${watch}; echo '{"email":"${email}","password":"${password}"}'`)
  const cookies = [await browserCookie(emulator)]
  const outputs: string[] = []
  const all = async (...args: string[]) => {
    const outcome = await coalmine([...args, '-v9', '--log-file', join(folder, 'log')], { PASSPHRASE: 'test' })
    works(outcome)
    outputs.push(outcome.out, outcome.err)
    if (existsSync(file)) cookies.push(kept().accounts[email]?.credential.cookie ?? '')
  }
  plant(join(folder, 'tree'), { a: 'a', 'b/c': 'c' })
  await all('mf', 'put', 'tree', '/T', '--credential-command', manager)
  await all('mf', 'links', '/T/a', '--json', '--credential-command', manager)
  const login = await typed(['login', 'mf', '--sign-in', 'cookie', '--store', 'file', '-v9'], cookies[0]!)
  works(login as never)
  outputs.push(login.out, login.err)
  cookies.push(kept().accounts[email]!.credential.cookie)
  await all('mf', 'get', '/T', 'back')
  await all('full', 'tree', 'mf://Coalmine/Backup', '--passphrase-command', script('asks', `${watch}; echo test`))
  await all('mf', 'rm', '--recursive', '/T')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && path !== file && path !== manager)
  const everything = [...outputs, ...files.map((path) => `${path}\n${readFileSync(path, 'latin1')}`)].join('\n')
  expect(everything.includes('MediaFire: upload/check')).toBe(true)
  expect(readFileSync(seen, 'latin1').includes('COALMINE_CREDENTIAL=get')).toBe(true)
  expect(cookies.filter((text) => text !== '').length).toBeGreaterThan(3)
  const values = cookies.flatMap((text) => text.split('; ')).map((pair) => pair.slice(pair.indexOf('=') + 1))
  for (const secret of [password, ...values.filter((value) => value.length > 8)]) {
    expect(everything.includes(secret), secret.slice(0, 3)).toBe(false)
  }
  const token = /(?=f*[0-9a-e])[0-9a-f]{100}|(?:session_token|signature|secret_key)=.{0,20}/
  // A direct link is what was asked for, and good for whoever has it.
  expect(token.exec(everything.replaceAll(/"direct":"[^"]*"/g, ''))?.[0].slice(0, 40)).toBeUndefined()
}, 60_000)
