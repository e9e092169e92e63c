import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/** Runs memory-child.ts; beside its answer, the most memory it had at any time, in MB, as the system counts it. */
async function watch(megabytes: number): Promise<{ same: boolean; deltaBytes: number; peak: number }> {
  const script = fileURLToPath(new URL('memory-child.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, script, String(megabytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let answer = ''
  child.stdout.on('data', (text: Buffer) => (answer += text.toString()))
  let peak = 0
  const timer = setInterval(() => {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1')) ?? []
      peak = Math.max(peak, Number(kilobytes ?? 0) / 1024)
    } catch {
      // It has just ended; what was seen last counts.
    }
  }, 20)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code).toBe(0)
    return { ...(JSON.parse(answer) as { same: boolean; deltaBytes: number }), peak }
  } finally {
    clearInterval(timer)
    child.kill('SIGKILL')
  }
}

describe('signature, delta and patch of a stream', () => {
  const large = process.env['COALMINE_LONG'] ? 2048 : 96
  it.skipIf(!existsSync('/proc/self/status'))(
    `take no more memory for ${large} MiB than for 24 (judge: the system)`,
    async () => {
      const [little, much] = [await watch(24), await watch(large)]
      expect([little.same, much.same]).toEqual([true, true])
      // Every fiftieth piece, and the blocks that such pieces reach into, which are as long as a piece in the end.
      expect(much.deltaBytes).toBeLessThan(((large * 2 ** 20) / 50) * 2.5 + 200_000)
      console.log(`peak ${little.peak.toFixed(0)} MB for 24 MiB, ${much.peak.toFixed(0)} MB for ${large} MiB`)
      // What the collector of garbage leaves lying, and the index: 20 bytes for each block.
      expect(much.peak).toBeLessThan(little.peak + 80)
    },
    900_000,
  )
})
