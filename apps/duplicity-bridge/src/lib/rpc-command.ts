import { serveRpc } from './rpc-server.ts'

/** A put that is being stopped may have to wait for a service; nobody is waiting for us any more. */
const graceMs = 5000
const parentCheckMs = 1000

/**
 * Serves calls on standard input and output. Ends when standard input does, also when the program that started this one
 * has died and some other process holds its pipes open.
 */
export async function serveStandardStreams(url: string | undefined): Promise<void> {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  process.on('SIGTERM', onSignal)
  // Ctrl-C and a closed terminal reach the whole group of processes: what they mean is for the one that started us to say.
  for (const name of ['SIGINT', 'SIGHUP'] as const)
    process.on(name, () => (process.stdin.isTTY ? onSignal() : undefined))
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid !== parent) stop.abort()
  }, parentCheckMs)
  stop.signal.addEventListener('abort', () => giveUpAfter(graceMs), { once: true })
  process.stdin.on('end', () => giveUpAfter(graceMs))
  await serveRpc({ input: process.stdin, output: process.stdout, env: process.env, url, signal: stop.signal })
  clearInterval(watch)
  giveUpAfter(graceMs)
}

function giveUpAfter(ms: number): void {
  setTimeout(() => process.exit(1), ms).unref()
}
