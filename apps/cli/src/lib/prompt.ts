import { CommandError, exitCode } from './exit-codes.ts'

/**
 * Asks on the terminal without showing what is typed. Backspace, Ctrl-U, Ctrl-C and Ctrl-D work.
 *
 * The terminal is told not to echo before anything is asked: who answers at once is not shown either.
 *
 * @throws the signal's reason when it is aborted: a signal from outside ends the question too.
 */
export function promptHidden(question: string, signal: AbortSignal): Promise<Buffer> {
  const { stdin } = process
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    let typed: number[] = []
    const onAbort = () => finish(() => reject(signal.reason as Error))
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', onAbort)
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
      process.stderr.write('\n')
      settle()
    }
    const onData = (bytes: Buffer) => {
      for (const byte of bytes) {
        if (byte === 10 || byte === 13) return finish(() => resolve(Buffer.from(typed)))
        if (byte === 3) return finish(() => reject(new CommandError(exitCode.interrupted, 'Interrupted')))
        if (byte === 4 && typed.length === 0) {
          return finish(() =>
            reject(new CommandError(exitCode.exception, 'Cannot read the passphrase: the input ended')),
          )
        }
        if (byte === 21) typed = []
        else if (byte === 8 || byte === 127) dropLast(typed)
        else if (byte >= 32) typed.push(byte)
      }
    }
    signal.addEventListener('abort', onAbort)
    stdin.setRawMode(true)
    stdin.on('data', onData)
    stdin.resume()
    process.stderr.write(question)
  })
}

/** Takes off the last character, which in UTF-8 may be several bytes. */
function dropLast(typed: number[]): void {
  while (typed.length > 0 && (typed.at(-1)! & 0xc0) === 0x80) typed.pop()
  typed.pop()
}
