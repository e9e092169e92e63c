import { Worker } from 'node:worker_threads'
import type { WorkerVerdict } from './judge-worker.ts'
import { isShort, shortChars } from './judge-passphrase.ts'
import type { Log } from './log.ts'

// Node 20 starts no thread from TypeScript; what is installed is JavaScript.
const builtScript = new URL(`./judge-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

const ownWay = '"coalmine passphrase" makes a better one, for a new backup in another place'

/**
 * Judges the passphrase of a first backup, and warns when it is weak: early enough to stop and choose another, and without
 * making the backup wait. Short ones are weak whatever they are made of; the others are judged on a thread of their own. A
 * judgement that fails is no reason to stop a backup.
 *
 * @returns Fulfilled when the warning is said, or there is none to say; never rejected.
 */
export function warnIfWeak(
  passphrase: Uint8Array,
  log: Pick<Log, 'warning' | 'debug'>,
  { signal, script = builtScript }: { signal: AbortSignal; script?: URL },
): Promise<void> {
  return new Promise<void>((resolve) => {
    if (signal.aborted) return resolve()
    if (isShort(passphrase)) {
      log.warning(
        `The passphrase of this first backup is weak: it is shorter than ${shortChars} characters, so whoever has the ` +
          `stored files may find it by trying; ${ownWay}`,
      )
      return resolve()
    }
    const worker = new Worker(script, { workerData: Uint8Array.from(passphrase) })
    const stop = () => void worker.terminate()
    signal.addEventListener('abort', stop)
    worker.on('message', (verdict: WorkerVerdict) => {
      if (verdict.weak) {
        log.warning(
          `The passphrase of this first backup is weak: with the stored files, one graphics card may find it in ` +
            `${verdict.stands}; ${ownWay}`,
        )
      }
    })
    worker.on('error', (error) => log.debug(`The passphrase was not judged: ${error.message}`))
    worker.on('exit', () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
  })
}
