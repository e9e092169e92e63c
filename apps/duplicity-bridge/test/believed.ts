import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The names that duplicity believes to be stored, by the copies in its archive dir: a manifest and the signatures of each
 * set, and the volumes that the manifest counts.
 */
export function believedNames(home: string, encrypted: boolean): string[] {
  const root = join(home, '.cache', 'duplicity')
  const [suffix, plain] = encrypted ? ['gpg', 'gpg'] : ['gz', undefined]
  const names: string[] = []
  for (const folder of readdirSync(root)) {
    for (const name of readdirSync(join(root, folder))) {
      if (!name.startsWith('duplicity-')) continue
      if (name.endsWith('.sigtar.gz')) names.push(name.replace(/gz$/, suffix))
      else if (/\.manifest(?:\.part)?$/.test(name)) {
        // An interrupted set has volumes only.
        if (name.endsWith('.manifest')) names.push(plain === undefined ? name : `${name}.${plain}`)
        const manifest = readFileSync(join(root, folder, name), 'latin1')
        for (const [, volume] of manifest.matchAll(/^Volume (\d+):/gm)) {
          names.push(name.replace(/manifest(?:\.part)?$/, `vol${volume}.difftar.${suffix}`))
        }
      } else if (!name.endsWith('.sigtar.part'))
        throw new Error(`Cannot tell what duplicity believes: "${name}" is in its archive dir`)
    }
  }
  // A set that was resumed has the volume at which it went on twice in its manifest.
  return [...new Set(names)].sort()
}
