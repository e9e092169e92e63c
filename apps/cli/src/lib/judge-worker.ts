import { parentPort, workerData } from 'node:worker_threads'
import { createJudge, isWeak, standsFor } from './judge-passphrase.ts'

/** What the thread says of the passphrase that it is given: how long it stands, if it is weak. */
export type WorkerVerdict = { readonly weak: false } | { readonly weak: true; readonly stands: string }

const judgement = (await createJudge())(workerData as Uint8Array)
const verdict: WorkerVerdict = isWeak(judgement) ? { weak: true, stands: standsFor(judgement).one } : { weak: false }
parentPort?.postMessage(verdict, [])
