/**
 * What the real program has and this one does not have (yet). Named, so that nothing is ever silently ignored.
 */
export const refusedActions: Readonly<Record<string, string>> = {
  replicate: 'replicating',
}

const chains = ['metadata-sync-mode', 'no-check-remote']
const services =
  /^(s3|azure|swift|ssh|scp|sftp|ftp|rsync|imap|ssl|webdav|par2|cf|b2|mf|mp|idr)-|^(gio|use-scp|scp-command|sftp-command)$/

const gone: Readonly<Record<string, string>> = {
  'backend-retry-delay': 'it concerns services that can be busy, and folders are not',
  timeout: 'it concerns services that can hang, and none is built in yet',
  'asynchronous-upload': 'volumes are uploaded while the next ones are made anyway; --concurrency says how many',
  'copy-blocksize': 'there is nothing to tune by it here',
  'config-dir': 'there are no configuration files',
  'short-filenames': 'such names are read but not written',
  'old-filenames': 'such names are read but not written',
  'extra-clean': 'the real program dropped it long ago',
  'skip-volume': 'it serves tests of the real program only',
  'fail-on-volume': 'it serves tests of the real program only',
  pydevd: 'it serves tests of the real program only',
}

/** Why an option of the real program is not taken, or `undefined` for a name that nobody knows. */
export function refusedOption(name: string): string | undefined {
  if (chains.includes(name)) return 'this part of the life of chains is not built yet'
  if (services.test(name)) return 'it concerns a service that is not built in'
  return gone[name]
}

/** Whether the option takes a value in the real program; only to skip over it. */
export const refusedNames: readonly string[] = [...chains, ...Object.keys(gone)]
