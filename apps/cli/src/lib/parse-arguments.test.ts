import { type RawPath, rawFromText } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { parseArguments } from './parse-arguments.ts'

const parse = (...words: string[]) => parseArguments(words.map((word) => rawFromText(word)))

describe('parseArguments()', () => {
  it('takes options anywhere, with the value apart or after an equals sign', () => {
    const { action, operands, options } = parse(
      '--volsize',
      '5',
      'full',
      'src',
      '--name=x',
      'file:///b',
      '-v',
      '9',
      '-t3D',
    )
    expect(action).toBe('full')
    expect(operands).toEqual(['src', 'file:///b'])
    expect([...options]).toEqual([
      ['volsize', '5'],
      ['name', 'x'],
      ['verbosity', '9'],
      ['restore-time', '3D'],
    ])
  })

  it('keeps values as bytes, also those that begin with a dash', () => {
    const path = 'a\xff' as RawPath
    const { operands, options } = parseArguments([
      ...['restore', '--path-to-restore'].map((word) => rawFromText(word)),
      path,
      rawFromText('--name'),
      rawFromText('--x'),
      rawFromText('file:///b'),
      path,
    ])
    expect(options.get('path-to-restore')).toBe(path)
    expect(options.get('name')).toBe('--x')
    expect(operands).toEqual(['file:///b', path])
  })

  it('takes unique abbreviations of options and actions, and names what an ambiguous one may mean', () => {
    expect(parse('list', '--vol', '5').options.get('volsize')).toBe('5')
    expect(parse('list').action).toBe('list-current-files')
    expect(parse('coll').action).toBe('collection-status')
    expect(() => parse('--no-encr', '--file-p', 'x')).toThrow(/it may mean --file-prefix, --file-prefix-archive/)
    expect(() => parse('rem')).toThrow(/it may mean remove-older-than, remove-all/)
  })

  it('takes a word that is no action for a path', () => {
    expect(parse('docs', 'file:///b')).toMatchObject({ action: undefined, operands: ['docs', 'file:///b'] })
    expect(parse('./list', 'file:///b').action).toBeUndefined()
  })

  it('refuses by name what the real program has and this one has not', () => {
    expect(() => parse('--s3-region-name', 'x')).toThrow('it concerns a service that is not built in')
    expect(() => parse('replicate', 'file:///b')).toThrow('Cannot run "replicate": replicating is not built yet')
    expect(() => parse('--no-check')).toThrow('Cannot take "--no-check-remote": this part of the life of chains')
    expect(parse('--renam', 'a', 'b').sequence).toEqual([{ name: 'rename', value: 'a\0b' }])
    expect(() => parse('--rename', 'a')).toThrow('its value ORIG NEW is missing')
  })

  it('says what is wrong with what nobody knows', () => {
    expect(() => parse('--nonsense')).toThrow('Cannot take "--nonsense": there is no such option')
    expect(() => parse('-q')).toThrow('Cannot take "-q": there is no such option')
    expect(() => parse('full', '--volsize')).toThrow('Cannot take "--volsize": its value MIB is missing')
    expect(() => parse('--force=yes')).toThrow('Cannot take "--force=yes": --force has no value')
  })

  it('keeps the order of all options, and the last value of each', () => {
    const { sequence, options } = parse('--include', 'a', 'full', '--filter-literal', '--exclude=b', '--include', 'c')
    expect(sequence).toEqual([
      { name: 'include', value: 'a' },
      { name: 'filter-literal', value: true },
      { name: 'exclude', value: 'b' },
      { name: 'include', value: 'c' },
    ])
    expect(options.get('include')).toBe('c')
    expect(parse('--include-globbing-filelist', 'l').sequence).toEqual([{ name: 'include-filelist', value: 'l' }])
  })

  it('takes everything after two dashes as it is', () => {
    expect(parse('full', '--', '--odd', 'file:///b').operands).toEqual(['--odd', 'file:///b'])
  })
})
