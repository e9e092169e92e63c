import { fileURLToPath } from 'node:url'

/** The variable in which the Python side finds how to start this side: a list of words as JSON. */
export const commandVariable = 'COALMINE_BRIDGE_COMMAND'

/** The folder that goes first on Python's path for one run. */
export const runFolder = fileURLToPath(new URL('../../python/run', import.meta.url))

/** The one file of the Python side. */
export const pythonFile = fileURLToPath(new URL('../../python/coalmine_duplicity_bridge.py', import.meta.url))

/** How this side is started: this Node, this program. */
export function bridgeCommand(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('../../bin/duplicity-bridge.js', import.meta.url)), 'rpc']
}
