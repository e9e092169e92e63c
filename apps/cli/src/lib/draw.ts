import { randomBytes } from 'node:crypto'

/** Gives that many random bytes. */
export type RandomBytes = (count: number) => Uint8Array

/** More cannot be told apart by the 16 bits that one draw takes. */
const values = 65_536

/**
 * A whole number below `limit`, each as likely as any other.
 *
 * Two random bytes are a number below 65536. Of those, the greatest multiple of `limit` is divided evenly among the
 * results; what lies beyond is thrown away and drawn again. So no result has a value more than another, whatever `limit`
 * is: nothing is rounded, and a remainder alone (which would favour small results) decides nothing.
 *
 * @param random - Where bytes come from; the system's cryptographic generator.
 * @throws RangeError unless `limit` is a whole number from 1 to 65536.
 */
export function drawBelow(limit: number, random: RandomBytes = randomBytes): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > values) {
    throw new RangeError(`Cannot draw a number below ${limit}: it must be 1 to ${values}`)
  }
  const fair = values - (values % limit)
  for (;;) {
    const [high = 0, low = 0] = random(2)
    const value = high * 256 + low
    if (value < fair) return value % limit
  }
}
