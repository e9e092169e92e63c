import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Runs a program to its end; no shell. Standard output is held. */
export async function output(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: Uint8Array } = {},
): Promise<{ code: number; stdout: Buffer }> {
  const child = spawn(argv[0]!, argv.slice(1), { env: options.env, stdio: ['pipe', 'pipe', 'ignore'], timeout: 60_000 })
  const closed = once(child, 'close')
  // A program may end without reading all that it is given.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input)
  const pieces: Buffer[] = []
  for await (const piece of child.stdout) pieces.push(piece as Buffer)
  const [code] = (await closed) as [number | null]
  return { code: code ?? -1, stdout: Buffer.concat(pieces) }
}

export function isHere(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      // Not in this folder.
      return false
    }
  })
}
