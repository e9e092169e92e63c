// Starts the command from its source, as the kill test needs it: a process of its own.
import { run } from '../src/main.ts'

await run()
