import { collect } from '@coalmine/bytes'
import { describe, hold, refused } from './broken-promise.ts'
import { countedSource, noise, sameBytes } from './sources.ts'
import type { Promised, Stage } from './stage.ts'

// What backup programs call their objects: every storage takes these.
const plainNames = [
  'duplicity-full.20200102T030405Z.vol1.difftar.gpg',
  'duplicity-inc.20200102T030405Z.to.20200103T030405Z.manifest.gpg',
  'host-1_duplicity-full-signatures.20200102T030405Z.sigtar.gz',
  'UPPER.lower.123',
  'a+b=c,d@e~f',
]

// What a service may refuse, but never change.
const oddNames = [
  'with space',
  'trailing space ',
  'trailing dot.',
  '..leading dots',
  '%41',
  '%2F',
  '%',
  'a+b c',
  'semi;colon:',
  'a?b#c&d',
  "quote'quote",
  'quote"quote',
  'back\\slash',
  '<angle>|*',
  '$(echo) `echo`',
  '{brace}[bracket]',
  'tab\ttab',
  'ünï',
  'u\u0308nfc and nfd',
  '\u65e5\u672c\u8a9e',
  '\u{1f426}',
]

export const keyPromises: readonly Promised[] = [
  {
    name: 'keys that backups use are kept exactly',
    async body(stage) {
      const objects = new Map(plainNames.map((name, i) => [stage.key(name), noise(100 + i, i)]))
      for (const [key, bytes] of objects) {
        try {
          await stage.put(key, bytes)
        } catch (error) {
          hold(false, `put() of "${key}" failed with ${describe(error)}`, error)
        }
      }
      await holdKeys(stage, objects)
    },
  },
  {
    name: 'odd keys are kept exactly, or refused before anything is done',
    async body(stage) {
      const kept = new Map<string, Uint8Array>()
      const longest = stage.key('')
      const keys = [...oddNames.map((name) => stage.key(name)), stage.key('x'.repeat(255 - longest.length))]
      for (const [i, key] of keys.entries()) {
        const bytes = noise(100 + i, i)
        const { source, count } = countedSource(bytes)
        const error = await stage.storage.put(key, source).then(
          () => undefined,
          (error: unknown) => error,
        )
        if (error === undefined) {
          kept.set(key, bytes)
          continue
        }
        hold(
          (error as { code?: unknown }).code === 'invalid-key',
          `put() of "${key}" was neither done nor refused`,
          error,
        )
        hold(count.opened === 0, `put() of "${key}" opened its source and then refused the key`)
      }
      await holdKeys(stage, kept)
    },
  },
  {
    name: 'invalid keys are refused before anything is done',
    async body(stage) {
      const { storage } = stage
      const before = new Set<string>()
      for await (const { key } of storage.list()) before.add(key)
      const own = stage.key('x')
      const invalid = ['', '.', '..', `${own}/y`, `/${own}`, `../${own}`, `${own}\0`, `${own}\r`, `${own}\n`]
      invalid.push(
        `${own}${'x'.repeat(256)}`,
        `${own}${'ü'.repeat(120)}`,
        `${own}\ud800`,
        '.coalmine-tmp-0123456789abcdef',
      )
      for (const key of invalid) {
        const shown = JSON.stringify(key)
        const { source, count } = countedSource(noise(20, 1))
        await refused(storage.put(key, source), 'invalid-key', 'put', `put() of ${shown}`)
        hold(count.opened === 0, `put() of ${shown} opened its source`)
        await refused(collect(storage.get(key)), 'invalid-key', 'get', `get() of ${shown}`)
        await refused(storage.stat(key), 'invalid-key', 'stat', `stat() of ${shown}`)
        await refused(storage.delete(key), 'invalid-key', 'delete', `delete() of ${shown}`)
      }
      for await (const { key } of storage.list()) hold(before.has(key), `list() shows "${key}" after refused keys`)
    },
  },
]

async function holdKeys(stage: Stage, objects: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [key, bytes] of objects) {
    hold(await stage.isThere(key), `There is no object "${key}" after its put`)
    hold(sameBytes(await stage.read(key), bytes), `The object "${key}" has the bytes of another one`)
  }
  const keys = [...objects.keys()]
  const listed = (await stage.listOnce((shown) => keys.every((key) => shown.has(key)))).map(({ key }) => key)
  for (const key of keys) hold(listed.includes(key), `list() does not show "${key}"`)
  for (const key of listed) hold(objects.has(key), `list() shows "${key}", which was never put`)
}
