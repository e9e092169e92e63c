import { fstatSync, lstatSync, realpathSync } from 'node:fs'
import { address, isAscii } from './address.ts'

/**
 * Looking names up by their whole path costs a third less than through the descriptor of their folder (62,500 entries:
 * 0.36 s against 0.52 s), but a path can be redirected by whoever can write to one of the folders on it. Where that is
 * root and ourselves only, a path is as good as a descriptor: such a path is called guarded here.
 */

/** Room for a name below the longest path that Linux takes, 4096 bytes with the NUL. */
const longestGuarded = 4096 - 256

const ourselves = process.geteuid?.()

/** Whether only root and ourselves can change which names a folder holds. Access lists show in the group's bits. */
export function isKept(facts: { uid: number; mode: number }, self = ourselves): boolean {
  return (facts.uid === 0 || facts.uid === self) && (facts.mode & 0o022) === 0
}

/**
 * The path of an open folder without symlinks and with a slash at its end, if it is guarded, and ASCII.
 *
 * @param path - With one char per byte.
 */
export function guardedPath(path: string, descriptor: number): string | undefined {
  try {
    const real = realpathSync.native(address(path), 'latin1')
    if (!isAscii(real)) return undefined
    const names = real.split('/').slice(1)
    // From the top: when all above is kept, what is found below is what will be found later, too.
    let above = '/'
    for (const name of names) {
      if (!isKept(lstatSync(address(above)))) return undefined
      above += above === '/' ? name : `/${name}`
    }
    const [there, here] = [lstatSync(address(real), { bigint: true }), fstatSync(descriptor, { bigint: true })]
    if (there.ino !== here.ino || there.dev !== here.dev) return undefined
    return real === '/' ? real : `${real}/`
  } catch {
    // It cannot be told: the path is too long or a folder above may not be searched. Descriptors need no such path.
    return undefined
  }
}

/** The guarded path of a folder in a guarded and kept one, as long as names in it do not get too long; ASCII only. */
export function guardedBelow(parent: string, name: string): string | undefined {
  const path = `${parent}${name}/`
  return path.length > longestGuarded || !isAscii(name) ? undefined : path
}
