/** Variables that hold secrets of storages. */
const secretNames = ['MEDIAFIRE_PASSWORD', 'BACKEND_PASSWORD', 'FTP_PASSWORD', 'COALMINE_MEDIAFIRE_APP_KEY'] as const

let secrets: Readonly<Record<string, string | undefined>> = {}

/** Takes them out of the environment, once, at the start of a run: no child inherits them. */
export function rememberStorageSecrets(): void {
  secrets = Object.fromEntries(secretNames.map((name) => [name, process.env[name]]))
  for (const name of secretNames) delete process.env[name]
}

/** The environment as storages see it. */
export function storageEnvironment(): Readonly<Record<string, string | undefined>> {
  return { ...process.env, ...secrets }
}
