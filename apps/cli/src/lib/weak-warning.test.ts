import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { tempDir } from '@coalmine/fixtures'
import { describe, expect, it } from 'vitest'
import { warnIfWeak } from './weak-warning.ts'

function listener() {
  const lines: string[] = []
  const log = {
    warning: (text: string) => void lines.push(`warning: ${text}`),
    debug: (text: string) => void lines.push(`debug: ${text}`),
  }
  return { lines, log }
}

const passphrase = Buffer.from('hunter2 hunter2')

describe('warnIfWeak()', () => {
  it('warns of a weak one without showing it, and says nothing of another', async () => {
    const { lines, log } = listener()
    const { signal } = new AbortController()
    await warnIfWeak(passphrase, log, { signal })
    expect(lines).toEqual([expect.stringMatching(/^warning: The passphrase of this first backup is weak: /)])
    expect(lines.join()).not.toContain('hunter2')
    await warnIfWeak(Buffer.from('glacier penknife oboe unsaid crewmate rinse'), log, { signal })
    expect(lines).toHaveLength(1)
    expect(passphrase.toString()).toBe('hunter2 hunter2')
  })

  it('needs no thread for a short one', async () => {
    const { lines, log } = listener()
    const { signal } = new AbortController()
    const script = pathToFileURL(join(await tempDir('weak'), 'nowhere.mjs'))
    await warnIfWeak(Buffer.from('hunter2'), log, { signal, script })
    expect(lines).toEqual([expect.stringMatching(/^warning: .* is weak: it is shorter than 12 characters, /)])
    expect(lines.join()).not.toContain('hunter2')
  })

  it('lets a backup go on when judging fails', async () => {
    const { lines, log } = listener()
    const { signal } = new AbortController()
    const script = join(await tempDir('weak'), 'broken.mjs')
    writeFileSync(script, 'throw new Error("no memory")')
    await warnIfWeak(passphrase, log, { signal, script: pathToFileURL(script) })
    expect(lines).toEqual(['debug: The passphrase was not judged: no memory'])
  })

  it('ends with the run', async () => {
    const { lines, log } = listener()
    const controller = new AbortController()
    const script = join(await tempDir('weak'), 'endless.mjs')
    writeFileSync(script, 'setInterval(() => undefined, 1000)')
    const said = warnIfWeak(passphrase, log, { signal: controller.signal, script: pathToFileURL(script) })
    controller.abort()
    await said
    await warnIfWeak(passphrase, log, { signal: controller.signal })
    expect(lines).toEqual([])
  })
})
