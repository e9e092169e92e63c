import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { deltaVectors, pattern } from '../../test/vectors.ts'
import { delta } from './delta.ts'
import { DeltaIndex } from './delta-index.ts'
import { signature } from './signature.ts'
import { readSignature } from './signature-decoder.ts'

const signed = (content: Uint8Array) => readSignature(fromChunks([signature(content, { blockBytes: 512 })]))

describe('delta()', () => {
  it('writes what rdiff wrote (vectors), from a signature or an index of it', async () => {
    for (const { name, old, next, delta: expected } of deltaVectors) {
      if (name === 'one block sixteen times') continue
      const basis = await signed(old)
      for (const from of [basis, new DeltaIndex(basis)]) {
        expect([name, await collect(delta(fromBytes(next, 100).open(), from))]).toEqual([name, expected])
      }
    }
  })

  it('reads nothing before it is pulled, and closes the content when it is left', async () => {
    let state = 'not opened'
    const content = (async function* () {
      state = 'open'
      try {
        for (;;) yield new Uint8Array(65_536).fill(7)
      } finally {
        state = 'closed'
      }
    })()
    const stream = delta(content, await signed(pattern(2000)))
    expect(state).toBe('not opened')
    for await (const chunk of stream) {
      expect([state, chunk.length > 0]).toEqual(['open', true])
      break
    }
    expect(state).toBe('closed')
  })

  it('stops at the signal, with its reason', async () => {
    const stop = new AbortController()
    let given = 0
    const content = (async function* () {
      for (; ; given++) {
        if (given === 3) stop.abort(new Error('enough'))
        yield new Uint8Array(65_536).fill(given)
      }
    })()
    const basis = await signed(pattern(2000))
    await expect(collect(delta(content, basis, { signal: stop.signal }))).rejects.toThrow('enough')
    expect(given).toBe(3)
    await expect(collect(delta(fromChunks([]), basis, { signal: stop.signal }))).rejects.toThrow('enough')
  })

  it('hides nothing of what the content failed with', async () => {
    const content = (async function* () {
      yield pattern(100)
      throw new Error('the disk is gone')
    })()
    await expect(collect(delta(content, await signed(pattern(2000))))).rejects.toThrow('the disk is gone')
  })
})
