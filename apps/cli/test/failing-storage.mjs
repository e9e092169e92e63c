// Loaded ahead of the program (`node --import`): calls of `node:fs/promises` on paths below FAILING_FOLDER that FAILING_CALL
// names fail, FAILING_TIMES times, as on a disk that stumbles. How often they did is said on standard error at the end.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { FAILING_CALL: name, FAILING_FOLDER: folder, FAILING_TIMES: times } = process.env
const whole = fs.promises[name]
let struck = 0
fs.promises[name] = async (path, ...more) => {
  if (!String(path).includes(folder) || struck >= Number(times)) return whole(path, ...more)
  struck += 1
  throw Object.assign(new Error(`EIO: i/o error, ${name} '${String(path)}'`), { code: 'EIO' })
}
syncBuiltinESMExports()
process.on('exit', () => process.stderr.write(`failed ${struck} times\n`))
