import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect, fromBytes, fromChunks } from '@coalmine/bytes'
import { fromFile } from '@coalmine/bytes/file'
import { chop, createRandom, itWith, run, tempDir } from '@coalmine/fixtures'
import * as fc from 'fast-check'
import { describe, expect } from 'vitest'
import { patch, readSignature, signature, SignatureEncoder } from '../src/index.ts'
import { createSigner } from '../src/lib/signature.ts'
import { basisBytes, deltas } from './delta-cases.ts'
import { rdiff } from './librsync-peers.ts'

const seed = Math.floor(Math.random() * 2 ** 31)
const random = createRandom(`rdiff ${seed}`)
const content = Uint8Array.from({ length: basisBytes }, () => random.integer(0, 255))

const signatureWords = (blockBytes: number, strongBytes: number) =>
  `-H md4 -R rollsum -b ${blockBytes} -S ${strongBytes} signature`.split(' ')

describe(`rdiff (seed ${seed})`, () => {
  itWith(['rdiff', 'xargs'], 'signs 1000 files as signature() and SignatureEncoder do', async () => {
    const dir = await tempDir('rdiff')
    const blockLengths = fc.oneof(fc.constantFrom(512, 1024, 2048, 64), fc.integer({ min: 1, max: 1500 }))
    const cases = fc.sample(
      blockLengths.chain((blockBytes) =>
        fc.record({
          blockBytes: fc.constant(blockBytes),
          strongBytes: fc.oneof(fc.constant(8), fc.integer({ min: 1, max: 16 })),
          blocks: fc.nat({ max: 9 }),
          more: fc.oneof(fc.constantFrom(0, 1, blockBytes - 1), fc.nat({ max: blockBytes - 1 })),
        }),
      ),
      { numRuns: 1000, seed },
    )
    const contents = cases.map(({ blockBytes, blocks, more }, i) => content.subarray(i, i + blocks * blockBytes + more))
    contents.forEach((bytes, i) => writeFileSync(join(dir, `${i}`), bytes))
    await rdiff(
      cases.map(({ blockBytes, strongBytes }, i) => [
        ...signatureWords(blockBytes, strongBytes),
        join(dir, `${i}`),
        join(dir, `${i}.sig`),
      ]),
    )
    cases.forEach((options, i) => {
      const expected = readFileSync(join(dir, `${i}.sig`))
      const bytes = contents[i]!
      expect([i, options, expected.equals(signature(bytes, options))]).toEqual([i, options, true])
      const encoder = new SignatureEncoder(options)
      const plain = createSigner(options.blockBytes, options.strongBytes, undefined)
      const parts: Uint8Array[] = []
      const entries: Uint8Array[] = []
      for (const chunk of chop(bytes, { seed: seed + i })) {
        parts.push(encoder.push(chunk))
        entries.push(plain.push(chunk))
      }
      expect([i, options, expected.equals(Buffer.concat([...parts, encoder.finish()]))]).toEqual([i, options, true])
      const after = Buffer.concat([...entries, plain.finish()])
      expect([i, options, expected.subarray(12).equals(after)]).toEqual([i, options, true])
    })
  })

  itWith('rdiff', 'signs a file of many chunks as SignatureEncoder does', async () => {
    const dir = await tempDir('rdiff')
    const large = Buffer.concat([content, content.subarray(7), content.subarray(0, 99_999), content])
    writeFileSync(join(dir, 'large'), large)
    for (const blockBytes of [512, 1536, 17_408, 149_504, 600_000, 2_000_000]) {
      const path = join(dir, `${blockBytes}.sig`)
      await run(['rdiff', ...signatureWords(blockBytes, 8), join(dir, 'large'), path], { check: true })
      const encoder = new SignatureEncoder({ blockBytes })
      const parts: Uint8Array[] = []
      for (let at = 0; at < large.length; at += 65_536) parts.push(encoder.push(large.subarray(at, at + 65_536)))
      const ours = Buffer.concat([...parts, encoder.finish()])
      expect([blockBytes, ours.equals(readFileSync(path))]).toEqual([blockBytes, true])
      expect([blockBytes, ours.equals(signature(large, { blockBytes }))]).toEqual([blockBytes, true])
    }
  })

  itWith('rdiff', 'writes signatures of all kinds that readSignature() reads', async () => {
    const dir = await tempDir('rdiff')
    writeFileSync(join(dir, 'old'), content)
    for (const hash of ['md4', 'blake2'] as const) {
      for (const kind of ['rollsum', 'rabinkarp'] as const) {
        const path = join(dir, `${hash}-${kind}`)
        await run(['rdiff', '-H', hash, '-R', kind, '-b', '777', 'signature', join(dir, 'old'), path], { check: true })
        const read = await readSignature((await fromFile(path)).open())
        expect(read).toMatchObject({ hash, kind, blockBytes: 777 })
        expect(read.weak.length).toBe(Math.ceil(content.length / 777))
      }
    }
  })

  itWith(['rdiff', 'xargs'], 'makes 400 deltas from our signatures, which patch() applies', async () => {
    const dir = await tempDir('rdiff')
    const edits = fc.record({
      blockBytes: fc.constantFrom(16, 64, 512, 1000),
      size: fc.oneof(fc.nat({ max: 3000 }), fc.nat({ max: 20_000 })),
      cuts: fc.array(fc.tuple(fc.nat({ max: 20_000 }), fc.nat({ max: 900 }), fc.nat({ max: 900 })), { maxLength: 6 }),
    })
    const pairs = fc.sample(edits, { numRuns: 400, seed }).map(({ blockBytes, size, cuts }, i) => {
      const old = content.subarray(i, i + size)
      let next = Buffer.from(old)
      for (const [at, removed, put] of cuts) {
        const from = at % (next.length + 1)
        next = Buffer.concat([next.subarray(0, from), content.subarray(at, at + put), next.subarray(from + removed)])
      }
      writeFileSync(join(dir, `${i}.sig`), signature(old, { blockBytes }))
      writeFileSync(join(dir, `${i}.new`), next)
      return { old, next, unchanged: next.equals(old) }
    })
    await rdiff(pairs.map((_, i) => ['delta', join(dir, `${i}.sig`), join(dir, `${i}.new`), join(dir, `${i}.delta`)]))
    for (const [i, { old, next, unchanged }] of pairs.entries()) {
      const delta = readFileSync(join(dir, `${i}.delta`))
      // That it found the blocks again shows that it read our sums.
      if (unchanged) expect(delta.length).toBeLessThan(20)
      const chunks = chop(delta, { seed: seed + i })
      const result = await collect(patch(fromBytes(old, 1000), fromChunks(chunks), { maxBytes: next.length }))
      expect([i, next.equals(result)]).toEqual([i, true])
    }
  })

  itWith(['rdiff', 'xargs'], 'applies 400 deltas in all encodings as patch() does', async () => {
    const dir = await tempDir('rdiff')
    const old = join(dir, 'old')
    writeFileSync(old, content)
    const cases = fc.sample(deltas(content), { numRuns: 400, seed })
    cases.forEach(({ delta }, i) => writeFileSync(join(dir, `${i}.delta`), delta))
    await rdiff(cases.map((_, i) => ['patch', old, join(dir, `${i}.delta`), join(dir, `${i}.new`)]))
    const basis = await fromFile(old)
    for (const [i, { delta }] of cases.entries()) {
      const result = await collect(patch(basis, fromChunks([delta])))
      expect([i, readFileSync(join(dir, `${i}.new`)).equals(result)]).toEqual([i, true])
    }
  })

  itWith('rdiff', 'refuses the damaged deltas that patch() refuses, and no others', async () => {
    const dir = await tempDir('rdiff')
    writeFileSync(join(dir, 'old'), content)
    const damaged = fc.sample(
      fc.tuple(deltas(content), fc.nat(), fc.integer({ min: 1, max: 255 })).map(([{ delta }, at, flip]) => {
        const bytes = delta.slice(0, 4 + (at % 60))
        const place = (at >> 6) % bytes.length
        if (bytes.length > 4) bytes[Math.max(4, place)]! ^= flip
        return bytes
      }),
      { numRuns: 100, seed },
    )
    for (const bytes of damaged) {
      writeFileSync(join(dir, 'delta'), bytes)
      const path = join(dir, 'new')
      const { code } = await run(['rdiff', '-f', 'patch', join(dir, 'old'), join(dir, 'delta'), path])
      const result = await collect(patch(fromBytes(content), fromChunks([bytes]))).catch((error: unknown) => error)
      const hex = Buffer.from(bytes).toString('hex')
      if (code === 0 && result instanceof Uint8Array)
        expect([hex, readFileSync(path).equals(result)]).toEqual([hex, true])
      // What lies behind the end rdiff does not look at.
      else expect([hex, code === 0]).toEqual([hex, (result as { code: string }).code === 'trailing'])
    }
  })
})
