import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempDir } from '@coalmine/fixtures'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkLayers } from './main.ts'

let root = ''

function write(path: string, content: string | object): void {
  mkdirSync(join(root, dirname(path)), { recursive: true })
  writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
}

function manifest(name: string, dependencies: string[] = [], more: object = {}): object {
  const versions = Object.fromEntries(dependencies.map((each) => [each, 'workspace:^']))
  const exports = { '.': { '@coalmine/source': './src/index.ts', default: './dist/index.js' } }
  return { name: `@coalmine/${name}`, description: `The ${name}`, exports, dependencies: versions, ...more }
}

// A small house in which everything is as it should be; each test breaks one thing.
beforeEach(async () => {
  root = await tempDir('layers')
  const file = { '@coalmine/source': './src/file.ts', default: './dist/file.js' }
  const index = { '@coalmine/source': './src/index.ts', default: './dist/index.js' }
  write(
    'packages/bytes/package.json',
    manifest('bytes', [], {
      exports: { '.': index, './file': file },
      devDependencies: { vitest: '1', '@coalmine/fixtures': 'workspace:^' },
    }),
  )
  write('packages/bytes/src/index.ts', `export { a } from './lib/a.ts'\n`)
  write('packages/bytes/src/lib/a.ts', 'export const a = 1\n')
  write(
    'packages/bytes/src/lib/a.test.ts',
    `import { it } from 'vitest'\nimport 'node:fs'\nimport { a } from './a.ts'\nimport '@coalmine/fixtures'\nit('x', () => void a)\n`,
  )
  write(
    'packages/bytes/src/file.ts',
    `import { open } from 'node:fs/promises'\nexport * from './lib/a.ts'\nvoid open\n`,
  )
  write('packages/tar/package.json', manifest('tar', ['@coalmine/bytes']))
  write(
    'packages/tar/src/index.ts',
    `import type { a } from '@coalmine/bytes'\nimport '@coalmine/bytes/file'\nexport type A = typeof a\n`,
  )
  write('packages/rdiff/package.json', manifest('rdiff', ['@coalmine/bytes']))
  write('packages/rdiff/src/index.ts', `import '@coalmine/bytes'\n`)
  write('packages/repository/package.json', manifest('repository', ['@coalmine/bytes']))
  write('packages/repository/src/index.ts', `import '@coalmine/bytes'\nimport 'node:fs'\n`)
  write('apps/cli/package.json', manifest('cli', ['@coalmine/repository', '@coalmine/tar', 'commander']))
  write(
    'apps/cli/src/main.ts',
    `import 'commander'\nawait import('@coalmine/repository')\nimport.meta.resolve('@coalmine/tar')\n`,
  )
  write('apps/cli/bin/coalmine.js', `import '../dist/main.js'\n`)
  write('tooling/fixtures/package.json', manifest('fixtures', [], { exports: { '.': './src/index.ts' } }))
  write('tooling/fixtures/src/index.ts', '')
  write(
    'docs/architecture.md',
    '# House\n<!-- layers: begin -->\n<!-- layers: end -->\n<!-- packages: begin --><!-- packages: end -->\nEnd\n',
  )
  expect(checkLayers(root)).toEqual({ ok: true, lines: [] })
})

function lines(): string[] {
  return checkLayers(root, { check: true }).lines.filter((line) => !line.startsWith('docs/'))
}

const forms: [string, string][] = [
  ['import', `import { x } from '%'`],
  ['import for its effect', `import '%'`],
  ['import of a type', `import type { x } from '%'`],
  ['import of everything', `import * as x from '%'`],
  ['export', `export { x } from '%'`],
  ['export of everything', `export * from '%'`],
  ['export of a type', `export type { x } from '%'`],
  ['dynamic import', `const x = await import('%')`],
  ['type of an import', `type X = import('%').X`],
  ['require', `require('%')`],
  ['resolve', `import.meta.resolve('%')`],
]

describe('checkLayers()', () => {
  it.each(forms)('sees an %s upward', (_, form) => {
    write('packages/tar/src/lib/x.ts', `\n${form.replace('%', '@coalmine/repository')}\n`)
    expect(lines()).toEqual([
      'packages/tar/src/lib/x.ts:2: uses @coalmine/repository, from above (know bytes) [upward]',
    ])
  })

  it('is not fooled by comments and text', () => {
    write(
      'packages/tar/src/lib/x.ts',
      `// import '@coalmine/repository'\nexport const x = "import '@coalmine/repository'"\n`,
    )
    expect(lines()).toEqual([])
  })

  it('sees an import sideways', () => {
    write('packages/tar/src/lib/x.ts', `import '@coalmine/rdiff'\n`)
    expect(lines()).toEqual([
      'packages/tar/src/lib/x.ts:1: uses @coalmine/rdiff, from beside it (know bytes) [sideways]',
    ])
  })

  it('sees a use of what lies below but is not listed', () => {
    write('packages/repository/src/lib/x.ts', `import '@coalmine/tar'\n`)
    expect(lines()).toEqual([expect.stringMatching(/x\.ts:1: uses @coalmine\/tar, .*\[not-listed\]$/)])
  })

  it('sees what package.json allows itself, without any import', () => {
    write(
      'packages/tar/package.json',
      manifest('tar', ['@coalmine/bytes', '@coalmine/repository', '@coalmine/rdiff', 'left-pad']),
    )
    expect(lines().map((line) => line.replace(/:.*\[/, ' ['))).toEqual([
      'packages/tar/package.json [upward]',
      'packages/tar/package.json [sideways]',
      'packages/tar/package.json [external]',
    ])
  })

  it('sees undeclared packages, in sources and in tests', () => {
    write('packages/rdiff/package.json', manifest('rdiff'))
    write('packages/rdiff/test/x.test.ts', `import '@coalmine/tar'\nimport 'vitest'\n`)
    expect(lines()).toEqual([
      expect.stringMatching(/rdiff\/src\/index\.ts:1: .*"@coalmine\/bytes".*\[undeclared\]$/),
      expect.stringMatching(/x\.test\.ts:1: .*"@coalmine\/tar".*\[undeclared\]$/),
      expect.stringMatching(/x\.test\.ts:2: .*"vitest".*\[undeclared\]$/),
    ])
  })

  it('lets tests import upward what is declared for development', () => {
    write(
      'packages/tar/package.json',
      manifest('tar', ['@coalmine/bytes'], { devDependencies: { '@coalmine/repository': 'workspace:^' } }),
    )
    write('packages/tar/test/x.test.ts', `import '@coalmine/repository'\n`)
    expect(lines()).toEqual([])
  })

  it.each([
    '@coalmine/bytes/src/lib/a.ts',
    '@coalmine/bytes/lib/a.js',
    '@coalmine/bytes/dist/index.js',
    '../../bytes/src/index.ts',
  ])('sees the deep import %s, in sources and in tests', (specifier) => {
    write('packages/tar/src/x.ts', `import '${specifier}'\n`)
    write('packages/tar/src/x.test.ts', `import '${specifier}'\n`)
    expect(lines()).toHaveLength(2)
    for (const line of lines()) expect(line).toMatch(/\[deep\]$/)
  })

  it('sees a module of Node where there should be none, also behind a relative import', () => {
    write('packages/bytes/src/lib/a.ts', `import { readFile } from 'node:fs/promises'\nexport const a = readFile\n`)
    write('packages/tar/src/lib/x.ts', `import 'fs'\nimport 'node:zlib'\n`)
    expect(lines()).toEqual([
      'packages/bytes/src/lib/a.ts:1: imports "node:fs/promises" [impure]',
      'packages/tar/src/lib/x.ts:1: imports "fs" [impure]',
      'packages/tar/src/lib/x.ts:2: imports "node:zlib" [impure]',
    ])
  })

  it('sees packages from elsewhere that are not listed', () => {
    write(
      'packages/repository/package.json',
      manifest('repository', ['@coalmine/bytes', 'fs-native-extensions', 'left-pad']),
    )
    write('packages/repository/src/index.ts', `import 'fs-native-extensions'\nimport 'left-pad'\n`)
    expect(lines().map((line) => line.replace(/: .*\[/, ' ['))).toEqual([
      'packages/repository/package.json [external]',
      'packages/repository/src/index.ts:2 [external]',
    ])
  })

  it('sees sources that lean on tests', () => {
    write('packages/bytes/src/lib/x.ts', `import 'vitest'\nimport './a.test.ts'\nimport '@coalmine/fixtures'\n`)
    expect(lines().map((line) => line.replace(/: .*\[/, ' ['))).toEqual(
      [1, 2, 3].map((line) => `packages/bytes/src/lib/x.ts:${line} [test-code]`),
    )
  })

  it('sees what cannot be proven, and what is not there', () => {
    write('packages/tar/src/lib/x.ts', 'const name = "@coalmine/repository"\nawait import(name)\nimport "./gone.ts"\n')
    expect(lines()).toEqual([
      expect.stringMatching(/x\.ts:2: .*\[unprovable\]$/),
      expect.stringMatching(/x\.ts:3: imports "\.\/gone\.ts", which is not there \[undeclared\]$/),
    ])
  })

  it('allows what is computed at run time in the files that are listed for it, and no others', () => {
    write('packages/openpgp/package.json', manifest('openpgp'))
    for (const name of ['openpgp-js-parts', 'x']) {
      write(`packages/openpgp/src/lib/${name}.ts`, 'const name = "openpgp/part"\nawait import(name)\n')
    }
    expect(lines()).toEqual(['packages/openpgp/src/lib/x.ts:2: imports what is computed at run time [unprovable]'])
  })

  it('sees a package without a place in the house', () => {
    write('packages/utils/package.json', manifest('utils'))
    expect(lines()).toEqual(['packages/utils: has no place in the house [unknown-package]'])
  })

  it('does not let apps use each other', () => {
    write('apps/duplicity-bridge/package.json', manifest('duplicity-bridge', ['@coalmine/cli']))
    expect(lines()).toEqual([expect.stringMatching(/\[sideways\]$/)])
  })

  it('says which file it cannot parse', () => {
    write('packages/tar/src/lib/x.ts', 'import {')
    expect(() => lines()).toThrow(/x\.ts/)
  })

  it('draws what is there, and with check only says that the drawing is old', () => {
    const drawn = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
    expect(drawn).toContain('\nL1    rdiff  tar   know bytes\n')
    expect(drawn).toContain('| [`tar`](../packages/tar) | The tar | bytes |')
    expect(drawn).toMatch(/^# House\n/)
    expect(drawn).toMatch(/\nEnd\n$/)
    expect(checkLayers(root, { check: true })).toEqual({ ok: true, lines: [] })

    write('packages/deflate/package.json', manifest('deflate'))
    expect(checkLayers(root, { check: true }).lines).toEqual([
      expect.stringContaining('docs/architecture.md is out of date'),
    ])
    expect(readFileSync(join(root, 'docs/architecture.md'), 'utf8')).toBe(drawn)
    expect(checkLayers(root).ok).toBe(true)
    expect(readFileSync(join(root, 'docs/architecture.md'), 'utf8')).toContain('bytes  deflate')
  })
})
