#!/bin/sh
':' //; exec node --initial-heap-size=128 "$0" "$@"
// The line above is for the shell, which starts this file again under Node, with room to begin with: buffers count
// against the heap's first limit, and at Node's own, collecting garbage costs a sixth of the time of a backup. Node
// sees a string and a comment, so `node coalmine.js` works as well.
import { run } from '../dist/main.js'

await run()
