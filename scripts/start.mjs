#!/usr/bin/env node
// npm start: installs, builds, and runs the tour (of the folder named), or with other arguments the command line itself.
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { become, build, install, root } from './bootstrap.mjs'

try {
  install()
  build('build', '--filter=@coalmine/cli...')
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

// npm runs scripts in the checkout; paths are meant where the command was typed.
const cwd = (process.env.npm_lifecycle_event === 'start' && process.env.INIT_CWD) || process.cwd()
const args = process.argv.slice(2)
if (args.length === 0 || (args.length === 1 && isFolder(args[0]))) {
  become([process.execPath, join(root, 'scripts', 'tour.mjs'), ...args], { cwd })
} else {
  // What the program starts itself with when it is called by its name.
  const flags = ['--initial-heap-size=32', '--max-semi-space-size=4']
  become([process.execPath, ...flags, join(root, 'apps', 'cli', 'bin', 'coalmine.js'), ...args], {
    cwd,
  })
}

/** One folder alone is no command: the tour goes through it. */
function isFolder(path) {
  return statSync(resolve(cwd, path), { throwIfNoEntry: false })?.isDirectory() ?? false
}
