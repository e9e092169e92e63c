import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CommandError } from './command-error.ts'

/** What a Python says about itself and the duplicity that it finds. */
export interface PythonFacts {
  /** `3.11.2`. */
  readonly version: string
  /** Whether it is one of a virtual environment: pipx and `uv tool` make one per program. */
  readonly venv: boolean
  readonly userSite: string
  /** Whether it looks there. */
  readonly readsUserSite: boolean
  readonly sitePackages: readonly string[]
  readonly purelib: string
  /** Of duplicity; empty when it is not there. */
  readonly duplicity: string
  /** Where the hook was loaded from; empty when it was not. */
  readonly hook: string
  /** Module of what stands behind `mf://`, or what went wrong. */
  readonly mf: string
}

// Nothing of duplicity runs but the import of its backends.
const script = `
import json, os, site, sys, sysconfig
facts = {
    "version": "%d.%d.%d" % sys.version_info[:3],
    "venv": sys.prefix != getattr(sys, "base_prefix", sys.prefix),
    "userSite": site.getusersitepackages() if hasattr(site, "getusersitepackages") else "",
    "readsUserSite": bool(site.ENABLE_USER_SITE),
    "sitePackages": site.getsitepackages() if hasattr(site, "getsitepackages") else [],
    "purelib": sysconfig.get_paths()["purelib"],
    "hook": getattr(sys.modules.get("coalmine_duplicity_bridge"), "__file__", None) or "",
    "duplicity": "", "mf": "",
}
try:
    import duplicity
    facts["duplicity"] = getattr(duplicity, "__version__", "") or "unknown"
    from duplicity import log
    log.setup()
    import duplicity.backend
    duplicity.backend.import_backends()
    entry = duplicity.backend._backends.get("mf")
    facts["mf"] = getattr(entry, "__module__", "") if entry else "nothing"
except Exception as error:
    facts["mf"] = "%s: %s" % (type(error).__name__, error)
sys.stdout.write("\\n" + json.dumps(facts) + "\\n")
`

/**
 * Asks a Python about itself.
 *
 * @throws CommandError when it does not run.
 */
export async function askPython(python: readonly string[], env: NodeJS.ProcessEnv): Promise<PythonFacts> {
  const [program, ...flags] = python
  try {
    // Nothing is to be written where duplicity is, not even what Python makes of it.
    const quiet = { ...env, PYTHONDONTWRITEBYTECODE: '1' }
    const options = { env: quiet, cwd: '/', timeout: 60_000, maxBuffer: 1 << 24 }
    const { stdout } = await promisify(execFile)(program!, [...flags, '-c', script], options)
    const last = stdout.trimEnd().split('\n').at(-1) ?? ''
    return JSON.parse(last) as PythonFacts
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0]! : String(cause)
    throw new CommandError(`Cannot ask "${python.join(' ')}" about itself: ${reason}`, { cause })
  }
}
