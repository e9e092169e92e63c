#!/usr/bin/env node
// In words that every Node understands, so that an old one can say that it is too old.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write('duplicity-bridge needs Node 20.19 or later; this is Node ' + process.versions.node + '\n')
  process.exitCode = 1
} else {
  void import('../dist/main.js').then(({ run }) => run())
}
