import { CommandError, exitCode } from './exit-codes.ts'

/** Asks on the terminal without showing what is typed. Backspace, Ctrl-U, Ctrl-C and Ctrl-D work. */
export function promptHidden(question: string): Promise<Buffer> {
  const { stdin } = process
  process.stderr.write(question)
  return new Promise((resolve, reject) => {
    let typed: number[] = []
    const finish = (settle: () => void) => {
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
    stdin.setRawMode(true)
    stdin.resume()
    stdin.on('data', onData)
  })
}

/** Takes off the last character, which in UTF-8 may be several bytes. */
function dropLast(typed: number[]): void {
  while (typed.length > 0 && (typed.at(-1)! & 0xc0) === 0x80) typed.pop()
  typed.pop()
}
