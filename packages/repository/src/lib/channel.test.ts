import { collect } from '@coalmine/bytes'
import { describe, expect, it } from 'vitest'
import { Channel } from './channel.ts'

describe('Channel', () => {
  it('hands on everything in order and makes the writer wait for the reader', async () => {
    const channel = new Channel(10)
    let written = 0
    const writing = (async () => {
      for (let at = 0; at < 20; at++) {
        await channel.write(Uint8Array.of(at, at, at, at))
        written += 4
      }
      channel.end()
    })()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(written).toBeLessThanOrEqual(12)
    const all = await collect(channel.read())
    await writing
    expect([...all]).toEqual(Array.from({ length: 80 }, (_, at) => Math.floor(at / 4)))
  })

  it('tells a failure of the reader to a writer that waits', async () => {
    const channel = new Channel(1)
    const writing = channel.write(new Uint8Array(8))
    channel.fail(new Error('disk full'))
    await expect(writing).rejects.toThrow('disk full')
    await expect(collect(channel.read())).rejects.toThrow('disk full')
  })
})
