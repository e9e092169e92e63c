import { spawn } from 'node:child_process'

/** What one run of a program cost. */
export interface Cost {
  /** Seconds from start to end. */
  readonly wall: number
  /** Seconds of all cores, the program and its children. */
  readonly cpu: number
  /** Peak resident memory in MB of the largest single process among the program and its children. */
  readonly rss: number
}

// Only a parent is told what its children cost: this one starts the program and reports on descriptor 3.
const wrapper = `
import json, os, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(3, json.dumps({"code": code, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss / 1024}).encode())
`

/** Runs a program to its end. @throws Error with what it said when it fails. */
export async function measure(argv: readonly string[], env: Record<string, string>): Promise<Cost> {
  const child = spawn('python3', ['-c', wrapper, ...argv], { env, stdio: ['ignore', 'inherit', 'pipe', 'pipe'] })
  const [complaint, report] = await Promise.all([text(child.stderr), text(child.stdio[3] as NodeJS.ReadableStream)])
  if (report === '') throw new Error(`Cannot run ${argv.join(' ')}: ${complaint}`)
  const { code, ...cost } = JSON.parse(report) as Cost & { code: number }
  if (code !== 0) throw new Error(`Cannot measure ${argv.join(' ')}: it ended with code ${code}: ${complaint}`)
  return cost
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = ''
  if (stream !== null) for await (const chunk of stream) all += String(chunk)
  return all
}

/** The run in the middle by wall time. */
export function median(costs: readonly Cost[]): Cost {
  return costs.toSorted((a, b) => a.wall - b.wall)[Math.floor(costs.length / 2)]!
}
