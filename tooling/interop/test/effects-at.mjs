// Loaded before the program: counts what it does to files, beneath every port, and at one of these moments kills the process
// or has the disk full from there on.
//
// EFFECTS_AT=n kills before the nth effect. `globalThis.effects` is for a driver in the same process.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const state = { count: 0, at: Number(process.env.EFFECTS_AT ?? 0), mode: 'kill', struck: undefined }
globalThis.effects = state

const { O_WRONLY, O_RDWR, O_CREAT, O_APPEND, O_TRUNC } = fs.constants
const changes = (flags = 'r') =>
  typeof flags === 'number' ? (flags & (O_WRONLY | O_RDWR | O_CREAT | O_APPEND | O_TRUNC)) !== 0 : /[wa+]/.test(flags)

/** What needs room on the disk. */
const growing =
  /^(open|write|writev|mkdir|link|symlink|rename|copyFile|fsync|sync|datasync|writeFile|appendFile|ftruncate|truncate)(Sync)?$/

function effect(name) {
  state.count += 1
  if (state.at === 0 || state.count < state.at) return
  if (state.mode === 'kill') {
    if (state.count === state.at) process.kill(process.pid, 'SIGKILL')
    return
  }
  if (!growing.test(name)) return
  state.struck ??= name
  throw Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), {
    code: 'ENOSPC',
    errno: -28,
    syscall: name,
  })
}

function wrap(holder, name, counts) {
  const inner = holder[name]
  if (typeof inner !== 'function') return
  holder[name] = function (...args) {
    if (!counts(...args)) return inner.apply(this, args)
    const callback = name.endsWith('Sync') || holder !== fs ? undefined : args.at(-1)
    try {
      effect(name)
    } catch (error) {
      if (typeof callback === 'function') {
        process.nextTick(callback, error)
        return undefined
      }
      if (!name.endsWith('Sync')) return Promise.reject(error)
      throw error
    }
    return inner.apply(this, args)
  }
}

const always = () => true
const toFile = (descriptor) => descriptor > 2
const opening = (_, flags) => changes(flags)

if (isMainThread) {
  const names = [
    'mkdir',
    'rmdir',
    'unlink',
    'rename',
    'link',
    'symlink',
    'chmod',
    'chown',
    'lchown',
    'utimes',
    'lutimes',
    'copyFile',
    'truncate',
    'rm',
    'writeFile',
    'appendFile',
  ]
  for (const name of names) {
    wrap(fs, `${name}Sync`, always)
    wrap(fs, name, always)
    wrap(fs.promises, name, always)
  }
  for (const name of ['write', 'writev', 'fsync', 'fdatasync', 'ftruncate', 'fchmod', 'fchown', 'futimes']) {
    wrap(fs, `${name}Sync`, toFile)
    wrap(fs, name, toFile)
  }
  wrap(fs, 'openSync', opening)
  wrap(fs, 'open', opening)
  const handle = await fs.promises.open(process.execPath)
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  for (const name of ['write', 'writev', 'sync', 'datasync', 'truncate', 'chmod', 'chown', 'utimes', 'writeFile']) {
    wrap(prototype, name, always)
  }
  wrap(fs.promises, 'open', opening)
  syncBuiltinESMExports()
  const told = process.env.EFFECTS_COUNT
  if (told !== undefined) {
    const write = fs.writeFileSync
    process.on('exit', () => {
      state.at = 0
      write(told, String(state.count))
    })
  }
}
