import type { RawPath } from '@coalmine/bytes'

/**
 * The source as the real program writes it into manifests: empty and `.` components dropped, everything else kept as it
 * was typed (relative stays relative, `..` stays).
 */
export function canonicalSource(path: RawPath): RawPath {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const joined = (path.startsWith('/') ? '/' : '') + parts.join('/')
  return (joined === '' ? '.' : joined) as RawPath
}

/** Whether an operand names a storage: `scheme://…`. */
export function isUrl(operand: RawPath): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(operand)
}
