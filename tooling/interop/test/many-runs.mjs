// Runs the built command line, whose main file is the argument, as often as it is told to, in one process: starting Node
// takes longer than a small backup.
import { pathToFileURL } from 'node:url'

const { run } = await import(pathToFileURL(process.argv[2]).href)

let out = ''
const capture = (chunk, encoding, callback) => {
  out += Buffer.from(chunk).toString()
  const done = typeof encoding === 'function' ? encoding : callback
  if (done !== undefined) process.nextTick(done)
  return true
}
process.stdout.write = capture
process.stderr.write = capture

async function obey({ argv, at = 0 }) {
  out = ''
  process.argv = [process.execPath, 'coalmine', ...argv]
  process.exitCode = 0
  Object.assign(globalThis.effects, { count: 0, at, mode: 'full', struck: undefined })
  let thrown = ''
  try {
    await run()
  } catch (error) {
    thrown = String(error?.stack ?? error)
  }
  const { count, struck } = globalThis.effects
  globalThis.effects.at = 0
  process.send({ code: thrown === '' ? process.exitCode : -1, out: out + thrown, count, struck })
}

process.on('message', (message) => void obey(message))
process.on('disconnect', () => process.exit(0))
