#!/usr/bin/env node
// npm start: installs, builds, and runs the tour, or with arguments the command line itself.
import { join } from 'node:path'
import { become, build, install, root } from './bootstrap.mjs'

try {
  install()
  build('build', '--filter=@coalmine/cli...')
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

const args = process.argv.slice(2)
const script = args.length > 0 ? join(root, 'apps', 'cli', 'bin', 'coalmine.js') : join(root, 'scripts', 'tour.mjs')
// npm runs scripts in the checkout; paths are meant where the command was typed.
const cwd = (process.env.npm_lifecycle_event === 'start' && process.env.INIT_CWD) || process.cwd()
become([process.execPath, script, ...args], { cwd })
