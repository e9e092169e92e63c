import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itWith } from '@coalmine/fixtures'
import { describe, expect } from 'vitest'
import { world } from './coalmine.ts'
import { onTerminal } from './terminal.ts'

describe('the passphrase on a terminal', () => {
  itWith(['python3'], 'is asked twice for a first backup, once later, and never shown', async () => {
    const { folder, url, target } = await world()
    const source = join(folder, 'source')
    mkdirSync(source)
    writeFileSync(join(source, 'a'), 'hello\n')
    // Typed wrong the second time, so asked again; with a correction (backspace) in it.
    const first = await onTerminal(
      folder,
      ['full', source, url],
      ['secret1\n', 'secret2\n', 'sesame\n', 'sesamx\x7fe\n'],
    )
    expect(first.code, first.shown).toBe(0)
    expect(first.shown.match(/Passphrase: /g)).toHaveLength(2)
    expect(first.shown.match(/The same passphrase once more: /g)).toHaveLength(2)
    expect(first.shown).toContain('The two do not match')
    expect(first.shown).not.toMatch(/secret|sesam/)
    const second = await onTerminal(folder, ['full', source, url, '--no-print-statistics'], ['sesame\n'])
    expect(second.code, second.shown).toBe(0)
    expect(second.shown).not.toContain('once more')
    const wrong = await onTerminal(
      folder,
      ['restore', url, target, '--archive-dir', join(folder, 'none')],
      ['simsalabim\n'],
    )
    expect(wrong.code, wrong.shown).toBe(31)
    const restored = await onTerminal(folder, ['restore', url, target], ['sesame\n'])
    expect(restored.code, restored.shown).toBe(0)
    expect(readFileSync(join(target, 'a'), 'utf8')).toBe('hello\n')
  })

  itWith(['python3'], 'may be refused by Ctrl-C', async () => {
    const { folder, url } = await world()
    const { code, shown } = await onTerminal(folder, ['full', folder, url], ['\x03'])
    expect(code, shown).toBe(4)
    expect(shown).toContain('Interrupted')
  })

  itWith(['python3'], 'is not waited for after a signal from outside', async () => {
    const { folder, url } = await world()
    const { code, shown } = await onTerminal(folder, ['full', folder, url], ['kill 15'])
    expect(code, shown).toBe(128 + 15)
    expect(shown).toContain('Interrupted by SIGTERM')
  })

  itWith(['python3'], 'is not asked for when nothing needs it', async () => {
    const { folder, url } = await world()
    mkdirSync(join(folder, 'source'))
    const { code, shown } = await onTerminal(folder, ['full', join(folder, 'source'), url, '--no-encryption'], [])
    expect(code, shown).toBe(0)
    expect(shown).not.toContain('assphrase')
  })
})
