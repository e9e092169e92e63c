// The built program, run again and again in one process: starting one takes longer than most of what is tried. A line of
// JSON in is a command line with its environment and folder, a line out is how it ended.
import { createInterface } from 'node:readline'

// The program is named by whoever starts this: what is built is no part of the sources.
const { run } = await import(process.argv[2])

process.stdout.setMaxListeners(0)
const answer = process.stdout.write.bind(process.stdout)
let [out, err] = [[], []]
process.stdout.write = (bytes) => out.push(Buffer.from(bytes)) > 0
process.stderr.write = (bytes) => err.push(Buffer.from(bytes)) > 0

for await (const line of createInterface({ input: process.stdin })) {
  const { args, env, cwd } = JSON.parse(line)
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...args)
  process.exitCode = 0
  ;[out, err] = [[], []]
  await run()
  const [stdout, stderr] = [out, err].map((chunks) => Buffer.concat(chunks).toString('base64'))
  answer(`${JSON.stringify({ code: process.exitCode, stdout, stderr })}\n`)
}
process.exitCode = 0
