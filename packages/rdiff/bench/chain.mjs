// One after the other, or at once: node bench/chain.mjs. Needs the build. A file of 100 MB, changed in each of ten sets.
import { randomFillSync } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeltaEncoder, patch, patchAll, readSignature, signature } from '../dist/index.js'

const bytes = 100_000_000
const sets = 10

async function* once(content) {
  for (let at = 0; at < content.length; at += 1 << 20) yield content.subarray(at, at + (1 << 20))
}

const inMemory = (content) => ({
  size: content.length,
  open: ({ start = 0, end } = {}) => once(content.subarray(start, end)),
})

function onDisk(descriptor, size) {
  return {
    size,
    async *open({ start = 0, end = size } = {}) {
      for (let at = start; at < end;) {
        const chunk = Buffer.allocUnsafe(Math.min(1 << 20, end - at))
        at += readSync(descriptor, chunk, 0, chunk.length, at)
        yield chunk
      }
    },
  }
}

/** A hundred places changed, moved, or with something put in, in each set. */
function changed(content) {
  const parts = []
  let at = 0
  for (let i = 1; i <= 100; i++) {
    const place = Math.floor((i * content.length) / 101) + Math.floor(Math.random() * 5000)
    parts.push(content.subarray(at, place), randomFillSync(Buffer.alloc(200)))
    at = place + 100
  }
  return Buffer.concat([...parts, content.subarray(at)])
}

const cases = {
  noise: [randomFillSync(Buffer.allocUnsafe(bytes)), changed],
  // Repeated blocks make the most commands.
  zeros: [Buffer.alloc(bytes), changed],
}
const folder = mkdtempSync(join(tmpdir(), 'chain-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
for (const [name, [first, change]] of Object.entries(cases)) {
  const deltas = []
  let content = first
  for (let i = 0; i < sets; i++) {
    const next = change(content)
    const encoder = new DeltaEncoder(await readSignature(once(signature(content, { blockBytes: 2048 }))))
    deltas.push(Buffer.concat([...encoder.push(next), ...encoder.finish()]))
    content = next
  }
  const ways = {
    'one after the other': async (sink) => {
      let basis = inMemory(first)
      let held
      for (const [i, delta] of deltas.entries()) {
        if (i === deltas.length - 1) {
          for await (const chunk of patch(basis, once(delta))) sink(chunk)
          closeSync(held)
          return
        }
        const descriptor = openSync(join(folder, `${i}`), 'w+')
        let size = 0
        for await (const chunk of patch(basis, once(delta))) size += writeSync(descriptor, chunk)
        if (held !== undefined) closeSync(held)
        held = descriptor
        basis = onDisk(descriptor, size)
      }
    },
    'at once': async (sink) => {
      for await (const chunk of patchAll(inMemory(first), deltas.map(inMemory))) sink(chunk)
    },
  }
  for (const [way, run] of Object.entries(ways)) {
    const start = performance.now()
    const before = process.cpuUsage()
    let made = 0
    await run((chunk) => (made += chunk.length))
    const { user, system } = process.cpuUsage(before)
    if (made !== content.length) throw new Error(`${made} bytes instead of ${content.length}`)
    const seconds = (user + system) / 1e6
    console.log(
      `${name}, ${way}: ${seconds.toFixed(2)} s of processor, ${((performance.now() - start) / 1e3).toFixed(2)} s`,
    )
  }
}
