import { createHash } from 'node:crypto'
import { type ByteSource, fromBytes } from '@coalmine/bytes'
import type { ObjectInfo, PutProgress } from '@coalmine/storage'
import { hold, refused } from './broken-promise.ts'
import { countedSource, createGate, gatedSource, noise, sameBytes } from './sources.ts'
import type { Promised } from './stage.ts'

/** What a put does when it goes well. */
export const putPromises: readonly Promised[] = [
  {
    name: 'put() stores the bytes it is given',
    async body(stage) {
      for (const size of [1, 1000, 65_535, 65_536, 65_537, 262_145, 1_048_583]) {
        const key = stage.key(`size-${size}`)
        const bytes = noise(size, size)
        await stage.put(key, bytes)
        const got = await stage.read(key)
        hold(sameBytes(got, bytes), `An object of ${size} bytes came back as other ${got.length} bytes`)
      }
    },
  },
  {
    name: 'put() stores an object of no bytes',
    async body(stage) {
      const key = stage.key('empty')
      await stage.put(key, new Uint8Array(0))
      hold(await stage.isThere(key), 'An object of no bytes is not there')
      hold((await stage.read(key)).length === 0, 'An object of no bytes has some')
      hold(await stage.isListed(key, true), 'An object of no bytes is not listed')
    },
  },
  {
    name: 'put() returns the key and the size',
    async body(stage) {
      const key = stage.key('info')
      const info = await stage.put(key, noise(1234, 1))
      hold(info.key === key && info.size === 1234, `An object of 1234 bytes is reported as ${JSON.stringify(info)}`)
    },
  },
  {
    name: 'put() replaces the object of the same name',
    async body(stage) {
      const key = stage.key('again')
      await stage.put(key, noise(100_000, 1))
      for (const size of [500, 200_000, 200_000]) {
        const bytes = noise(size, size + 2)
        await stage.put(key, bytes)
        hold(sameBytes(await stage.read(key), bytes), `The object that was put again with ${size} bytes is another one`)
      }
    },
  },
  {
    name: 'put() shows no new object before it is complete',
    async body(stage) {
      const key = stage.key('early')
      const { gate, open, reached } = createGate()
      const put = stage.storage.put(key, gatedSource(noise(300_000, 3), 200_000, gate))
      await Promise.race([reached, put])
      try {
        hold(!(await stage.isThere(key)), 'stat() shows an object that is still being put')
        // How absence is told has a case of its own: here, no bytes may come.
        const early = await stage.read(key).catch(() => new Uint8Array(0))
        hold(early.length === 0, `get() gives ${early.length} bytes of an object that is still being put`)
      } finally {
        open()
        await put
      }
      hold(await stage.isThere(key), 'The object is not there after its put')
    },
  },
  {
    name: 'put() shows the old object until the new one is complete',
    async body(stage) {
      const key = stage.key('old')
      const old = noise(100_000, 1)
      await stage.put(key, old)
      const { gate, open, reached } = createGate()
      const put = stage.storage.put(key, gatedSource(noise(300_000, 3), 200_000, gate))
      await Promise.race([reached, put])
      try {
        hold(await stage.isThere(key), 'stat() does not show the old object while a new one is being put')
        const now = await stage.read(key)
        hold(sameBytes(now, old), 'get() does not give the old object while a new one is being put')
      } finally {
        open()
        await put
      }
    },
  },
  {
    name: 'put() lets go of every stream of its source',
    async body(stage) {
      const whole = countedSource(noise(300_000, 4))
      await stage.storage.put(stage.key('whole'), whole.source)
      hold(whole.count.opened > 0, 'The object was stored without its source being opened')
      hold(whole.count.closed === whole.count.opened, 'A stream of the source is still open after its put')
      const tooLong = countedSource(noise(300_000, 4), 100_000)
      // Whether that is refused has a case of its own.
      await stage.storage.put(stage.key('long'), tooLong.source).catch(() => undefined)
      hold(tooLong.count.closed === tooLong.count.opened, 'A stream of the source is still open after its put failed')
    },
  },
  {
    name: 'put() tells how many bytes were sent',
    async body(stage) {
      const progress: PutProgress[] = []
      const source = fromBytes(noise(300_000, 5))
      await stage.storage.put(stage.key('progress'), source, { onProgress: (told) => progress.push(told) })
      const sent = progress.filter(({ phase }) => phase === 'sent').map(({ bytes }) => bytes)
      hold(sent.at(-1) === 300_000, `Of 300000 bytes ${sent.at(-1) ?? 'none'} were told as sent in the end`)
      const grows = sent.every((bytes, i) => bytes <= 300_000 && bytes >= (sent[i - 1] ?? 0))
      hold(grows, `The bytes that were sent do not grow up to the size: ${sent.join(', ')}`)
    },
  },
  {
    name: 'put() tells true digests, or none',
    async body(stage) {
      const key = stage.key('digests')
      const bytes = noise(100_000, 6)
      const infos = [await stage.put(key, bytes), await stage.storage.stat(key)]
      for (const info of infos) holdDigests(info, bytes)
    },
  },
  {
    name: 'put() compares the digests that it asks for',
    async body(stage) {
      const bytes = noise(100_000, 7)
      for (const name of stage.storage.info.capabilities.digests) {
        const right = createHash(name).update(bytes).digest('hex')
        const wrong = right.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
        const good = stage.key(`good-${name}`)
        await stage.storage.put(good, fromBytes(bytes), { digests: { [name]: right } })
        const bad = stage.key(`bad-${name}`)
        const put = stage.storage.put(bad, fromBytes(bytes), { digests: { [name]: wrong } })
        await refused(put, 'mismatch', 'put', `put() with a wrong ${name}`)
        hold(!(await stage.isThere(bad)), `The object with the wrong ${name} was stored`)
      }
    },
  },
  {
    name: 'put() with ifAbsent refuses to replace an object, or to be called so',
    async body(stage) {
      const key = stage.key('once')
      const first = noise(1000, 8)
      if (!stage.storage.info.capabilities.putIfAbsent) {
        const put = stage.storage.put(key, fromBytes(first), { ifAbsent: true })
        await refused(put, 'unsupported', 'put', 'put() with ifAbsent, which this storage does not have,')
        hold(!(await stage.isThere(key)), 'The object was stored although ifAbsent is not supported')
        return
      }
      await stage.storage.put(key, fromBytes(first), { ifAbsent: true })
      const put = stage.storage.put(key, fromBytes(noise(1000, 9)), { ifAbsent: true })
      await refused(put, 'exists', 'put', 'put() with ifAbsent where there is an object')
      hold(sameBytes(await stage.read(key), first), 'put() with ifAbsent has replaced an object')
    },
  },
  {
    name: 'put() with ifAbsent lets one of two win',
    async body(stage) {
      if (!stage.storage.info.capabilities.putIfAbsent) return
      const another = await stage.openAnother()
      for (let round = 0; round < 5; round++) {
        const key = stage.key(`race-${round}`)
        const rivals = [noise(100_000, round), noise(100_000, round + 10)]
        const puts = [stage.storage, another].map((storage, i) =>
          storage.put(key, fromBytes(rivals[i]!), { ifAbsent: true }),
        )
        const won = (await Promise.allSettled(puts)).map(({ status }) => status === 'fulfilled')
        hold(won.filter(Boolean).length === 1, `Of two puts with ifAbsent at once ${won.filter(Boolean).length} won`)
        const bytes = await stage.read(key)
        hold(
          sameBytes(bytes, rivals[won.indexOf(true)]!),
          'The put with ifAbsent that won is not the one that is stored',
        )
      }
    },
  },
  {
    name: 'put() of different keys may overlap',
    async body(stage) {
      const count = Math.max(4, Math.min(16, stage.storage.info.capabilities.parallel))
      const objects = Array.from({ length: count }, (_, i) => ({ key: stage.key(`p${i}`), bytes: noise(150_000, i) }))
      await Promise.all(objects.map(({ key, bytes }) => stage.put(key, bytes)))
      for (const { key, bytes } of objects) {
        hold(await stage.isThere(key), `Of ${count} puts at once one has stored nothing`)
        hold(sameBytes(await stage.read(key), bytes), `Of ${count} puts at once one has stored the bytes of another`)
      }
    },
  },
  {
    name: 'put() of one key twice at once stores one of the two',
    async body(stage) {
      const key = stage.key('twice')
      const rivals = [noise(300_000, 1), noise(300_000, 2)]
      await Promise.all(rivals.map((bytes) => stage.put(key, bytes)))
      const got = await stage.read(key)
      hold(
        rivals.some((bytes) => sameBytes(bytes, got)),
        'Of two puts of one key neither is stored as it was sent',
      )
    },
  },
  {
    name: 'put() and get() carry a large object',
    async body(stage) {
      const { largeBytes = 20 * 1024 * 1024 } = stage.harness
      const key = stage.key('large')
      const source = largeSource(largeBytes)
      const sent = createHash('sha256')
      for await (const chunk of source.open()) sent.update(chunk)
      await stage.storage.put(key, source)
      const came = createHash('sha256')
      for await (const chunk of stage.storage.get(key)) came.update(chunk)
      hold(came.digest('hex') === sent.digest('hex'), `An object of ${largeBytes} bytes came back as another one`)
    },
  },
]

/** Bytes that are made as they are read. */
function largeSource(size: number): ByteSource {
  const blockBytes = 1_048_576
  return {
    size,
    async *open(range) {
      const end = range?.end ?? size
      for (let at = range?.start ?? 0; at < end;) {
        const block = Math.floor(at / blockBytes)
        const from = at - block * blockBytes
        const bytes = noise(blockBytes, block).subarray(from, Math.min(blockBytes, from + end - at))
        yield bytes
        at += bytes.length
      }
    },
  }
}

function holdDigests(info: ObjectInfo | undefined, bytes: Uint8Array): void {
  for (const [name, told] of Object.entries(info?.digests ?? {})) {
    const digest = createHash(name).update(bytes).digest('hex')
    hold(told === digest, `The ${name} of an object is told as "${told}" and is "${digest}"`)
  }
}
