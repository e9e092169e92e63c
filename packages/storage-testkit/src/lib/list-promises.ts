import { fromBytes } from '@coalmine/bytes'
import { describe, hold, rejection } from './broken-promise.ts'
import { createGate, gatedSource, noise } from './sources.ts'
import type { Promised } from './stage.ts'

export const listPromises: readonly Promised[] = [
  {
    name: 'list() shows every object once, with its size',
    async body(stage) {
      const { manyObjects = 25 } = stage.harness
      const sizes = new Map(Array.from({ length: manyObjects }, (_, i) => [stage.key(`many-${i}`), 1 + (i % 7)]))
      const keys = [...sizes.keys()]
      const lanes = Math.max(1, Math.min(8, stage.storage.info.capabilities.parallel))
      for (let at = 0; at < keys.length; at += lanes) {
        await Promise.all(keys.slice(at, at + lanes).map((key) => stage.put(key, noise(sizes.get(key)!, 1))))
      }
      const infos = await stage.listOnce((shown) => keys.every((key) => shown.has(key)))
      const shown = new Set<string>()
      for (const { key, size } of infos) {
        hold(!shown.has(key), `list() shows "${key}" twice`)
        hold(sizes.get(key) === size, `list() shows "${key}" with ${size} bytes; it has ${sizes.get(key)}`)
        shown.add(key)
      }
      hold(shown.size === manyObjects, `list() shows ${shown.size} of ${manyObjects} objects`)
      for (let at = 0; at < keys.length; at += lanes) {
        await Promise.all(keys.slice(at, at + lanes).map((key) => stage.storage.delete(key).catch(() => undefined)))
      }
    },
  },
  {
    name: 'list() shows no unfinished upload',
    async body(stage) {
      const key = stage.key('unfinished')
      const { gate, open, reached } = createGate()
      const put = stage.storage.put(key, gatedSource(noise(300_000, 1), 200_000, gate))
      await Promise.race([reached, put])
      try {
        const infos = await stage.list()
        hold(infos.length === 0, `list() shows "${infos[0]?.key}" while it is still being put`)
      } finally {
        open()
        await put
      }
      hold(await stage.isListed(key, true), 'list() does not show the object after its put')
    },
  },
  {
    name: 'list() shows what is there all the while, whatever comes and goes',
    async body(stage) {
      const kept = Array.from({ length: 12 }, (_, i) => stage.key(`kept-${i}`))
      const gone = Array.from({ length: 12 }, (_, i) => stage.key(`gone-${i}`))
      for (const [i, key] of kept.entries()) {
        await stage.put(gone[i]!, noise(10, i))
        await stage.put(key, noise(10, i))
      }
      await stage.listOnce((shown) => [...kept, ...gone].every((key) => shown.has(key)))
      const shown = new Map<string, number>()
      let step = 0
      for await (const { key } of stage.storage.list()) {
        shown.set(key, (shown.get(key) ?? 0) + 1)
        if (step >= gone.length || !(kept.includes(key) || gone.includes(key))) continue
        await stage.storage.delete(gone[step]!)
        await stage.put(stage.key(`new-${step}`), noise(10, step))
        step += 1
      }
      for (const key of kept) {
        hold(shown.has(key), `list() left out "${key}", which was there all the while`)
        hold(shown.get(key) === 1, `list() showed "${key}" more than once while others came and went`)
      }
    },
  },
  {
    name: 'list() may be left early',
    async body(stage) {
      const keys = ['a', 'b', 'c'].map((name) => stage.key(name))
      for (const key of keys) await stage.put(key, noise(10, 1))
      await stage.listOnce((shown) => keys.every((key) => shown.has(key)))
      try {
        for await (const { key } of stage.storage.list()) {
          hold(key !== '', 'list() shows a key that is empty')
          break
        }
      } catch (error) {
        hold(false, `list() that is left early throws ${describe(error)}`, error)
      }
      hold((await stage.list()).length > 0, 'After list() was left early it shows nothing')
    },
  },
  {
    name: 'list() leaves out what is no object, and says so',
    needs: 'plantForeign',
    async body(stage) {
      const list = async () => {
        const shown = new Set<string>()
        let foreign = 0
        for await (const { key } of stage.storage.list({ onForeign: () => (foreign += 1) })) shown.add(key)
        return { shown, foreign }
      }
      const before = await list()
      const planted = await stage.harness.plantForeign!()
      const after = await list()
      const news = [...after.shown].filter((key) => !before.shown.has(key))
      hold(news.length === 0, `list() shows "${news[0]}", which is no object`)
      const told = after.foreign - before.foreign
      hold(told === planted, `list() told ${told} of ${planted} names that are no objects`)
    },
  },
  {
    name: 'list() that is aborted rejects with the reason',
    async body(stage) {
      await stage.put(stage.key('a'), noise(10, 1))
      const reason = new Error('stop')
      const list = async (): Promise<void> => {
        for await (const _ of stage.storage.list({ signal: AbortSignal.abort(reason) })) void _
      }
      const error = await rejection(list(), 'list() with an aborted signal')
      hold(error === reason, 'list() that is aborted does not reject with the reason', error)
    },
  },
  {
    name: 'list() of a storage in trouble is an error, and not empty',
    needs: 'breakDown',
    async body(stage) {
      await stage.storage.put(stage.key('a'), fromBytes(noise(10, 1)))
      const repair = await stage.harness.breakDown!()
      try {
        await rejection(
          stage.list().then((infos) => infos.length),
          'list() of a storage in trouble',
        )
      } finally {
        await repair()
      }
    },
  },
]
