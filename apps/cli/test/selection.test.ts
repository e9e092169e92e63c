import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith, run } from '@coalmine/fixtures'
import { afterAll, describe, expect, it } from 'vitest'
import { endShared, said, world } from './coalmine.ts'
import { onTerminal } from './terminal.ts'
import { everything, type SelectionCase, selectionCases } from './selection-cases.ts'

afterAll(endShared)

async function planted() {
  const place = await world({ shared: true })
  const source = join(place.folder, 'source')
  for (const folder of ['a/s', 'b/x']) mkdirSync(join(source, folder), { recursive: true })
  const files = {
    'a/a.txt': 10,
    'a/b.py': 20,
    'a/s/a.txt': 30,
    'a/s/c.py': 40,
    'b/.mark': 0,
    'b/x/old': 500,
    'c.txt': 7,
  }
  for (const [name, size] of Object.entries(files)) writeFileSync(join(source, name), 'x'.repeat(size))
  symlinkSync('c.txt', join(source, 'link'))
  symlinkSync('a', join(source, 'to-a'))
  utimesSync(join(source, 'b/x/old'), 1_000_000_000, 1_000_000_000)
  const lists = (given: SelectionCase['lists'] = {}) => {
    const places: Record<string, string> = {}
    for (const [name, content] of Object.entries(given)) {
      places[name] = join(place.folder, name)
      writeFileSync(places[name], content.replaceAll('$R', source))
    }
    return places
  }
  /** A run with `$R` and lists filled in. */
  const choose = async (words: readonly string[], given: SelectionCase['lists'] = {}, env = {}) => {
    const places = lists(given)
    const args = words.map((word) =>
      word.replaceAll('$R', source).replace(/^\$(\w+)$/, (_, name: string) => places[name]!),
    )
    const input = given['stdin'] === undefined ? undefined : Buffer.from(given['stdin'].replaceAll('$R', source))
    return place.run(args, { input, env })
  }
  return { ...place, source, choose }
}

const listed = (out: string) => out.trim().split('\n').slice(1).join(' ')

/** The arguments without the first mention of an option, and its value. */
function without(option: string, args: readonly string[]): string[] {
  const at = args.indexOf(`--${option}`)
  const hasValue = !(args[at + 1] ?? '--').startsWith('--')
  return args.filter((_, index) => index !== at && !(hasValue && index === at + 1))
}

describe('select', () => {
  for (const { option, args, lists, takes, root } of selectionCases) {
    if (root === true) continue
    it(`takes what --${option} says, and without it something else`, async () => {
      const { choose } = await planted()
      const outcome = await choose(['select', ...args, '$R'], lists)
      expect(outcome.code, said(outcome)).toBe(0)
      expect(listed(outcome.out)).toBe(takes)
      const plain = await choose(['select', ...without(option, args), '$R'], lists)
      expect(plain.code === 0 ? listed(plain.out) : `code ${plain.code}`).not.toBe(takes)
    })
  }

  itWith(['root', 'mknod'], '--exclude-device-files leaves out device nodes', async () => {
    const { choose, source } = await planted()
    await run(['mknod', join(source, 'null'), 'c', '1', '3'], { check: true })
    expect(listed((await choose(['select', '$R'])).out)).toBe(everything.replace('link', 'link null'))
    expect(listed((await choose(['select', '--exclude-device-files', '$R'])).out)).toBe(everything)
  })

  itWith(['root', 'mount', 'umount'], '--exclude-other-filesystems leaves out what is mounted', async () => {
    const { choose, source } = await planted()
    const mounted = join(source, 'mounted')
    mkdirSync(mounted)
    await run(['mount', '-t', 'tmpfs', 'tmpfs', mounted], { check: true })
    try {
      writeFileSync(join(mounted, 'file'), '')
      expect((await choose(['select', '$R'])).out).toContain('\nmounted/file\n')
      expect(listed((await choose(['select', '--exclude-other-filesystems', '$R'])).out)).toBe(everything)
    } finally {
      await run(['umount', mounted], { check: true })
    }
  })

  it('prints names as they are to a pipe, with --print0 so that nothing can be mistaken', async () => {
    const { run: start, folder } = await planted()
    const odd = join(folder, 'odd')
    mkdirSync(odd)
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from('n\nl\xff', 'latin1')]), '')
    const lines = await start(['select', odd])
    expect(lines.raw.stdout.toString('latin1')).toBe('.\nn\nl\xff\n')
    const nul = await start(['select', '--print0', odd])
    expect(nul.raw.stdout.toString('latin1')).toBe('.\0n\nl\xff\0')
  })

  itWith(
    ['python3'],
    'prints names to a terminal so that they cannot move the cursor there, and sizes for people',
    async () => {
      const { folder } = await planted()
      const odd = join(folder, 'odd')
      mkdirSync(join(odd, 'f\u001b[2J'), { recursive: true })
      writeFileSync(join(odd, 'f\u001b[2J', 'n\nl'), Buffer.alloc(2048))
      const { code, shown } = await onTerminal(folder, ['select', odd], [])
      expect([code, shown]).toEqual([0, '.\r\nf\\x1b[2J\r\nf\\x1b[2J/n\\nl\r\n'])
      const sizes = await onTerminal(folder, ['select', '--sizes', odd], [])
      expect(sizes.shown).toBe('  2.00 KB  .\r\n  2.00 KB  f\\x1b[2J\r\n')
    },
  )

  it('gives --files-from what --print0 printed', async () => {
    const { choose, source, folder, run: start } = await planted()
    const { raw } = await choose(['select', '--print0', '--exclude', '**.py', '$R'])
    const list = join(folder, 'chosen')
    writeFileSync(list, raw.stdout)
    const again = await start(['select', '--print0', '--null-separator', '--files-from', list, source])
    expect(again.raw.stdout.toString()).toBe(raw.stdout.toString())
  })

  it('--sizes says what each folder weighs with all below it, biggest first', async () => {
    const { choose } = await planted()
    const all = await choose(['select', '--sizes', '$R'])
    expect(all.out).toBe('607\t.\n500\tb\n500\tb/x\n100\ta\n70\ta/s\n')
    const some = await choose(['select', '--sizes', '--exclude', '$R/b', '--exclude', '**.txt', '$R'])
    expect(some.out).toBe('60\t.\n60\ta\n40\ta/s\n')
  })

  it('warns beside the listing of what looks like a mistake', async () => {
    const { choose } = await planted()
    const args = [
      '--exclude',
      '$R/a',
      '--exclude',
      '$R/a/s',
      '--exclude',
      '$R/typo',
      '--exclude',
      '**.iso',
      '--exclude',
      '$R/*.txt',
    ]
    const outcome = await choose(['select', ...args, '$R'])
    expect(outcome.code).toBe(0)
    expect(listed(outcome.out)).toBe('b b/.mark b/x b/x/old link to-a')
    const warnings = outcome.err.trim().split('\n')
    expect(warnings.length, said(outcome)).toBe(4)
    expect(warnings[0]).toMatch(/a\/s" never decides anything: --exclude ".*\/a" comes first and wins$/)
    expect(warnings[1]).toMatch(/typo" names nothing that is there$/)
    expect(warnings[2]).toBe('--exclude "**.iso" decided nothing')
    expect(warnings[3]).toMatch(/\*\.txt" matches directly in the source only; "\*\*\/\*\.txt" would match everywhere$/)
    expect((await choose(['select', '-v0', ...args, '$R'])).err).toBe('')
    // The same after an explanation.
    const explained = await choose(['explain', ...args, '$R', '$R/b'])
    expect([explained.code, explained.out]).toEqual([0, expect.stringMatching(/^in /)])
    expect(explained.err).toBe(outcome.err)
  })
})

describe('explain', () => {
  it('says in or out, and why', async () => {
    const { choose, source } = await planted()
    const rules = ['--include-filelist', '$list', '--exclude-regexp', 'link', '--exclude', '$R/b/**']
    const lists = { list: '$R/a/s/c.py\n- $R/a\n- $R/b/x/\n' }
    const paths = [
      'a',
      'a/s',
      'a/s/c.py',
      'a/b.py',
      'a/gone',
      `${source}/b/x/old`,
      'b',
      'link',
      'c.txt',
      '.',
      'source/c.txt',
      'b/new/',
    ]
    const outcome = await choose(['explain', ...rules, '$R', ...paths], lists)
    expect(outcome.code, said(outcome)).toBe(0)
    const list = outcome.out.replaceAll(source, '$R').replaceAll(/"[^"]*\/list"/g, 'LIST')
    expect(list.trim().split('\n')).toEqual([
      'in   a: --include-filelist LIST, line 1: "$R/a/s/c.py" takes something in it, and --include-filelist LIST, line 2: "$R/a" leaves out the rest',
      'in   a/s: --include-filelist LIST, line 1: "$R/a/s/c.py" takes something in it, and --include-filelist LIST, line 2: "$R/a" leaves out the rest',
      'in   a/s/c.py: --include-filelist LIST, line 1: "$R/a/s/c.py"',
      'out  a/b.py: --include-filelist LIST, line 2: "$R/a"',
      'out  a/gone: --include-filelist LIST, line 2: "$R/a" (nothing is there now)',
      'out  b/x/old: its folder "b/x" is out: --include-filelist LIST, line 3: "$R/b/x/"',
      'in   b: no rule names it, and what none names is in',
      'out  link: --exclude-regexp "link"',
      'in   c.txt: no rule names it, and what none names is in',
      'in   .: the source itself always is',
      'in   c.txt: no rule names it, and what none names is in',
      'out  b/new: --exclude "$R/b/**" (nothing is there now)',
    ])
  })

  it('agrees with select about every path', async () => {
    const { choose, source } = await planted()
    for (const { args, lists, root } of selectionCases) {
      if (root === true) continue
      const rules = args.filter((word) => word !== '--null-separator' || lists !== undefined)
      const chosen = listed((await choose(['select', ...rules, '$R'], lists)).out).split(' ')
      const paths = everything.split(' ')
      const outcome = await choose(['explain', ...rules, '$R', ...paths.map((path) => `${source}/${path}`)], lists)
      expect(outcome.code, said(outcome)).toBe(0)
      const taken = outcome.out
        .split('\n')
        .filter((line) => line.startsWith('in '))
        .map((line) => line.slice(5, line.indexOf(':')))
      expect(taken, rules.join(' ')).toEqual(paths.filter((path) => chosen.includes(path)))
    }
  })

  it('refuses what does not lie in the source, and needs a path', async () => {
    const { choose } = await planted()
    const outside = await choose(['explain', '$R', '/etc/passwd'])
    expect(outside.code).toBe(23)
    expect(outside.err).toContain('Cannot explain "/etc/passwd": it does not lie in the source')
    expect((await choose(['explain', '$R', '../../../etc'])).code).toBe(23)
    expect((await choose(['explain', '$R'])).code).toBe(23)
  })
})

describe('full with a choice of files', () => {
  it('takes what select lists, a dry run says the same, and the manifest lists no more', async () => {
    const { choose, run: start, folder, url, archiveRoot } = await planted()
    const rules = ['--exclude', '$R/b/x', '--include', '**.txt', '--exclude', '$R/a', '--exclude', '$R/typo']
    const select = await choose(['select', ...rules, '$R'])
    const wanted = select.out.trim().split('\n')
    expect(listed(select.out)).toBe('a a/a.txt a/s a/s/a.txt c.txt')
    const dry = await choose(['full', '--dry-run', '-v', 'info', ...rules, '$R', url])
    expect(dry.out.match(/^A .*$/gm)).toEqual(wanted.map((path) => `A ${path}`))
    expect(dry.out).toContain('/typo" names nothing that is there')
    expect(dry.out).toContain(`SourceFiles ${wanted.length}\n`)
    const wrote = await choose(['full', '--no-encryption', '--progress', ...rules, '$R', url])
    expect(wrote.code, said(wrote)).toBe(0)
    expect(wrote.out).not.toContain('typo')
    expect(wrote.err).toMatch(/^47 bytes .* 100% ETA 0sec/m)
    const list = await start(['list-current-files', url])
    const names = list.out
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.slice(25))
    expect(names).toEqual(wanted)
    expect(readdirSync(archiveRoot).length).toBe(1)
    const manifest = readdirSync(join(folder, 'storage')).find((name) => name.endsWith('.manifest'))!
    expect(readFileSync(join(folder, 'storage', manifest), 'utf8')).toContain('Filelist 3\n')
    const told = await choose(['full', '--no-encryption', '-v', 'info', ...rules, '$R', `${url}2`])
    expect(told.out).toContain('/typo" names nothing that is there')
  })

  it('works with the implied backup, and other actions do not know it', async () => {
    const { choose, url } = await planted()
    const wrote = await choose(['--no-encryption', '$R', url, '--exclude', '**'])
    expect(wrote.code, said(wrote)).toBe(0)
    expect(wrote.out).toContain('SourceFiles 1\n')
    const restore = await choose(['restore', '--exclude', '**', url, '$R/../restored'])
    expect(restore.code).toBe(23)
    expect(restore.err).toMatch(/it belongs to full and .*backup and verify and explain and select$/m)
  })

  it('looks only at what is chosen when it verifies', async () => {
    const { choose, url, source } = await planted()
    expect((await choose(['full', '--no-encryption', '$R', url])).code).toBe(0)
    writeFileSync(join(source, 'a/new'), '')
    utimesSync(join(source, 'a'), 5, 5)
    const words = ['verify', '--no-encryption', url, '$R']
    const all = await choose(words)
    expect([all.code, all.out.match(/^Difference found: .*/gm)?.length], said(all)).toEqual([1, 2])
    // As the real program: what the archive has and the choice has not is missing.
    const some = await choose([...words, '--exclude', '$R/a/new', '--exclude', '$R/b'])
    expect(some.out.match(/^Difference found: .*/gm)?.slice(1)).toEqual(
      ['b', 'b/.mark', 'b/x', 'b/x/old'].map((path) => `Difference found: File ${path} is missing`),
    )
  })

  it('takes patterns that are no UTF-8 as the bytes they are', async () => {
    const { folder } = await planted()
    const odd = join(folder, 'odd')
    mkdirSync(odd)
    for (const name of ['a\xff', 'a\xfe', 'b']) writeFileSync(Buffer.from(`${odd}/${name}`, 'latin1'), '')
    // Node cannot pass such an argument; a shell can.
    const program = join(import.meta.dirname, '../bin/coalmine.js')
    const script = `exec "$0" "${program}" select --exclude "${odd}/$(printf 'a\\377')" --print0 "${odd}"`
    const { stdout, stderr } = await run(['sh', '-c', script, process.execPath])
    expect(stdout.toString('latin1'), stderr.toString()).toBe('.\0a\xfe\0b\0')
  })

  it('reads lists of any bytes, and says which cannot be read', async () => {
    const { choose, folder } = await planted()
    const odd = join(folder, 'odd')
    mkdirSync(odd)
    for (const name of ['a\xff', 'b']) writeFileSync(Buffer.from(`${odd}/${name}`, 'latin1'), '')
    writeFileSync(join(folder, 'raw'), Buffer.from(`${odd}/a\xff\n`, 'latin1'))
    const outcome = await choose(['select', '--exclude-filelist', join(folder, 'raw'), odd])
    expect(outcome.out).toBe('.\nb\n')
    const missing = await choose(['select', '--exclude-filelist', '/no/such list', '$R'])
    expect([missing.code, missing.err]).toEqual([
      23,
      'Cannot read the list "/no/such list" of --exclude-filelist: there is no such file\n',
    ])
    expect((await choose(['select', '--compat', '0.8', '--exclude-filelist', '/no/such list', '$R'])).code).toBe(7)
    expect((await choose(['select', '--exclude-filelist', odd, '$R'])).code).toBe(23)
    const device = await choose(['select', '--exclude-filelist', '/dev/stdin', '$R'], { stdin: '$R/a\n' })
    expect(listed(device.out)).toBe('b b/.mark b/x b/x/old c.txt link to-a')
  })
})
