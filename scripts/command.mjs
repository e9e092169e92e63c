// Programs run by the checks: captured, never through a shell.
import { spawn } from 'node:child_process'
import { root, toolEnv } from './bootstrap.mjs'

/** Runs a program to its end, or interrupts it by `signal`. `output` is what it wrote to both, in order; with `live` it is shown instead. */
export function command(argv, { cwd = root, env = {}, live = false, timeoutMs, signal } = {}) {
  return new Promise((resolve) => {
    const [program, ...args] = argv
    const stdio = live ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe']
    const child = spawn(program, args, { cwd, env: toolEnv({ ...process.env, ...env }), stdio, timeout: timeoutMs })
    signal?.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
    const chunks = []
    child.stdout?.on('data', (chunk) => chunks.push(chunk))
    child.stderr?.on('data', (chunk) => chunks.push(chunk))
    child.once('error', (error) => resolve({ ok: false, output: `Cannot run ${program}: ${error.message}\n` }))
    child.once('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() }))
  })
}

/** Calls `work` for each item, `limit` at a time; results in the order of the items. */
export async function inParallel(items, limit, work) {
  const results = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
  return results
}
