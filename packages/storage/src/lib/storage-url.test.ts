import { readFileSync } from 'node:fs'
import { itWith, peer, run } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { displayUrl, parseStorageUrl } from './storage-url.ts'

describe('parseStorageUrl() with file URLs', () => {
  it.each([
    ['file:///a/b', '/a/b'],
    ['file://rel/b', 'rel/b'],
    ['file://./x', './x'],
    ['file:/a', '/a'],
    ['FILE:///a', '/a'],
    ['file:///', '/'],
    ['file:///a%20b', '/a b'],
    ['file:///a b', '/a b'],
    ['file:///a+b', '/a+b'],
    ['file:///a;b', '/a;b'],
    ['file:///100%', '/100%'],
    ['file:///a%b', '/a%b'],
    ['file:///a%2520b', '/a%20b'],
    ['file:///a%23b%3Fc', '/a#b?c'],
    ['file:///a/../b/', '/a/../b/'],
    ['file://me@home/x', 'me@home/x'],
    ['file://localhost/a', 'localhost/a'],
    ['file:////a//b/', '//a//b/'],
    ['file://[x/y', '[x/y'],
    ['file:///a\nb', '/a\nb'],
  ])('takes %j as the path %j', (url, path) => {
    const parsed = parseStorageUrl(url)
    expect(parsed.path).toBe(path)
    expect(parsed).toEqual({ scheme: 'file', path, names: expect.any(Array), display: expect.any(String) })
  })

  it('takes typed text as its UTF-8 and an escape as one byte', () => {
    expect(parseStorageUrl('file:///é').path).toBe('/\xc3\xa9')
    expect(parseStorageUrl('file:///%C3%A9').path).toBe('/\xc3\xa9')
    expect(parseStorageUrl('file:///%E9').path).toBe('/\xe9')
    expect(parseStorageUrl('file:///%E9').display).toBe('file:///\\xe9')
  })

  it.each([
    ['file:///a#b', 'Cannot open "file:///a#b": write "#" in a path as %23'],
    ['file:///a?x=1', 'Cannot open "file:///a?x=1": write "?" in a path as %3F'],
    ['file://', 'Cannot open "file://": it names no folder'],
    ['file:///a%00b', 'Cannot open "file:///a%00b": there is a NUL in it'],
    ['file:a', 'Cannot open "file:a": a storage is named as scheme://path'],
    ['/a/b', 'Cannot open "/a/b": a storage is named as scheme://path'],
    ['', 'Cannot open "": a storage is named as scheme://path'],
    ['://x', 'Cannot open "://x": a storage is named as scheme://path'],
    ['file:///\ud800', 'Cannot open "file:///\ufffd": it is no proper text'],
  ])('refuses %j in one sentence', (url, message) => {
    expect(() => parseStorageUrl(url)).toThrow(
      expect.objectContaining({ code: 'invalid-url', message, operation: 'open', retry: 'never' }),
    )
  })
})

describe('parseStorageUrl() with other URLs', () => {
  it.each([
    ['mf://My Folder/x', 'My Folder/x', ['My Folder', 'x']],
    ['mf://Ünï/Case', '\xc3\x9cn\xc3\xaf/Case', ['Ünï', 'Case']],
    ['mf://a%2Fb/c', 'a/b/c', ['a/b', 'c']],
    ['mf://a?b#c', 'a?b#c', ['a?b#c']],
    ['mf:///a//b/', '/a//b/', ['a', 'b']],
    ['rclone://rem:/x/y', 'rem:/x/y', ['rem:', 'x', 'y']],
  ])('takes all of %j as a path where there is no "@"', (url, path, names) => {
    const scheme = url.slice(0, url.indexOf(':'))
    expect(parseStorageUrl(url)).toEqual({ scheme, path, names, display: url })
  })

  it('takes user, password, host, port, path and query where there is an "@"', () => {
    expect(parseStorageUrl('mf://user%40e.com:p%40w@mediafire.com:443/some%20dir?x=1')).toEqual({
      scheme: 'mf',
      user: 'user@e.com',
      password: 'p@w',
      host: 'mediafire.com',
      port: 443,
      path: '/some dir',
      names: ['some dir'],
      query: 'x=1',
      display: 'mf://user%40e.com:***@mediafire.com:443/some%20dir?x=1',
    })
    expect(parseStorageUrl('dav://u:p@w@h/d')).toMatchObject({ user: 'u', password: 'p@w', host: 'h' })
    expect(parseStorageUrl('mf://u@h')).toMatchObject({
      user: 'u',
      password: undefined,
      host: 'h',
      path: '',
      names: [],
    })
    expect(parseStorageUrl('mf://u:@h/')).toMatchObject({ user: 'u', password: undefined, path: '/' })
    expect(parseStorageUrl('mf://:p@h/')).toMatchObject({ user: undefined, password: 'p' })
    expect(parseStorageUrl('dav://u@[::1]:80/')).toMatchObject({ host: '[::1]', port: 80 })
  })

  it.each([
    'mf://u:s3cret/x@host/d',
    'mf://u:s3cret@/d',
    'mf://u:s3cret@h:x/d',
    'mf://u:s3cret@h:0/d',
    'mf://u:s3cret@h:99999/d',
    'mf://u:s3cret@h/a#b',
    'mf://u:s3cret%FF@h/d',
    'mf://u:s3cret@h/%FF',
    'mf://u:s3cret@h/%00',
    'u:s3cret@h/x',
    'mf:/u:s3cret@h/x',
    `mf://u:s3cret${'x'.repeat(2000)}/@h`,
  ])('refuses %j and shows no password', (url) => {
    expect(() => parseStorageUrl(url)).toThrow(
      expect.objectContaining({ code: 'invalid-url', message: expect.not.stringContaining('s3cret') as string }),
    )
  })

  it('never shows a password, whatever is in it', () => {
    const password = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => `s3cret${encodeURIComponent(text)}`)
    const raw = fc.string({ minLength: 1 }).map((text) => `s3cret${text}`)
    const path = fc.string()
    fc.assert(
      fc.property(fc.oneof(password, raw), path, (secret, tail) => {
        const url = `mf://user:${secret}@host/${tail.replaceAll('s3cret', '')}`
        expect(displayUrl(url)).not.toContain('s3cret')
        try {
          expect(parseStorageUrl(url).display).not.toContain('s3cret')
        } catch (error) {
          expect((error as { code?: string }).code).toBe('invalid-url')
          expect((error as Error).message).not.toContain('s3cret')
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('displayUrl()', () => {
  it('escapes what a terminal would obey', () => {
    expect(displayUrl('mf://a\u001b[2Jb')).toBe('mf://a\\x1b[2Jb')
    expect(parseStorageUrl('file:///a%0Ab').display).toBe('file:///a\\nb')
  })
})

describe('the real duplicity', () => {
  // Runs under the interpreter that the program itself names in its first line.
  const duplicity = peer('duplicity')
  itWith(duplicity, 'opens the same folders for file URLs', async () => {
    const urls = ['file:///a/b', 'file://rel/b', 'file:///a%20b', 'file:///a b', 'file://me@home/x', 'file:///a%b']
    urls.push('file:///a%2Fb', 'FILE:///a', 'file:/a', 'file:///a;b', 'file:///a%23b', 'file:///a%3Fb', 'file:///ü')
    urls.push(
      'file:///a+b',
      'file://localhost/a',
      'file:///a/../b',
      'file:///%E2%82%AC',
      'file://./x',
      'file:///a%2520',
    )
    const folders = await askDuplicity(urls)
    const ours = urls.map((url) => Buffer.from(parseStorageUrl(url).path, 'latin1').toString('utf8'))
    expect(ours).toEqual(folders.map((parsed) => parsed.folder))
  })

  itWith(duplicity, 'reads the same user, password and path from the form with an "@"', async () => {
    const urls = [
      'mf://user%40e.com:p%40w@mediafire.com/some%20dir',
      'mf://u:p@w@mediafire.com/d',
      'mf://u@mediafire.com/',
    ]
    const theirs = await askDuplicity(urls)
    const ours = urls.map(parseStorageUrl)
    expect(ours.map(({ user, password }) => ({ user, password }))).toEqual(
      theirs.map(({ user, password }) => ({ user: user ?? undefined, password: password ?? undefined })),
    )
    // Its mf backend takes what follows the third slash of the path.
    expect(ours.map(({ path }) => path.slice(1))).toEqual(theirs.map(({ path }) => path.split('/').slice(3).join('/')))
  })
})

interface Parsed {
  path: string
  folder?: string
  user: string | null
  password: string | null
}

async function askDuplicity(urls: string[]): Promise<Parsed[]> {
  const program = `
import sys, json
import duplicity.log
duplicity.log.setup()
import duplicity.backend
duplicity.backend.import_backends()
from duplicity.backends.localbackend import LocalBackend
out = []
for url in json.load(sys.stdin):
    pu = duplicity.backend.ParsedUrl(url)
    one = dict(path=pu.path, user=pu.username, password=pu.password)
    if pu.scheme == 'file':
        backend = LocalBackend(pu)
        one['folder'] = backend.remote_pathdir.name.decode('utf8')
    out.append(one)
print(json.dumps(out))
`
  const found = await run(['which', 'duplicity'], { check: true })
  const firstLine = readFileSync(found.stdout.toString().trim(), 'utf8').split('\n')[0]!
  const python = firstLine.slice(2).trim()
  const input = Buffer.from(JSON.stringify(urls))
  const { stdout } = await run([python, '-c', program], { input, check: true, cwd: '/' })
  return JSON.parse(stdout.toString()) as Parsed[]
}
