import { collect, fromBytes } from '@coalmine/bytes'
import { describe, hold, refused, rejection } from './broken-promise.ts'
import { noise, sameBytes } from './sources.ts'
import type { Promised } from './stage.ts'

/** stat, delete, usage, close, and what a storage says about itself. */
export const generalPromises: readonly Promised[] = [
  {
    name: 'info says what the storage can do',
    async body(stage) {
      const { scheme, display, capabilities } = stage.storage.info
      hold(/^[a-z][a-z0-9+.-]*$/.test(scheme), `The scheme is told as "${scheme}"`)
      hold(display !== '', 'The display is empty')
      const { ranges, putIfAbsent, maxObjectSize, parallel, listLagMs, digests } = capabilities
      hold(typeof ranges === 'boolean', 'capabilities.ranges is neither true nor false')
      hold(typeof putIfAbsent === 'boolean', 'capabilities.putIfAbsent is neither true nor false')
      hold(maxObjectSize === undefined || maxObjectSize > 0, `capabilities.maxObjectSize is ${maxObjectSize}`)
      hold(Number.isSafeInteger(parallel) && parallel >= 1, `capabilities.parallel is ${parallel}`)
      hold(Number.isFinite(listLagMs) && listLagMs >= 0, `capabilities.listLagMs is ${listLagMs}`)
      const known = digests.every((name) => ['md5', 'sha1', 'sha256'].includes(name))
      hold(known, `capabilities.digests has an unknown name: ${digests.join(', ')}`)
    },
  },
  {
    name: 'stat() tells the key and the size',
    async body(stage) {
      const key = stage.key('info')
      await stage.put(key, noise(4321, 1))
      const info = await stage.storage.stat(key)
      hold(info?.key === key && info.size === 4321, `An object of 4321 bytes is told as ${JSON.stringify(info)}`)
      const { modifiedMs } = info
      hold(modifiedMs === undefined || Number.isFinite(modifiedMs), `The time of an object is told as ${modifiedMs}`)
    },
  },
  {
    name: 'stat() of a missing object is undefined',
    async body(stage) {
      let info: unknown
      try {
        info = await stage.storage.stat(stage.key('missing'))
      } catch (error) {
        hold(false, `stat() of a missing object failed with ${describe(error)}`, error)
      }
      hold(info === undefined, `stat() of a missing object is ${JSON.stringify(info)}`)
    },
  },
  {
    name: 'stat() that is aborted rejects with the reason',
    async body(stage) {
      const reason = new Error('stop')
      const stat = stage.storage.stat(stage.key('missing'), { signal: AbortSignal.abort(reason) })
      const error = await rejection(stat, 'stat() with an aborted signal')
      hold(error === reason, 'stat() that is aborted does not reject with the reason', error)
    },
  },
  {
    name: 'stat() of a storage in trouble is an error, and not undefined',
    needs: 'breakDown',
    async body(stage) {
      const key = stage.key('trouble')
      await stage.put(key, noise(10, 1))
      const repair = await stage.harness.breakDown!()
      try {
        await rejection(stage.storage.stat(key), 'stat() of a storage in trouble')
      } finally {
        await repair()
      }
    },
  },
  {
    name: 'delete() removes an object for good',
    async body(stage) {
      const key = stage.key('gone')
      await stage.put(key, noise(1000, 1))
      hold(await stage.isListed(key, true), 'list() does not show the object after its put')
      await stage.storage.delete(key)
      hold(!(await stage.isThere(key)), 'stat() shows an object that was deleted')
      const got = await stage.read(key).catch(() => new Uint8Array(0))
      hold(got.length === 0, 'get() gives the bytes of an object that was deleted')
      hold(!(await stage.isListed(key, false)), 'list() shows an object that was deleted')
    },
  },
  {
    name: 'delete() of a missing object is success',
    async body(stage) {
      const key = stage.key('missing')
      try {
        await stage.storage.delete(key)
        await stage.put(key, noise(10, 1))
        await stage.storage.delete(key)
        await stage.storage.delete(key)
      } catch (error) {
        hold(false, `delete() of a missing object failed with ${describe(error)}`, error)
      }
    },
  },
  {
    name: 'delete() touches no other object',
    async body(stage) {
      const gone = stage.key('vol1')
      const others = ['vol10', 'vol1.difftar', 'vol', 'xvol1'].map((name) => stage.key(name))
      for (const [i, key] of [gone, ...others].entries()) await stage.put(key, noise(100, i))
      await stage.storage.delete(gone)
      for (const key of others) hold(await stage.isThere(key), `delete() of "${gone}" has removed "${key}"`)
    },
  },
  {
    name: 'delete() makes room for a new object',
    async body(stage) {
      const key = stage.key('reborn')
      const { putIfAbsent } = stage.storage.info.capabilities
      await stage.put(key, noise(100, 1))
      await stage.storage.delete(key)
      const bytes = noise(200, 2)
      try {
        await stage.storage.put(key, fromBytes(bytes), { ifAbsent: putIfAbsent })
      } catch (error) {
        hold(false, `put() after a delete failed with ${describe(error)}`, error)
      }
      const got = await stage.read(key).catch(() => new Uint8Array(0))
      hold(sameBytes(got, bytes), 'An object that was put after a delete is not there')
    },
  },
  {
    name: 'delete() that is aborted rejects with the reason',
    async body(stage) {
      const key = stage.key('stays')
      await stage.put(key, noise(10, 1))
      const reason = new Error('stop')
      const deleted = stage.storage.delete(key, { signal: AbortSignal.abort(reason) })
      const error = await rejection(deleted, 'delete() with an aborted signal')
      hold(error === reason, 'delete() that is aborted does not reject with the reason', error)
      hold(await stage.isThere(key), 'delete() has removed an object although it was aborted before')
    },
  },
  {
    name: 'delete() of a storage in trouble is an error, and not success',
    needs: 'breakDown',
    async body(stage) {
      const key = stage.key('trouble')
      await stage.put(key, noise(10, 1))
      const repair = await stage.harness.breakDown!()
      try {
        await rejection(stage.storage.delete(key), 'delete() of a storage in trouble')
      } finally {
        await repair()
      }
    },
  },
  {
    name: 'usage() tells numbers of bytes',
    async body(stage) {
      const usage = await stage.storage.usage?.()
      for (const [name, bytes] of Object.entries(usage ?? {})) {
        hold(bytes === undefined || (Number.isFinite(bytes) && bytes >= 0), `usage() tells ${name} as ${bytes}`)
      }
    },
  },
  {
    name: 'close() may be called again',
    async body(stage) {
      const storage = await stage.openAnother()
      await storage.close()
      try {
        await storage.close()
      } catch (error) {
        hold(false, `close() that is called again failed with ${describe(error)}`, error)
      }
    },
  },
  {
    name: 'close() ends every other call',
    async body(stage) {
      const key = stage.key('kept')
      await stage.put(key, noise(10, 1))
      const storage = await stage.openAnother()
      await storage.close()
      const list = async (): Promise<void> => {
        for await (const _ of storage.list()) void _
      }
      await refused(storage.put(stage.key('new'), fromBytes(noise(10, 1))), 'closed', 'put', 'put() after close()')
      await refused(collect(storage.get(key)), 'closed', 'get', 'get() after close()')
      await refused(storage.stat(key), 'closed', 'stat', 'stat() after close()')
      await refused(list(), 'closed', 'list', 'list() after close()')
      await refused(storage.delete(key), 'closed', 'delete', 'delete() after close()')
      if (storage.usage !== undefined) await refused(storage.usage(), 'closed', 'usage', 'usage() after close()')
      hold(await stage.isThere(key), 'An object is gone after another storage of the same place was closed')
    },
  },
]
