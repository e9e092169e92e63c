// Loaded ahead of the program (`node --import`): puts and gets of a file storage take their time, so that a test can look
// at what lies in the spool meanwhile. SLOW_MS is what each copy, and each read of a piece, takes longer.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

const ms = Number(process.env['SLOW_MS'])
const { copyFile, open } = fs.promises
fs.promises.copyFile = async (...args) => {
  await sleep(ms)
  return copyFile(...args)
}
fs.promises.open = async (...args) => {
  const file = await open(...args)
  const read = file.read.bind(file)
  file.read = async (...more) => {
    await sleep(ms)
    return read(...more)
  }
  return file
}
syncBuiltinESMExports()
