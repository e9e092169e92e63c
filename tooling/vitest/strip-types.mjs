// Lets Node 20 run .ts files in worker threads of tests; later versions strip types by themselves.
import { register } from 'node:module'

if (!process.features.typescript) register('./strip-types-hook.mjs', import.meta.url)
