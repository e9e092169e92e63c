import { describe, expect, it } from 'vitest'
import { compileSelection, SelectionError, type SelectionOption, type SelectionWarning } from '../src/index.ts'
import { candidates, type Entry, select } from './model.ts'

const root = '/r'

function refusal(...options: SelectionOption[]): [code: string, message: string] {
  try {
    compileSelection(options, { root })
  } catch (error) {
    if (error instanceof SelectionError) return [error.code, error.message]
    throw error
  }
  return ['fine', '']
}

describe('SelectionError', () => {
  it('says what, where, and what is the case', () => {
    expect(refusal({ option: 'exclude', value: 'a\x1b' })).toEqual([
      'not-under-root',
      String.raw`Cannot use the pattern "a\u{1b}" of --exclude: it can match nothing in the source "/r"; patterns begin with "/r/" or with "**"`,
    ])
    const list = { option: 'exclude-filelist', value: 'list', content: '# mine\n\n/r/a\n+ /elsewhere\n' }
    expect(refusal(list)[1]).toMatch(/^Cannot use the pattern "\/elsewhere" in line 4 of "list": /)
    expect(refusal({ option: 'include', value: '/r/a' })[0]).toBe('redundant-include')
    expect(refusal({ option: 'exclude', value: '/r/[z-a]' })[1]).toContain('the range "z-a" ends before it begins')
    expect(refusal({ option: 'exclude-regexp', value: 'a(?=b)' })).toEqual([
      'unsupported-regexp',
      'Cannot use the pattern "a(?=b)" of --exclude-regexp: at character 2, looking ahead, (?=…), is not supported',
    ])
    expect(refusal({ option: 'exclude-older-than', value: 'yesterday' })[0]).toBe('bad-time')
    expect(refusal({ option: 'exclude-if-present', value: 'a/b' })[0]).toBe('bad-name')
    expect(refusal({ option: 'exclude', value: '' })[0]).toBe('empty-pattern')
    expect(refusal({ option: 'exclude', value: `/r/${'a'.repeat(70_000)}` })[0]).toBe('too-large')
    expect(refusal({ option: 'files-from', value: 'list', content: 'a/../../b' })[0]).toBe('unsafe-files-from')
    expect(refusal({ option: 'include-everything' })[0]).toBe('unknown-option')
  })

  it('tells a caller that forgot something', () => {
    expect(() => compileSelection([{ option: 'exclude-filelist', value: 'list' }], { root })).toThrow(TypeError)
    expect(() => compileSelection([{ option: 'exclude-other-filesystems' }], { root })).toThrow(TypeError)
  })
})

describe('Selection.warnings()', () => {
  const tree: Entry[] = [
    { path: 'a', kind: 'directory' },
    { path: 'a/x.o', kind: 'file' },
    { path: 'b.o', kind: 'file' },
  ]

  function warnings(...rules: [option: string, value: string][]): SelectionWarning[] {
    const selection = compileSelection(
      rules.map(([option, value]) => ({ option, value })),
      { root },
    )
    for (const candidate of candidates({ root, tree, options: [] })) selection.decide(candidate)
    return selection.warnings()
  }
  const codes = (...rules: [option: string, value: string][]): string[] =>
    warnings(...rules).map(({ code, rule }) => `${code} ${rule.value}`)

  it('names rules that an earlier one makes idle', () => {
    expect(codes(['exclude', '/r/a'], ['include', '/r/a/x.o'], ['exclude', '**'])).toEqual(['never-wins /r/a/x.o'])
    expect(codes(['exclude', '**'], ['exclude', '/r/a'])).toEqual(['never-wins /r/a'])
    expect(warnings(['exclude', '**.o'], ['exclude', '**.o'])[0]?.message).toBe(
      '--exclude "**.o" never decides anything: --exclude "**.o" comes first and wins',
    )
  })

  it('names paths that are not there, rules that nothing needed, and names that no path has', () => {
    expect(codes(['exclude', '/r/typo'])).toEqual(['no-such-path /r/typo'])
    expect(codes(['exclude', '**.py'])).toEqual(['decided-nothing **.py'])
    expect(codes(['exclude', '/r/./a'])).toEqual(['never-matches /r/./a'])
  })

  it.each(['', '/*'])('does not look through patterns that are deeper than people make them: %s', (end) => {
    const deep = Array.from({ length: 300 }, () => 'a').join('/')
    const rules: [string, string][] = [
      ['exclude', '/r/a/'],
      ['include', `/r/${deep}${end}`],
      ['exclude', '**'],
    ]
    const without = compileSelection(
      rules.slice(1).map(([option, value]) => ({ option, value })),
      { root },
    )
    expect(without.decide({ path: deep.slice(2), kind: 'directory' })).toBe('scan')
    expect(without.decide({ path: `${deep}/b`, kind: 'file' })).toBe('include')
    expect(codes(...rules)).not.toContain(`never-wins /r/${deep}${end}`)
  })

  it('names globs that match in the root only, and has nothing to say of good rules', () => {
    expect(codes(['exclude', '/r/*.o'])).toEqual(['root-only /r/*.o'])
    expect(codes(['include', '/r/a'], ['exclude', '/r/*'])).toEqual([])
    expect(codes(['exclude', '**/*.o'], ['exclude', '/r/a'])).toEqual([])
  })
})

// What docs/differences.md says of selection.
describe('better than the real program on purpose', () => {
  const names = (value: string): Entry[] => value.split(' ').map((path) => ({ path, kind: 'file' }))

  it('reads lists that are not UTF-8', () => {
    const options = [{ option: 'exclude-filelist', value: 'list', content: '/r/\xff\n' }]
    expect(select({ root, tree: names('\xff a'), options })).toEqual({ paths: ['', 'a'] })
  })

  it('takes carriage returns in NUL-separated lists as they are', () => {
    const options = [{ option: 'null-separator' }, { option: 'exclude-filelist', value: 'list', content: '/r/a\rb\0' }]
    expect(select({ root, tree: names('a\rb c'), options })).toEqual({ paths: ['', 'c'] })
  })

  it('knows literal patterns and lists of files under the root "/"', () => {
    const literal = [{ option: 'filter-literal' }, { option: 'exclude', value: '/a' }]
    expect(select({ root: '/', tree: names('a b'), options: literal })).toEqual({ paths: ['', 'b'] })
    const files = [{ option: 'files-from', value: 'list', content: 'b' }]
    expect(select({ root: '/', tree: names('a b'), options: files })).toEqual({ paths: ['', 'b'] })
  })

  it('tidies the paths of --files-from', () => {
    const options = [{ option: 'files-from', value: 'list', content: './a\nb//\n' }]
    expect(select({ root, tree: names('a b c'), options })).toEqual({ paths: ['', 'a', 'b'] })
  })
})
