import { closeSync, openSync, readSync, writeSync } from 'node:fs'

const headBytes = 12

/**
 * The input that is being tried, in a file: what a process leaves behind for its watcher when it hangs or dies. A count
 * goes with it, which tells whether anything moves.
 */
export class CurrentInput {
  readonly #descriptor: number
  #buffer: Buffer = Buffer.alloc(65_536)
  #count = 0

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r+')
  }

  set(input: Uint8Array): void {
    if (this.#buffer.length < headBytes + input.length) this.#buffer = Buffer.alloc(headBytes + input.length)
    this.#count += 1
    this.#buffer.writeDoubleLE(this.#count, 0)
    this.#buffer.writeUInt32LE(input.length, 8)
    this.#buffer.set(input, headBytes)
    writeSync(this.#descriptor, this.#buffer, 0, headBytes + input.length, 0)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** What {@link CurrentInput} last wrote; all zero at first. */
export function readCurrentInput(path: string): { count: number; input: Uint8Array } {
  const descriptor = openSync(path, 'r')
  try {
    const head = Buffer.alloc(headBytes)
    if (readSync(descriptor, head, 0, headBytes, 0) < headBytes) return { count: 0, input: new Uint8Array(0) }
    const input = Buffer.alloc(head.readUInt32LE(8))
    const got = readSync(descriptor, input, 0, input.length, headBytes)
    return { count: head.readDoubleLE(0), input: new Uint8Array(input.subarray(0, got)) }
  } finally {
    closeSync(descriptor)
  }
}
