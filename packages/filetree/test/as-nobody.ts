/**
 * Does something synchronous without the rights of root, whatever this runs as: root could read and write anything, and
 * then nothing would be refused.
 */
export function asNobody<T>(call: () => T): T {
  if (process.geteuid?.() !== 0) return call()
  process.setegid!(65_534)
  process.seteuid!(65_534)
  try {
    return call()
  } finally {
    process.seteuid!(0)
    process.setegid!(0)
  }
}
